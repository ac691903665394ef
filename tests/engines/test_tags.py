"""What detectors saw goes beside a description, from the engine to the files and back."""

import json
from pathlib import Path

import pytest

from longtake.inference.engine import Reply
from longtake.records import Chunk, Description, Tag
from longtake.report import as_json
from longtake.report.csv import as_csv, read_csv
from longtake.report.read_back import read_descriptions
from longtake.store import Answer, Store, pack_tags, unpack_tags
from longtake.timecode import Span
from tests.scripted import ScriptedEngine, finish
from tests.videos import draw_still, make_video

TAGS = (Tag("person", 1.0), Tag("traffic light", 0.4))
SUBTITLES = "\n".join(
    f"{n}\n00:00:{6 * n - 5:02},000 --> 00:00:{6 * n - 3:02},000\nSentence {n}.\n"
    for n in (1, 2, 3)
)


def make_tagger() -> ScriptedEngine:
    """Reads no text, and sees the same everywhere."""
    return ScriptedEngine(lambda request: Reply("Measured: much movement.", tags=TAGS), text=False)


def test_tags_of_a_reply_are_its_description_s_and_stay_in_the_store(
    tmp_path: Path, store: Store
) -> None:
    video = make_video(tmp_path / "film.mp4", seconds=12)
    for _ in "12":
        engine = make_tagger()
        result = finish(video, store, engine)
        assert [d.tags for d in result.descriptions] == [TAGS, TAGS]
    assert engine.asked == []
    document = json.loads(as_json(result, descriptions=True))
    assert document["descriptions"][0]["tags"] == [
        {"label": "person", "share": 1.0},
        {"label": "traffic light", "share": 0.4},
    ]
    assert [row["tags"] for row in read_csv(Path("out/descriptions.csv"))] == [
        "person 100 %, traffic light 40 %"
    ] * 2


def test_what_is_said_is_of_no_matter_to_an_engine_that_reads_no_text(
    tmp_path: Path, store: Store
) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=18, draw=draw_still)
    (tmp_path / "talk.srt").write_text(SUBTITLES)
    result = finish(video, store, make_tagger())
    assert [d.speech for d in result.descriptions] == ["Sentence 1.", "Sentence 2.", "Sentence 3."]
    assert [(d.same_as, d.tags) for d in result.descriptions] == [(0, TAGS), (1, TAGS), (1, TAGS)]
    (tmp_path / "talk.srt").write_text(SUBTITLES.replace("Sentence", "Another"))
    again = make_tagger()
    assert finish(video, store, again).descriptions[2].speech == "Another 3."
    assert again.asked == []


def test_tags_are_packed_for_the_store_and_unpacked(store: Store) -> None:
    assert unpack_tags(pack_tags(TAGS)) == TAGS
    assert pack_tags(()) == "" and unpack_tags("") == ()
    store.put("key", "describe", Answer("tagger", "text", tags=pack_tags(TAGS)))
    found = store.get("key")
    assert found and unpack_tags(found.tags) == TAGS


def test_tags_written_are_read_back() -> None:
    described = Description(
        Chunk(1, Span(0, 6)), "described", "tagger", "Measured: one cut.", tags=TAGS
    )
    path = Path("descriptions.csv")
    path.write_text(as_csv([described]), newline="")
    (found,) = read_descriptions(path)
    assert found.tags == TAGS and not found.is_prose


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("", ()),
        ("person 100 %", TAGS[:1]),
        ("person 100%; traffic light 40 %", TAGS),
        ("person, traffic light 40 %", TAGS[1:]),
        ("person 400 %, 40 %, a dog -3 %, ,", ()),
        ("cat 0 %", (Tag("cat", 0.0),)),
    ],
)
def test_cell_of_tags_that_a_person_wrote_is_read_as_far_as_it_can_be(
    cell: str, tags: tuple[Tag, ...]
) -> None:
    path = Path("descriptions.csv")
    path.write_text(f'chunk,start,end,description,tags\n1,0,6,A dog.,"{cell}"\n2,6,12,,"{cell}"\n')
    found, failed = read_descriptions(path)
    assert found.tags == tags and found.is_prose
    assert failed.tags == () and not failed.is_prose
