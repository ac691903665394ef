"""The pipeline's promises: nothing asked twice, nothing lost in silence, nothing left half done."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.engines import DIGEST
from longtake.errors import (
    BadReply,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    SourceError,
    UsageError,
)
from longtake.inference.engine import Capabilities, Reply, Request
from longtake.pipeline.summarize import run
from longtake.records import Progress, Result
from longtake.report.html import read_thumbs
from longtake.settings import Settings
from longtake.store import Store
from tests.conftest import ROOT
from tests.scripted import Scribe, ScriptedEngine, finish, say_time
from tests.talks import is_whole, write_down
from tests.videos import cut, make_video, read_jpeg, read_number


def test_each_chunk_is_described_from_its_own_frames_in_order(numbered: Path, store: Store) -> None:
    engine = ScriptedEngine(say_time)
    result = finish(numbered, store, engine)
    assert [d.chunk.number for d in result.descriptions] == [1, 2, 3, 4]
    for chunk, request in zip((d.chunk for d in result.descriptions), engine.asked, strict=True):
        numbers = [read_number(read_jpeg(frame.jpeg)) for frame in request.frames]
        assert numbers == sorted(numbers)
        assert numbers == [round(frame.time * 10) for frame in request.frames]
        assert all(chunk.span.start <= frame.time < chunk.span.end for frame in request.frames)


def test_pictures_of_the_report_are_those_of_their_chunks(numbered: Path, store: Store) -> None:
    result = finish(numbered, store, ScriptedEngine(say_time), Scribe())
    thumbs = read_thumbs(result.out / "report.html")
    assert sorted(thumbs) == [1, 2, 3, 4]
    for description in result.descriptions:
        span = description.chunk.span
        number = read_number(read_jpeg(thumbs[description.chunk.number].jpeg))
        assert 10 * span.start <= number < 10 * span.end


def test_report_has_pictures_of_what_can_be_read_of_a_broken_file(
    tmp_path: Path, store: Store
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=24, file_options={"movflags": "faststart"})
    cut(path, 0.5)
    result = finish(path, store, ScriptedEngine(say_time), Scribe())
    lost = {d.chunk.number for d in result.descriptions if d.chunk.missing}
    read = {d.chunk.number for d in result.descriptions} - lost
    assert lost and read and set(read_thumbs(result.out / "report.html")) == read


def test_times_stand_in_text_before_each_frame(numbered: Path, store: Store) -> None:
    engine = ScriptedEngine(say_time)
    finish(numbered, store, engine, frames=2)
    first, _, second, _, last = engine.asked[1].parts
    assert (first, second) == ("Frame at 0:07:", "Frame at 0:10:")
    assert isinstance(last, str)
    assert "0:06–0:12" in last


def test_second_run_asks_nothing(numbered: Path, store: Store) -> None:
    finish(numbered, store, ScriptedEngine(say_time), Scribe())
    again = ScriptedEngine(say_time)
    result = finish(numbered, store, again, Scribe())
    assert again.asked == []
    assert all(description.stored for description in result.descriptions)
    assert sum(usage.cost.requests for usage in result.usage) == 0
    assert sum(usage.from_store for usage in result.usage) == 5


@pytest.mark.parametrize(
    "change",
    [{"frames": 3}, {"frame_side": 32}, {"chunk_seconds": 5.0}],
    ids=lambda c: next(iter(c)),
)
def test_what_would_change_an_answer_is_asked_anew(
    numbered: Path, store: Store, change: dict[str, object]
) -> None:
    finish(numbered, store, ScriptedEngine(say_time))
    again = ScriptedEngine(say_time)
    finish(numbered, store, again, **change)
    assert len(again.asked) == 4


def test_other_engine_options_and_other_content_are_asked_anew(
    numbered: Path, store: Store, tmp_path: Path
) -> None:
    finish(numbered, store, ScriptedEngine(say_time))
    other = ScriptedEngine(say_time)
    other.options = {"temperature": 1}
    finish(numbered, store, other)
    assert len(other.asked) == 4
    renamed = tmp_path / "renamed.mp4"
    renamed.write_bytes(numbered.read_bytes())
    same = ScriptedEngine(say_time)
    finish(renamed, store, same)
    assert same.asked == []
    renamed.write_bytes(numbered.read_bytes() + b"\0\0\0\x08free")
    changed = ScriptedEngine(say_time)
    finish(renamed, store, changed)
    assert len(changed.asked) == 4


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from longtake.inference.engine import Reply
from longtake.pipeline.summarize import run
from longtake.settings import Settings
from longtake.store import Store
from tests.scripted import ScriptedEngine

video, store, log, role, width, die_at = sys.argv[1:]

def answer(engine, name, text):
    if role == name and len(engine.asked) == int(die_at):
        os.kill(os.getpid(), signal.SIGKILL)
    with open(log, "a") as file:
        file.write(f"{name} {text}\\n")
    return Reply(f"{text} is what happens.")

describer = ScriptedEngine(lambda r: answer(describer, "chunk", r.frames[0].time), width=int(width))
reconciler = ScriptedEngine(lambda r: answer(reconciler, "question", len(r.text)))
settings = Settings(out="out", chunking="fixed", read_text="off")
for step in run(video, settings, Store(Path(store)), describer, reconciler):
    pass
"""


