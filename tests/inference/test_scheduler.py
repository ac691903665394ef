"""Less at once, then less in a request: what a run does where memory or context do not suffice."""

import itertools
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.describe.budget import plan_view
from longtake.errors import (
    EngineBusy,
    EngineTimeout,
    EngineUnreachable,
    LongtakeError,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Engine, Reply, Request
from longtake.pipeline.summarize import run
from longtake.records import Frame, Result
from longtake.report.csv import as_csv
from longtake.report.json import as_json
from longtake.report.markdown import as_markdown
from longtake.settings import Settings
from longtake.store import Answer, Store
from tests.scripted import ScriptedEngine, finish, say_time
from tests.videos import make_video, read_jpeg, read_number

Rule = Callable[[Request, int], None]
"""Raises where a request, with so many under way, is too much."""


def make_limited(rule: Rule, **able: object) -> ScriptedEngine:
    """An engine whose memory or context is a rule of the test; it looks at few pictures."""

    def say(request: Request) -> Reply:
        rule(request, engine.under_way)
        time.sleep(0.005)
        return say_time(request)

    seen = {"frame_side": 256, "frame_seconds": 1.0, "repeats": False}
    engine = ScriptedEngine(
        say, "limited", frame_tokens=lambda width, height: width * height // 256, **(seen | able)
    )
    return engine


def doze(seconds: float) -> None:
    """A wait of the run, as short as a test has time for."""
    time.sleep(min(seconds, 0.02))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s at 10 pictures a second that are large enough to be shown smaller."""
    folder = tmp_path_factory.mktemp("videos")
    return make_video(folder / "wide.mp4", seconds=20, size=(320, 240))


def describe(video: Path, store: Store, engine: Engine, **values: object) -> Result:
    """A run in chunks of five seconds, with short waits."""
    return finish(video, store, engine, sleep=doze, **({"chunk_seconds": 5.0} | values))


def pixels(frames: tuple[Frame, ...]) -> int:
    return sum(frame.width * frame.height for frame in frames)


def run_out(more_than: int, error: type[LongtakeError] = OutOfMemory) -> Rule:
    """Memory, or a context, for so many pixels in one request."""

    def rule(request: Request, under_way: int) -> None:
        if pixels(request.frames) > more_than:
            raise error("CUDA out of memory")

    return rule


@pytest.mark.parametrize(
    ("error", "why"),
    [(OutOfMemory, "memory did not suffice"), (RequestTooLarge, "too large for the engine")],
)
def test_chunk_that_is_too_much_is_seen_with_less_and_the_ledger_says_so(
    wide: Path, store: Store, error: type[LongtakeError], why: str
) -> None:
    engine = make_limited(run_out(60_000, error))
    result = describe(wide, store, engine)
    assert {d.status for d in result.descriptions} == {"described"}
    remarks = dict(result.ledger.remarks)
    assert sorted(remarks) == [1, 2, 3, 4]
    assert all(why in remark and "in place of" in remark for remark in remarks.values())
    assert all(pixels(request.frames) <= 60_000 for request in engine.asked[-3:])
    for written in (
        as_csv(result.descriptions),
        as_markdown(result).replace("\\", ""),
        as_json(result),
    ):
        assert why in written


def test_later_chunks_start_with_what_fitted(wide: Path, store: Store) -> None:
    engine = make_limited(run_out(60_000))
    describe(wide, store, engine)
    refused = [pixels(request.frames) > 60_000 for request in engine.asked]
    steps = refused.index(False)
    # The second chunk was made ready before the first one failed, later ones were not.
    assert sum(refused) <= 2 * steps


def test_what_is_left_of_a_chunk_is_smaller_frames_in_order(wide: Path, store: Store) -> None:
    engine = make_limited(run_out(60_000))
    result = describe(wide, store, engine, frame_side=320)
    whole, less = engine.asked[0].frames, engine.asked[-1].frames
    assert len(less) <= len(whole) and max(less[0].width, less[0].height) < 320
    assert [f.time for f in less] == sorted(f.time for f in less)
    span = result.descriptions[-1].chunk.span
    assert all(span.start <= frame.time < span.end for frame in less)
    for frame in less:
        assert abs(read_number(read_jpeg(frame.jpeg)) - frame.time * 10) <= 1
    for before, frame in zip(engine.asked[-1].parts[::2], less, strict=False):
        assert isinstance(before, str) and before.startswith("Frame at")
        assert frame in engine.asked[-1].parts


def test_remark_is_there_again_where_the_store_answers(wide: Path, store: Store) -> None:
    first = describe(wide, store, make_limited(run_out(60_000)))
    again = make_limited(run_out(60_000))
    assert describe(wide, store, again).ledger == first.ledger
    assert again.asked == []


def test_chunk_that_is_too_much_even_as_one_small_frame_is_a_gap(wide: Path, store: Store) -> None:
    def rule(request: Request, under_way: int) -> None:
        if request.frames[0].time < 5:
            raise OutOfMemory("no memory at all")

    result = describe(wide, store, make_limited(rule))
    assert [gap.chunk for gap in result.ledger.gaps] == [1]
    assert "no memory at all" in result.ledger.gaps[0].reason
    # It says nothing of the others; only what was made ready meanwhile may hold less.
    assert {3, 4}.isdisjoint(dict(result.ledger.remarks))


def test_fewer_at_once_come_before_smaller_frames(two_hundred: Path, store: Store) -> None:
    def rule(request: Request, under_way: int) -> None:
        time.sleep(0.05)
        if under_way > 3:
            raise OutOfMemory("CUDA out of memory")

    engine = make_limited(rule, width=8)
    result = describe(two_hundred, store, engine, chunk_seconds=4.0)
    assert {d.status for d in result.descriptions} == {"described"}
    assert result.ledger.remarks == ()
    assert engine.most_at_once > 3
    assert len(engine.asked) <= result.ledger.planned + 3 * 8


def test_those_that_run_out_of_memory_together_are_each_asked_alone(
    two_hundred: Path, store: Store
) -> None:
    """As a batch does: all of it fails, the first one as well."""
    batch, first = threading.Barrier(4), list(range(4))

    def rule(request: Request, under_way: int) -> None:
        if first:
            first.pop()
            batch.wait(5)
            raise OutOfMemory("CUDA out of memory")

    engine = make_limited(rule, width=4)
    result = describe(two_hundred, store, engine, chunk_seconds=10.0, frames=2)
    assert result.ledger.described == result.ledger.planned == 10
    assert result.ledger.remarks == ()


def test_most_images_that_an_engine_names_are_shown(wide: Path, store: Store) -> None:
    def rule(request: Request, under_way: int) -> None:
        if len(request.frames) > 2:
            raise RequestTooLarge("At most 2 image(s) may be provided", most_images=2)

    engine = make_limited(rule)
    result = describe(wide, store, engine)
    assert [len(request.frames) for request in engine.asked].count(2) == 4
    assert {max(f.width, f.height) for f in engine.asked[-1].frames} == {256}
    assert len(engine.asked) <= 4 + 2
    assert all("seen with 2 frames" in remark for _, remark in result.ledger.remarks)


def test_what_the_store_knows_arrives_one_by_one(two_hundred: Path, store: Store) -> None:
    engine = make_limited(lambda request, under_way: None)
    settings = Settings(out="out", chunking="fixed", chunk_seconds=1.0, frames=1, read_text="off")
    for _ in run(two_hundred, settings, store, engine, None):
        pass
    looked: list[str] = []

    class Watched(Store):
        def get(self, key: str) -> Answer | None:
            looked.append(key)
            return super().get(key)

    with Watched(store.path) as watched:
        steps = run(two_hundred, settings, watched, engine, None)
        next(step for step in steps if step.description)
        assert len(looked) < 10
        steps.close()


def test_width_grows_while_that_brings_more(two_hundred: Path, store: Store) -> None:
    engine = make_limited(lambda request, under_way: time.sleep(0.02), width=2, widest=8)
    result = describe(two_hundred, store, engine, chunk_seconds=0.5, frames=1)
    assert result.ledger.described == result.ledger.planned == 200
    assert 4 <= engine.most_at_once <= 8


def test_busy_engine_is_asked_fewer_at_once(two_hundred: Path, store: Store) -> None:
    def rule(request: Request, under_way: int) -> None:
        if under_way > 2:
            raise EngineBusy("slow down")

    engine = make_limited(rule, width=8)
    result = describe(two_hundred, store, engine, chunk_seconds=1.0, frames=1)
    assert result.ledger.described == 100
    assert engine.most_at_once >= 3


def test_width_of_the_user_is_kept(two_hundred: Path, store: Store) -> None:
    engine = make_limited(lambda request, under_way: time.sleep(0.01), width=1, widest=64)
    describe(two_hundred, store, engine, chunk_seconds=1.0, frames=1, at_once=3)
    assert engine.most_at_once == 3


def test_engine_that_dies_and_comes_back_loses_nothing(two_hundred: Path, store: Store) -> None:
    away = list(range(6))

    def rule(request: Request, under_way: int) -> None:
        if request.frames[0].time > 30 and away:
            away.pop()
            raise EngineUnreachable("the server is being started anew")

    engine = make_limited(rule, width=4)
    result = describe(two_hundred, store, engine, chunk_seconds=1.0, frames=1)
    assert result.ledger.described == result.ledger.planned and not result.ledger.gaps
    assert away == []


@pytest.mark.parametrize(
    ("context", "frames", "side"), [(4096, 6, 256), (1250, 6, 224), (900, 3, 224), (650, 1, 224)]
)
def test_frames_are_chosen_so_that_a_chunk_fits_the_context(
    context: int, frames: int, side: int
) -> None:
    engine = make_limited(lambda request, under_way: None, context_tokens=context)
    view = plan_view(Settings(chunk_seconds=5.0), engine, (320, 180))
    assert view.side == side and abs(view.frames - frames) <= 1
    words = 190
    assert words + 256 + view.frames * engine.frame_tokens(side, side * 9 // 16) <= context


def test_context_that_holds_no_frame_is_said_before_anything_is_asked(
    wide: Path, store: Store
) -> None:
    engine = make_limited(lambda request, under_way: None, context_tokens=400)
    with pytest.raises(UsageError, match="context of limited is too small: 400 tokens") as caught:
        describe(wide, store, engine)
    assert engine.asked == [] and "longer context" in caught.value.hint


def test_reply_that_was_cut_off_is_marked(wide: Path, store: Store) -> None:
    def break_off(request: Request) -> Reply:
        text = f"It begins at {request.frames[0].time} seconds. Then some"
        return Reply(text, 10, 256, complete=False)

    result = describe(wide, store, ScriptedEngine(break_off, repeats=False, frame_seconds=1.0))
    assert re.fullmatch(r"It begins at 0\.\d+ seconds\.", result.descriptions[0].text)
    assert [remark for _, remark in result.ledger.remarks] == [
        "the reply was cut off, and ends with its last whole sentence"
    ] * 4


class AskedForSight(ScriptedEngine):
    """Has to ask its model whether it sees: the first answers are errors."""

    def __init__(self, *errors: LongtakeError) -> None:
        super().__init__(say_time)
        self.looked = 0
        self._errors = list(errors)

    def check_sight(self) -> None:
        self.looked += 1
        if self._errors:
            raise self._errors.pop(0)


@pytest.mark.parametrize(("of_one", "most"), [(True, 4), (False, 2)])
def test_trouble_of_one_of_several_servers_leaves_as_many_under_way(
    wide: Path, store: Store, of_one: bool, most: int
) -> None:
    calls = itertools.count()
    widths: list[int] = []

    def answer(request: Request) -> Reply:
        if next(calls) == 0:
            error = EngineTimeout("no reply in time")
            error.of_one_server = of_one
            raise error
        time.sleep(0.05)
        widths.append(engine.under_way)
        return say_time(request)

    engine = ScriptedEngine(answer, width=4, repeats=False, frame_seconds=1.0)
    result = finish(wide, store, engine, chunk_seconds=1)
    assert not result.ledger.gaps and max(widths[4:]) == most


def test_blind_model_is_told_of_before_the_first_chunk(wide: Path, store: Store) -> None:
    engine = AskedForSight(UsageError("the model takes no images", "Name another."))
    with pytest.raises(UsageError, match="takes no images"):
        describe(wide, store, engine)
    assert engine.asked == [] and engine.looked == 1


def test_sight_of_a_busy_engine_is_asked_again(wide: Path, store: Store) -> None:
    engine = AskedForSight(*[EngineBusy("later")] * 3)
    assert describe(wide, store, engine).ledger.described == 4
    assert engine.looked == 4


def test_what_a_frame_costs_is_asked_once_and_never_again(wide: Path, store: Store) -> None:
    measured: list[tuple[int, int]] = []

    def measure(width: int, height: int) -> int:
        measured.append((width, height))
        return 100

    describe(wide, store, ScriptedEngine(say_time, frame_tokens=measure, context_tokens=1200))
    assert measured
    measured.clear()
    again = ScriptedEngine(say_time, frame_tokens=measure, context_tokens=1200)
    describe(wide, store, again)
    assert measured == [] and again.asked == []


def test_sight_is_checked_once_and_not_where_the_store_answers(wide: Path, store: Store) -> None:
    engine = AskedForSight()
    describe(wide, store, engine)
    describe(wide, store, engine)
    assert engine.looked == 1 and len(engine.asked) == 4
