"""Who writes the summary, and what stands there where nobody could: a digest that says so."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.embed import WORDS
from longtake.engines import DIGEST, choose_reconciler
from longtake.engines.fake import FakeEngine
from longtake.errors import UsageError
from longtake.inference.engine import Capabilities, Engine
from longtake.inference.scheduler import Work
from longtake.models.table import QWEN3, QWEN3_VL, QWEN25, SMOLLM2, SMOLVLM2
from longtake.pipeline.open_engines import Engines, Writer, check_reads, name_writer
from longtake.pipeline.session import run_to_end
from longtake.pipeline.write_summary import settle_chapters, sum_up
from longtake.records import (
    MEASURED,
    Chapter,
    Chunk,
    Description,
    Material,
    ScreenText,
    Segment,
    Summary,
    Video,
    Words,
)
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from tests.scripted import Scribe, ScriptedEngine
from tests.servers import EMBEDDINGS, embed_words, serve
from tests.talks import BRIDGE, SOUP
from tests.weights import put_here

GB = 1 << 30


def pretend(name: str, *, text: bool = True, small: bool = False) -> Engine:
    """An engine that is called so."""
    engine = FakeEngine()
    engine.name = name
    engine.capabilities = Capabilities(None, 4096, text=text, small=small)
    return engine


@pytest.mark.parametrize(
    ("describer", "chosen"),
    [
        (pretend("gguf:large"), "gguf:large"),
        (pretend("gguf:tiny", small=True), DIGEST),
        (pretend("server:any", small=True), "server:any"),
        (pretend("ollama:any", small=True), "ollama:any"),
        (pretend("server:blind", text=False), DIGEST),
        (pretend("sketch", text=False, small=True), DIGEST),
        (None, DIGEST),
    ],
    ids=lambda value: value.name if isinstance(value, Engine) else str(value),
)
def test_describer_writes_the_summary_where_its_model_suffices(
    describer: Engine | None, chosen: str
) -> None:
    assert choose_reconciler(describer)[0] == chosen


def test_else_the_largest_text_model_does_that_is_here_and_fits() -> None:
    sketch = pretend("sketch", text=False)
    put_here(SMOLLM2)
    assert choose_reconciler(sketch, 64 * GB)[0] == DIGEST
    put_here(QWEN25)
    assert choose_reconciler(sketch, 64 * GB)[0] == f"gguf:{QWEN25.name}"
    put_here(QWEN3)
    assert choose_reconciler(sketch, 64 * GB)[0] == f"gguf:{QWEN3.name}"
    assert choose_reconciler(None, 2 * GB)[0] == f"gguf:{QWEN25.name}"
    assert choose_reconciler(sketch, GB // 4)[0] == DIGEST
    assert choose_reconciler(pretend("gguf:large"), 64 * GB)[0] == "gguf:large"


def test_writer_that_is_named_is_taken_and_the_describer_stays_open() -> None:
    class Closing(FakeEngine):
        closed = False

        def close(self) -> None:
            self.closed = True

    describer = Closing()
    assert name_writer(Settings(), describer)[0] == DIGEST
    assert name_writer(Settings(reconciler="fake"), describer)[0] == "fake"
    with Engines() as engines:
        assert engines.open_writer(Settings(reconciler="fake"), describer) == (describer, None)
        assert engines.open_writer(Settings(embedder="words"), describer) == (DIGEST, None)
    assert not describer.closed


def test_writer_must_read_text() -> None:
    check_reads(DIGEST)
    check_reads(pretend("any"))
    with pytest.raises(UsageError, match="only looks at frames"):
        check_reads(pretend("sketch", text=False))


def make_mute(context_tokens: int = 4096) -> ScriptedEngine:
    """Reads text, and never says anything of use."""
    return ScriptedEngine(
        lambda request: "I would rather not.", "mute", images=0, context_tokens=context_tokens
    )


def tell(
    *said: str, seen: str = f"{MEASURED}one picture.", lines: tuple[str, ...] = (), title: str = ""
) -> Material:
    """Chunks of six seconds: what is said in each for four, what is seen, lines in the first."""
    spans = [Span(6.0 * n, 6.0 * n + 6) for n in range(max(1, len(said)))]
    words: Mapping[int, Words] = {
        number: Words(
            (Segment(Span(6.0 * number - 5, 6.0 * number - 1), text),),
            tuple(ScreenText(spans[0], line, 0.1, 0.2 - k / 10) for k, line in enumerate(lines)),
        )
        for number, text in enumerate(said, start=1)
    }
    descriptions = [
        Description(Chunk(n, span), "described", "it", text=seen, speech="".join(said[n - 1 : n]))
        for n, span in enumerate(spans, start=1)
    ]
    video = Video(Path("film.mp4"), "ab", spans[-1].end, spans[-1].end, title=title)
    return Material(video, descriptions, words, "en")


def summarize(
    material: Material,
    store: Store,
    writer: Writer = DIGEST,
    judge: Engine | None = None,
    **values: object,
) -> Summary | None:
    """What comes of it in the end."""
    work = Work(Settings(**values), store, lambda seconds: None)  # type: ignore[arg-type]
    return run_to_end(sum_up(work, writer, judge, material))


def test_summary_of_a_model_is_checked_and_says_who_wrote_it(store: Store) -> None:
    summary = summarize(tell("We begin.", "We end."), store, Scribe())
    assert summary and summary.made_by == "written by scribe"
    assert {(s.wording, s.support, s.source) for s in summary.sentences} == {
        ("model", "supported", None)
    }
    assert summary.judge == "the words alone"


@pytest.mark.parametrize(("context", "asked"), [(4096, 3), (300, 0)])
def test_model_without_a_summary_of_use_makes_way_for_a_digest_that_says_so(
    store: Store, context: int, asked: int
) -> None:
    mute, judge = make_mute(context), make_mute()
    summary = summarize(tell(*BRIDGE, *SOUP), store, mute, judge)
    assert summary and len(mute.asked) == asked
    assert summary.remarks == (
        "no summary that could be used came from mute, so there are quotes instead",
    )
    assert {s.support for s in summary.sentences} == {"quoted"} and judge.asked == []
    assert summary.made_by.startswith("made of quotes: what is said")


def test_digest_quotes_whole_sentences_with_their_times_and_chunks(store: Store) -> None:
    summary = summarize(tell(*BRIDGE, *SOUP), store)
    assert summary
    for quote in summary.sentences:
        number = [*BRIDGE, *SOUP].index(quote.text) + 1
        assert (quote.evidence, quote.span) == ((number,), Span(6.0 * number - 5, 6.0 * number - 1))
        assert (quote.source, quote.wording) == ("voice", "own words")
    assert [chapter.span for chapter in summary.chapters] == [Span(0, 37), Span(37, 72)]
    assert summary.made_by == (
        "made without a vision-language model: what is said and written, in its own words"
    )
    assert summary.compared_by.startswith(f"{WORDS}: no embedder is here")
    one = summarize(tell(*BRIDGE[:2]), store)
    assert one and one.chapters == ()


def test_chapters_begin_at_nought_and_last_ten_seconds_or_youtube_takes_none() -> None:
    def settle(duration: float, *chapters: tuple[float, str]) -> list[tuple[float, float, str]]:
        given = [Chapter(Span(start, start + 1), title) for start, title in chapters]
        settled = settle_chapters(given, duration)
        return [(c.span.start, c.span.end, c.title) for c in settled]

    talk = (17.2, "Start"), (31.9, "Two"), (41.8, "Too soon"), (50.0, "Late"), (92.0, "Short")
    assert settle(100, *talk) == [(0, 31.9, "Start"), (31.9, 50, "Two"), (50, 100, "Late")]
    assert settle(45, *talk) == [(0, 31.9, "Start"), (31.9, 45, "Two")]
    assert settle(100, talk[0]) == settle(9, *talk[:2]) == settle(100) == []


@given(st.lists(st.floats(0, 900), max_size=12), st.floats(1, 900))
def test_settled_chapters_cover_the_video_and_stay_as_they_are(
    starts: list[float], duration: float
) -> None:
    chapters = [Chapter(Span(start, 1000), str(start)) for start in sorted(starts)]
    settled = settle_chapters(chapters, duration)
    assert settle_chapters(settled, duration) == settled
    if settled:
        assert (settled[0].span.start, settled[-1].span.end) == (0, duration)
        assert all(a.span.end == b.span.start for a, b in pairwise(settled))
        assert min(chapter.span.end - chapter.span.start for chapter in settled) >= 10


def test_digest_of_descriptions_lacks_a_text_model(store: Store) -> None:
    summary = summarize(tell("We begin.", seen="A man lifts a stone onto a wall."), store)
    assert summary and {s.source for s in summary.sentences} == {"description", "voice"}
    assert summary.made_by == (
        "made without a text model: what is described, said and written, in its own words"
    )


@pytest.mark.parametrize(
    ("material", "headline"),
    [
        (tell(*BRIDGE, lines=("How Bridges Stand", "small print"), title="Of bridges"), "Of br"),
        (tell(*BRIDGE, lines=("How Bridges Stand", "small print")), "How Bridges Stand"),
        (tell(*BRIDGE, *SOUP, title="holiday.mp4"), "Bridge, "),
        (tell(*BRIDGE[:2]), "film"),
        (tell(title="holiday.mp4"), "holiday"),
    ],
    ids=["title", "heading", "phrases", "file", "name"],
)
def test_headline_of_a_digest_is_the_first_that_there_is(
    store: Store, material: Material, headline: str
) -> None:
    summary = summarize(material, store)
    assert summary and summary.headline.startswith(headline)
    assert summary.headline_support == "quoted"


def test_film_without_words_says_what_would_tell_of_it(store: Store) -> None:
    summary = summarize(tell(), store)
    assert summary and (summary.sentences, summary.compared_by) == ((), "")
    assert "no words of it are known" in summary.made_by
    remark, command = summary.remarks
    assert command.startswith("longtake models pull ") and " GB)" in remark
    for model in (SMOLVLM2, QWEN3_VL):
        put_here(model)
    here = summarize(tell(), store)
    assert here and here.remarks[1] == f"--engine gguf:{QWEN3_VL.name}"


def test_of_nothing_there_is_no_summary(store: Store) -> None:
    assert summarize(tell(seen=""), store) is None


def test_wish_that_a_digest_can_t_meet_is_told_shortly(store: Store) -> None:
    summary = summarize(tell(*BRIDGE, *SOUP), store, language="German " * 14)
    assert summary and len(summary.remarks) == 1
    assert "German" in summary.remarks[0] and len(summary.remarks[0]) < 150


@pytest.mark.parametrize(
    "change", [lambda told: told, lambda told: tell(*SOUP, *BRIDGE)], ids=["same", "other order"]
)
def test_sentence_s_meaning_is_asked_for_once(
    store: Store, change: Callable[[Material], Material]
) -> None:
    material = tell(*BRIDGE, *SOUP)
    with serve() as server:
        server.set(EMBEDDINGS, embed_words)
        wanted = {"embedder": "server:tiny", "base_url": server.base_url}
        first = summarize(material, store, **wanted)
        asked = len(server.asked)
        second = summarize(change(material), store, **wanted)
        assert len(server.asked) == asked > 0
    assert first and second and first.compared_by == "server:tiny: as --embedder says"