def run_until_killed(
    video: Path, store: Path, log: Path, die_at: int, role: str = "chunk", width: int = 1
) -> int:
    """A run in a process of its own that is killed when it asks for the nth time (0: never)."""
    arguments = [sys.executable, "-c", KILLED_RUN, video, store, log, role, width, die_at]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([str(a) for a in arguments], env=environment, check=False).returncode


def count_chunks(log: Path) -> Counter[str]:
    """How often each chunk was answered for, by its first frame's time."""
    lines = (line.split() for line in log.read_text().splitlines())
    return Counter(time for role, time in lines if role == "chunk")


ONCE = {"0.5": 1, "6.5": 1, "12.5": 1, "18.5": 1}


def test_run_killed_at_every_chunk_in_turn_asks_each_once(numbered: Path, tmp_path: Path) -> None:
    for die_at in range(1, len(ONCE) + 1):
        store, log = tmp_path / f"{die_at}.sqlite", tmp_path / f"{die_at}.log"
        log.touch()
        assert run_until_killed(numbered, store, log, die_at) == -signal.SIGKILL
        assert count_chunks(log).total() == die_at - 1
        assert run_until_killed(numbered, store, log, 0) == 0
        assert count_chunks(log) == ONCE, f"killed at {die_at}"


def test_run_killed_while_it_reconciles_describes_nothing_again(
    numbered: Path, tmp_path: Path
) -> None:
    store, log = tmp_path / "store.sqlite", tmp_path / "log"
    for die_at in (1, 2):
        assert run_until_killed(numbered, store, log, die_at, "question") == -signal.SIGKILL
        assert count_chunks(log) == ONCE
    assert run_until_killed(numbered, store, log, 0) == 0
    assert count_chunks(log) == ONCE


def test_kill_costs_no_more_than_the_requests_under_way(numbered: Path, tmp_path: Path) -> None:
    width = 3
    store, log = tmp_path / "store.sqlite", tmp_path / "log"
    assert run_until_killed(numbered, store, log, 4, width=width) == -signal.SIGKILL
    assert run_until_killed(numbered, store, log, 0, width=width) == 0
    answered = count_chunks(log)
    assert answered.keys() == ONCE.keys()
    assert answered.total() - len(ONCE) <= width


def test_run_killed_again_and_again_comes_to_an_end(numbered: Path, tmp_path: Path) -> None:
    store, log = tmp_path / "store.sqlite", tmp_path / "log"
    for _ in range(3):
        assert run_until_killed(numbered, store, log, 2) == -signal.SIGKILL
    assert run_until_killed(numbered, store, log, 0) == 0
    assert count_chunks(log) == ONCE


def _run_beside(video: Path, store: Path, out: str) -> None:
    engine = ScriptedEngine(say_time, width=2)
    settings = Settings(out=out, chunking="fixed", read_text="off")
    for _ in run(video, settings, Store(store), engine, Scribe()):
        pass


