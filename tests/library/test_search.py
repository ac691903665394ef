"""Moments are found by words and by meaning, whatever is asked, and in the right video."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from longtake.embed import Embedder, identify
from longtake.errors import OutputError, UsageError
from longtake.library.add import embed_missing
from longtake.library.index import (
    FACTS,
    Where,
    forget_video,
    list_passages_of,
    list_videos,
    list_without_vectors,
    put_video,
)
from longtake.library.passages import KINDS, Passage
from longtake.library.search import (
    NEAR_SECONDS,
    FoundMoment,
    VectorCache,
    check_query,
    heed_neighbours,
    merge,
    search,
)
from longtake.pipeline.session import run_to_end
from longtake.records import Video
from longtake.store import Store
from longtake.timecode import Span
from tests.embed.test_embed import make_model, open_tiny

KITCHEN = [
    Passage("seen", Span(0, 6), "A man stirs the soup in a pot."),
    Passage("said", Span(30, 33), "Now the onion goes in."),
    Passage("read", Span(60, 66), "Onion soup, serves four"),
    Passage("told", Span(0, 300), "A cook makes soup."),
]
RIVER = [
    Passage("seen", Span(0, 6), "A stone arch stands over a river."),
    Passage("said", Span(90, 95), "This bridge is two thousand years old."),
]


def put(store: Store, name: str, passages: Sequence[Passage], language: str = "en") -> int:
    video = Video(Path(f"/videos/{name}.mp4"), name.ljust(64, "0"), 300.0, 300.0)
    return put_video(store, video, passages, language, f"About the {name}")


@pytest.fixture
def filled(store: Store) -> Store:
    """A store whose library holds two videos, numbered 1 and 2."""
    put(store, "kitchen", KITCHEN)
    put(store, "river", RIVER)
    return store


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Embedder]:
    """A model that knows bridge, arch, soup, pot and onion."""
    with open_tiny(make_model(tmp_path / "tiny")) as opened:
        yield opened


def find(
    store: Store, query: str, embedder: Embedder | None = None, **where: object
) -> list[FoundMoment]:
    videos = [video.id for video in list_videos(store)]
    if embedder:
        run_to_end(embed_missing(store, embedder, videos))
    place = Where(**{"videos": videos, **where})  # type: ignore[arg-type]
    return search(store, query, place, embedder, VectorCache(), most=10)


def texts(found: Sequence[FoundMoment]) -> list[str]:
    return [moment.text for moment in found]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("stirring the pot", "A man stirs the soup in a pot."),
        ("ONIONS", "Onion soup, serves four"),
        ('"two thousand"', "This bridge is two thousand years old."),
        ("“the onion goes”", "Now the onion goes in."),
        ("the a of stone", "A stone arch stands over a river."),
    ],
)
def test_words_are_found_in_other_forms_and_phrases_as_they_stand(
    filled: Store, query: str, first: str
) -> None:
    assert texts(find(filled, query))[0] == first


def test_phrase_that_stands_nowhere_finds_nothing_whatever_is_near_in_meaning(
    filled: Store, tiny: Embedder
) -> None:
    assert find(filled, '"onion the goes"', tiny) == []
    assert texts(find(filled, '"old bridge" soup')) == []
    assert 0 < find(filled, '"two thousand"')[0].score <= 1


@pytest.mark.parametrize(
    "query",
    [
        "NEAR(soup",
        "soup AND",
        "* soup",
        "words:soup",
        'soup "',
        "-soup",
        "soup^2 OR (",
        "sóup'; --",
    ],
)
def test_operators_and_quotes_are_words_like_others(filled: Store, query: str) -> None:
    assert "A man stirs the soup in a pot." in texts(find(filled, query))


@pytest.mark.parametrize("query", ["", "  ", '""', "?!", "\n"])
def test_query_without_a_word_is_bad_usage(query: str) -> None:
    with pytest.raises(UsageError, match="no word"):
        check_query(query)


def test_query_of_ten_thousand_letters_is_bad_usage_and_says_how_many_may_be() -> None:
    with pytest.raises(UsageError, match="10,000 letters; at most 2,000"):
        check_query("a" * 10_000)


def test_scripts_without_blanks_are_found_by_what_stands_inside(store: Store) -> None:
    put(store, "red", [Passage("said", Span(0, 5), "一辆红色的汽车停在路口。")], "zh")
    put(store, "door", [Passage("said", Span(0, 5), "ประตูเปิดออกอย่างช้าๆ")], "th")
    assert texts(find(store, "红色的汽车")) == ["一辆红色的汽车停在路口。"]
    assert texts(find(store, "เปิดออก")) == ["ประตูเปิดออกอย่างช้าๆ"]
    assert find(store, '"汽车红色"') == []


def test_meaning_finds_what_no_word_does(filled: Store, tiny: Embedder) -> None:
    assert find(filled, "arches") and not find(filled, "soups' arches", kinds=["read"])[1:]
    assert texts(find(filled, "bridge", tiny))[0] == "This bridge is two thousand years old."
    by_words, merged = find(filled, "pot"), find(filled, "pot", tiny)
    assert texts(by_words) == texts(merged)[:1] and len(merged) > len(by_words)
    assert 0 < by_words[0].score < 1 and 0 < merged[0].score < 1


@pytest.mark.parametrize("with_vectors", [False, True])
@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"videos": [2]}, set()),
        ({"kinds": ["said"]}, {"Now the onion goes in."}),
        ({"kinds": ["read", "told"]}, {"Onion soup, serves four"}),
        ({"after": 34.0, "kinds": ["said", "read"]}, {"Onion soup, serves four"}),
        ({"before": 29.0, "kinds": ["said", "read"]}, set()),
    ],
)
def test_only_what_is_asked_for_is_looked_at(
    filled: Store, tiny: Embedder, where: dict[str, object], found: set[str], with_vectors: bool
) -> None:
    shown = set(texts(find(filled, "onion", tiny if with_vectors else None, **where)))
    others = {p.text for p in (*KITCHEN, *RIVER)} - {"Now the onion goes in.", KITCHEN[2].text}
    assert shown - others == found
    assert with_vectors or shown == found


def test_neighbours_make_one_moment_with_each_kind_once(store: Store) -> None:
    put(
        store,
        "talk",
        [
            Passage("said", Span(10, 12), "The bridge is closed."),
            Passage("read", Span(13, 15), "BRIDGE CLOSED"),
            Passage("said", Span(14, 16), "Nobody may use the bridge."),
            Passage("said", Span(16 + 2 * NEAR_SECONDS, 60), "A bridge again."),
        ],
    )
    first, second = find(store, "bridge closed")
    assert first.kinds == ("said", "read") and len(first.passages) == 3
    assert [passage.text for passage in first.by_kind] == [first.text, first.by_kind[1].text]
    assert texts([second]) == ["A bridge again."]


def test_action_that_is_done_again_later_is_another_moment(store: Store) -> None:
    spans = (Span(10, 12), Span(13, 15), Span(100, 102))
    put(store, "cup", [Passage("action", span, "pouring") for span in spans])
    assert [moment.span.start for moment in find(store, "pouring")] == [10, 100]
    put(store, "cup", [Passage("seen", span, "pouring") for span in spans])
    assert len(find(store, "pouring")) == 1


def test_merged_passage_counts_what_it_has_of_words_and_of_meaning() -> None:
    numbers, likenesses = np.array([1, 2, 3, 4]), np.array([0.9, 0.8, 0.1, -0.5], np.float32)
    merged = merge({3: 0.8, 2: 0.1, 7: 0.05}, numbers, likenesses)
    assert list(merged) == [3, 2, 1, 7, 4] and merged[4] == 0
    assert all(0 <= score <= 1 for score in merged.values())
    assert merge({}, numbers[:0], likenesses[:0]) == {}


def test_neighbours_that_mean_the_same_lift_a_passage_and_far_ones_do_not() -> None:
    facts = np.zeros(4, FACTS)
    facts["start"] = 0, 5, 10, 10 + 2 * NEAR_SECONDS
    facts["end"] = facts["start"] + 5
    facts["kind"] = KINDS.index("said")
    alone, beside, middle, far = heed_neighbours(np.array([0.5, 0.5, 0.8, 0.5]), facts)
    assert beside > alone == far == pytest.approx(0.5)
    assert 0.5 < middle < 0.8
    assert heed_neighbours(np.zeros(0), facts[:0]).shape == (0,)
    facts["kind"][2] = KINDS.index("seen")
    assert heed_neighbours(np.array([0.5, 0.5, 0.8, 0.5]), facts)[1:3] == pytest.approx([0.5, 0.8])


def test_one_word_of_a_long_question_counts_far_less_than_all_words_of_a_short_one(
    filled: Store,
) -> None:
    name, question = "onion", "which onion grows quietly under the old lighthouse"
    short, long = find(filled, name), find(filled, question)
    assert texts(long)[-1] in texts(short)
    by_text = {moment.text: moment.score for moment in short}
    assert all(moment.score < by_text[moment.text] / 4 for moment in long if "nion" in moment.text)
    assert 0 < by_text["Onion soup, serves four"] < 1


def test_video_that_says_the_same_keeps_its_vectors_and_another_text_takes_its_place(
    filled: Store, tiny: Embedder
) -> None:
    find(filled, "soup", tiny)
    assert put(filled, "kitchen", KITCHEN) == 1
    assert list_without_vectors(filled, identify(tiny), [1, 2]) == []
    again = put(filled, "kitchen", KITCHEN[:1])
    assert list_without_vectors(filled, identify(tiny), [again, 2]) == [again]
    assert texts(find(filled, "onion")) == []
    assert [video.name for video in list_videos(filled)].count("kitchen.mp4") == 1


def test_forgotten_video_is_found_no_more_even_while_it_is_indexed(
    filled: Store, tiny: Embedder
) -> None:
    steps = embed_missing(filled, tiny, [1, 2])
    next(steps)
    forget_video(filled, 1)
    run_to_end(steps)
    assert {moment.video.id for moment in find(filled, "onion soup bridge", tiny)} == {2}
    assert list_passages_of(filled, 1) == []


def test_vectors_of_another_embedder_are_never_compared(filled: Store, tmp_path: Path) -> None:
    one, other = (open_tiny(make_model(tmp_path / name)) for name in ("one", "other"))
    other.name = "another"
    with one, other:
        find(filled, "soup", one)
        assert list_without_vectors(filled, identify(other), [1, 2]) == [1, 2]
        where = Where([1, 2], ["seen"])
        assert texts(search(filled, "zebra", where, other, VectorCache())) == []
        assert find(filled, "zebra soup", other)
        assert list_without_vectors(filled, identify(one), [1, 2]) == [1, 2]


def test_two_that_index_at_once_leave_each_video_once(tmp_path: Path) -> None:
    def index() -> None:
        with Store(tmp_path / "shared.sqlite") as store:
            for number in range(20):
                put(store, f"film{number:02}", [*KITCHEN, *RIVER])

    workers = [threading.Thread(target=index) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with Store(tmp_path / "shared.sqlite") as store:
        assert len(list_videos(store)) == 20
        assert len(find(store, "stirs")) == 10


def test_damaged_index_of_words_is_made_anew_and_that_is_said(
    filled: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(filled.path) as database:
        database.execute("DELETE FROM passage_words_data WHERE id > 10")
    with caplog.at_level("INFO"):
        assert texts(find(filled, "stirs")) == ["A man stirs the soup in a pot."]
    assert "damaged: it is made anew" in caplog.text


def test_missing_index_is_made_from_the_passages(filled: Store) -> None:
    with sqlite3.connect(filled.path) as database:
        database.execute("DROP TABLE passage_words")
    assert texts(find(filled, "stirs")) == ["A man stirs the soup in a pot."]


def test_other_trouble_with_the_store_is_no_reason_to_index_anew(filled: Store) -> None:
    filled.close()
    with pytest.raises(OutputError, match="can't be used"):
        find(filled, "soup")