def test_runs_at_once_on_one_store_don_t_harm_each_other(numbered: Path, tmp_path: Path) -> None:
    store = tmp_path / "fresh" / "store.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_run_beside, args=(numbered, store, str(tmp_path / f"out{n}")))
        for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    summaries = [json.loads((tmp_path / f"out{n}" / "summary.json").read_text()) for n in range(3)]
    assert [s["ledger"]["described"] for s in summaries] == [4, 4, 4]
    assert len({json.dumps(s["summary"]) for s in summaries}) == 1


FAULTS: dict[str, Callable[[], Reply | EngineError]] = {
    "timeout": lambda: EngineTimeout("no reply in time"),
    "401": lambda: EngineRefused("the server answered 401: no key"),
    "429": lambda: EngineBusy("the server answered 429: slow down", retry_after=1.0),
    "500": lambda: EngineFailed("the server answered 500: boom"),
    "empty": lambda: Reply("   \n"),
    "html": lambda: Reply("<html><body>502 Bad Gateway</body></html>"),
    "json": lambda: Reply('{"error": {"message": "model is loading"}}'),
    "refusal": lambda: Reply("I'm sorry, but I can't view images."),
    "loop": lambda: Reply("A man walks. " * 12),
    "cut short": lambda: Reply("A man walks along the", complete=False),
    "dots": lambda: Reply("..."),
    "no images": lambda: Reply("It looks like you haven't attached any images."),
    "blind": lambda: Reply("I don't see any images. Please provide the frames."),
    "proxy": lambda: Reply("Internal Server Error"),
    "loading": lambda: Reply("Error: the model is loading"),
    "debris": lambda: Reply("<|im_end|><|im_start|>assistant walks on"),
    "fenced": lambda: Reply('```json\n{"error": "boom"}\n```'),
    "null": lambda: Reply("null"),
    "nested": lambda: Reply("[" * 9000),
    "echo": lambda: Reply("Frame at 0:00: Frame at 0:01: a"),
}


@pytest.mark.parametrize("seed", range(3))
def test_of_200_chunks_each_is_described_or_a_gap_with_its_reason(
    two_hundred: Path, store: Store, seed: int
) -> None:
    dice, lock = random.Random(seed), threading.Lock()
    stubborn: dict[float, str] = {}

    def answer(request: Request) -> Reply:
        chunk = request.frames[0].time
        with lock:
            if chunk not in stubborn:
                stubborn[chunk] = dice.choice([*FAULTS] * 2 + [""] * 20)
            fault = stubborn[chunk] or dice.choice([*FAULTS, "", "", "", "", ""])
        outcome = FAULTS[fault]() if fault else say_time(request)
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    engine = ScriptedEngine(answer, width=3)
    result = finish(two_hundred, store, engine, Scribe(), chunk_seconds=0.5)
    ledger = result.ledger
    failed = {d.chunk.number: d.error for d in result.descriptions if d.status == "failed"}
    assert ledger.planned == 200
    assert ledger.described + ledger.failed == ledger.planned
    assert ledger.failed == len(failed) > 20
    assert {gap.chunk: gap.reason for gap in ledger.gaps} == failed
    assert all(failed.values())
    assert ledger.summarized == ledger.described
    for description in result.descriptions:
        assert bool(description.text) == (description.status == "described")
        assert not (description.text and description.error)
    assert result.summary and result.summary.made_by == "written by scribe"
    told = json.dumps([s.text for s in result.summary.sentences])
    for leak in ("sorry", "502", "rror", "401", "loading", "boom", "attach", "im_end", "Frame at"):
        assert leak not in told
        assert not any(leak in d.text for d in result.descriptions)


def test_failed_chunk_is_asked_again_by_the_next_run(numbered: Path, store: Store) -> None:
    def fail_once(request: Request) -> Reply:
        if request.frames[0].time > 12:
            raise EngineFailed("boom")
        return say_time(request)

    first = finish(numbered, store, ScriptedEngine(fail_once))
    assert [gap.chunk for gap in first.ledger.gaps] == [3, 4]
    mended = ScriptedEngine(say_time)
    second = finish(numbered, store, mended)
    assert len(mended.asked) == 2
    assert second.ledger.gaps == ()


def test_failure_never_reaches_a_prompt(numbered: Path, store: Store) -> None:
    def fail(request: Request) -> Reply:
        if request.frames[0].time < 6:
            raise EngineFailed("SECRET TRACE")
        return say_time(request)

    reconciler = ScriptedEngine(lambda request: Reply("Something happens."))
    finish(numbered, store, ScriptedEngine(fail), reconciler)
    assert reconciler.asked
    assert not any("SECRET" in request.text for request in reconciler.asked)


@pytest.mark.parametrize(
    "error",
    [EngineUnreachable("down"), EngineRefused("401"), EngineTimeout("slow"), EngineFailed("500")],
    ids=lambda error: type(error).__name__,
)
def test_dead_engine_ends_the_run_with_its_own_error(
    two_hundred: Path, store: Store, error: EngineError
) -> None:
    def refuse(request: Request) -> Reply:
        raise error

    engine = ScriptedEngine(refuse)
    with pytest.raises(type(error)):
        finish(two_hundred, store, engine, chunk_seconds=0.5)
    assert len(engine.asked) < 40
    assert "failed" in Path("out/descriptions.csv").read_text()


def test_engine_that_dies_halfway_leaves_gaps_and_is_not_asked_forever(
    two_hundred: Path, store: Store
) -> None:
    def die(request: Request) -> Reply:
        if request.frames[0].time >= 50:
            raise EngineUnreachable("down")
        return say_time(request)

    engine = ScriptedEngine(die)
    result = finish(two_hundred, store, engine, chunk_seconds=0.5)
    assert (result.ledger.described, result.ledger.failed) == (100, 100)
    assert len(engine.asked) < 140
    assert "not asked" in result.ledger.gaps[-1].reason


def test_unreachable_reconciler_is_an_error_and_keeps_the_descriptions(
    numbered: Path, store: Store
) -> None:
    def down(request: Request) -> Reply:
        raise EngineUnreachable("down")

    with pytest.raises(EngineUnreachable):
        finish(numbered, store, ScriptedEngine(say_time), ScriptedEngine(down))
    assert Path("out/descriptions.csv").read_text().count("described") == 4
    again = ScriptedEngine(say_time)
    assert finish(numbered, store, again, Scribe()).ledger.summarized == 4
    assert again.asked == []


def test_reconciler_that_fails_now_and_then_is_told_of(numbered: Path, store: Store) -> None:
    def fail(name: str, error: EngineError, *, whole: bool) -> Result:
        """A run whose reconciler fails at the whole, or at the first of three parts."""

        def answer(request: Request) -> Reply:
            if is_whole(request) if whole else request.text.startswith("[1] "):
                raise error
            return Reply(write_down(request))

        engine = ScriptedEngine(answer, name, small=True)
        return finish(numbered, store, ScriptedEngine(say_time), engine, chunk_seconds=0.5)

    part = fail("part", EngineFailed("the server answered 500: boom"), whole=False)
    assert part.summary and part.summary.made_by == "written by part"
    assert any("at 0.0 seconds" in sentence.text for sentence in part.summary.sentences)
    assert (part.usage[-1].stage, part.usage[-1].failed) == ("reconcile", 1)
    assert "boom" in Path("out/summary.json").read_text()
    whole = fail("whole", EngineFailed("the server answered 500: boom"), whole=True)
    assert whole.summary and {s.support for s in whole.summary.sentences} == {"quoted"}
    assert "no summary that could be used came from whole" in whole.summary.remarks[0]
    assert "boom" in whole.usage[-1].reason
    with pytest.raises(EngineUnreachable):
        fail("gone", EngineUnreachable("down"), whole=True)


def test_runs_that_asked_the_same_at_once_tell_the_same(numbered: Path, store: Store) -> None:
    late = Store(store.path)

    def answer_after_the_other(request: Request) -> Reply:
        finish(numbered, late, ScriptedEngine(say_time), out="other")
        return Reply("Another text that came too late.")

    result = finish(numbered, store, ScriptedEngine(answer_after_the_other))
    assert all(d.text.startswith("Something happens") for d in result.descriptions)
    late.close()


def test_no_more_frames_are_sent_than_the_engine_takes(numbered: Path, store: Store) -> None:
    engine = ScriptedEngine(say_time)
    engine.capabilities = Capabilities(images=2, context_tokens=4096, frame_side=64, repeats=True)
    finish(numbered, store, engine)
    assert {len(request.frames) for request in engine.asked} == {2, 1}


def test_older_summary_does_not_stay_beside_newer_descriptions(
    numbered: Path, store: Store
) -> None:
    finish(numbered, store, ScriptedEngine(say_time), DIGEST)
    assert Path("out/summary.md").exists()
    finish(numbered, store, ScriptedEngine(say_time))
    assert Path("out/summary.md").exists()  # the descriptions are the same
    finish(numbered, store, ScriptedEngine(lambda request: "A dog runs.", "other"))
    assert not Path("out/summary.md").exists()


def test_reply_that_can_t_be_used_is_not_asked_for_twice(numbered: Path, store: Store) -> None:
    inventing = ScriptedEngine(lambda request: Reply("A dragon burns the village."))
    result = finish(numbered, store, ScriptedEngine(say_time), inventing)
    assert len(inventing.asked) == 3
    assert result.summary
    assert {sentence.wording for sentence in result.summary.sentences} == {"own words"}
    again = finish(numbered, store, ScriptedEngine(say_time), inventing)
    assert len(inventing.asked) == 3
    assert again.usage[-1].failed == result.usage[-1].failed > 0


def test_as_many_requests_as_the_engine_takes_are_under_way(
    two_hundred: Path, store: Store
) -> None:
    together = threading.Barrier(4, timeout=10)

    def wait_for_others(request: Request) -> Reply:
        together.wait()
        return say_time(request)

    engine = ScriptedEngine(wait_for_others, width=4)
    assert finish(two_hundred, store, engine, chunk_seconds=0.5).ledger.described == 200


def test_stopping_in_the_middle_keeps_what_was_answered(numbered: Path, store: Store) -> None:
    engine = ScriptedEngine(say_time)
    settings = Settings(out="out", chunking="fixed", read_text="off")
    for step in run(numbered, settings, store, engine, None):
        if step.description:
            break
    again = ScriptedEngine(say_time)
    finish(numbered, store, again)
    assert len(again.asked) <= 3


def test_progress_counts_every_chunk_once_and_ends_with_the_result(
    numbered: Path, store: Store
) -> None:
    settings = Settings(out="out", chunking="fixed", read_text="off")
    steps: list[Progress] = [*run(numbered, settings, store, ScriptedEngine(say_time), Scribe())]
    described = [step for step in steps if step.stage == "describe" and step.description]
    assert [(step.done, step.total) for step in described] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(dict.fromkeys(step.stage for step in steps)) == [
        "read",
        "scan",
        "describe",
        "reconcile",
        "draw",
    ]


def test_bad_reply_says_why_in_the_ledger(numbered: Path, store: Store) -> None:
    result = finish(numbered, store, ScriptedEngine(lambda request: "I cannot see any video."))
    assert result.ledger.failed == 4
    assert all("declines" in gap.reason for gap in result.ledger.gaps)
    assert result.descriptions[0].cost.requests == 3
    assert isinstance(result.descriptions[0].cause, BadReply)


def test_missing_file_is_told_before_anything_is_made(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        finish(tmp_path / "nothing.mp4", store, ScriptedEngine(say_time))
    assert not Path("out").exists()


def test_describer_that_takes_no_images_is_refused_at_once(numbered: Path, store: Store) -> None:
    engine = ScriptedEngine(say_time)
    engine.capabilities = Capabilities(images=0, context_tokens=4096)
    with pytest.raises(UsageError, match="takes no images"):
        finish(numbered, store, engine)
    assert engine.asked == []
