"""What a model of actions names: kept of each chunk, never asked twice, and told as such."""

import csv
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import EngineFailed, UsageError
from longtake.inference.engine import Reply
from longtake.inference.scheduler import Work
from longtake.library.index import list_videos
from longtake.library.search import VectorCache
from longtake.pipeline.ask import Answerers, ask_library
from longtake.pipeline.compare import plan_arms
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.search import Query
from longtake.pipeline.session import Session, open_session, run_to_end
from longtake.pipeline.summarize import Assistants, run
from longtake.records import Result
from longtake.report.csv import COLUMNS
from longtake.settings import Settings
from longtake.store import Store
from tests.scripted import Scribe, ScriptedEngine, ScriptedRecogniser, finish, say_time
from tests.videos import cut, make_video

POURING, WALKING = ("pouring", 0.82), ("walking", 0.41)


def labels(result: Result) -> list[list[str]]:
    return [[action.label for action in d.actions] for d in result.descriptions]


def test_actions_of_each_chunk_lie_in_it_and_are_in_every_file(
    numbered: Path, store: Store
) -> None:
    recogniser = ScriptedRecogniser([POURING], [WALKING])
    result = finish(numbered, store, ScriptedEngine(say_time), Scribe(), recogniser=recogniser)
    assert labels(result)[:2] == [["pouring"], ["walking"]] and all(labels(result))
    for description in result.descriptions:
        whole = description.chunk.span
        for action in description.actions:
            assert whole.start <= action.span.start < action.span.end <= whole.end
    with (result.out / "descriptions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["actions"].startswith("pouring 0.82 (0:0")
    document = json.loads((result.out / "summary.json").read_text())
    assert [action["label"] for action in document["actions"]] == ["pouring", "walking"]
    assert "Actions named by tiny-actions, may be wrong: pouring 0.82 (" in (
        result.out / "summary.md"
    ).read_text().replace("\\", "")
    page = (result.out / "report.html").read_text()
    assert "may be wrong: pouring 0.82 (" in page and ">Actions: walking 0.41 (" in page


def test_without_a_recogniser_no_file_says_a_word_of_actions(numbered: Path, store: Store) -> None:
    result = finish(numbered, store, ScriptedEngine(say_time), Scribe())
    files = {path.name: path.read_text() for path in result.files}
    assert files["descriptions.csv"].splitlines()[0] == ",".join(COLUMNS)
    assert [name for name, text in files.items() if "actions" in text.casefold()] == []


def test_second_run_recognises_nothing_and_another_describer_neither(
    numbered: Path, store: Store
) -> None:
    first = finish(
        numbered, store, ScriptedEngine(say_time), recogniser=ScriptedRecogniser([POURING])
    )
    for name in ("scripted", "another"):
        again = ScriptedRecogniser(EngineFailed("nobody should have asked"))
        second = finish(numbered, store, ScriptedEngine(say_time, name), recogniser=again)
        assert again.calls == [] and labels(second) == labels(first)
    (use,) = (use for use in second.usage if use.stage == "actions")
    assert (use.engine, use.cost.requests, use.from_store) == ("tiny-actions", 0, 4)


def test_recogniser_with_other_options_is_asked_anew(numbered: Path, store: Store) -> None:
    finish(numbered, store, ScriptedEngine(say_time), recogniser=ScriptedRecogniser([POURING]))
    other = ScriptedRecogniser([WALKING])
    other.options = {"top": 1}
    result = finish(numbered, store, ScriptedEngine(say_time), recogniser=other)
    assert other.calls and {label for found in labels(result) for label in found} == {"walking"}


def test_describer_is_told_of_no_action_and_its_answers_stay_known(
    numbered: Path, store: Store
) -> None:
    finish(numbered, store, ScriptedEngine(say_time), Scribe())
    describer, scribe = ScriptedEngine(say_time), Scribe()
    finish(numbered, store, describer, scribe, recogniser=ScriptedRecogniser([POURING]))
    assert describer.asked == [] and scribe.asked == []


def test_chunk_that_can_t_be_recognised_has_a_remark_and_is_tried_again(
    numbered: Path, store: Store
) -> None:
    failing = ScriptedRecogniser([POURING], EngineFailed("the model broke\n"), [WALKING])
    result = finish(numbered, store, ScriptedEngine(say_time), recogniser=failing)
    assert [bool(found) for found in labels(result)] == [True, False, True, True]
    assert all(d.text for d in result.descriptions)
    assert [d.remark for d in result.descriptions][:2] == [
        "", "its actions are not known: the model broke",
    ]  # fmt: skip
    again = ScriptedRecogniser([POURING])
    result = finish(numbered, store, ScriptedEngine(say_time), recogniser=again)
    assert all(labels(result)) and not any(d.remark for d in result.descriptions)
    assert len(again.calls) < len(failing.calls)


def test_run_that_is_broken_off_goes_on_with_the_chunks_that_are_left(
    numbered: Path, store: Store
) -> None:
    stopped = ScriptedRecogniser([POURING], KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        finish(numbered, store, ScriptedEngine(say_time), recogniser=stopped)
    rest = ScriptedRecogniser([WALKING])
    result = finish(numbered, store, ScriptedEngine(say_time), recogniser=rest)
    assert labels(result)[0] == ["pouring"]
    assert {label for found in labels(result)[1:] for label in found} == {"walking"}


def test_chunks_without_pictures_are_not_recognised(tmp_path: Path, store: Store) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=24, file_options={"movflags": "faststart"})
    cut(path, 0.5)
    recogniser = ScriptedRecogniser([POURING])
    result = finish(path, store, ScriptedEngine(say_time), recogniser=recogniser)
    lost = [d for d in result.descriptions if d.chunk.missing]
    assert lost and not any(d.actions or d.remark for d in lost)
    assert any(labels(result))


def test_how_far_it_is_is_told_chunk_by_chunk(numbered: Path, store: Store) -> None:
    settings = Settings(out="out", chunking="fixed", read_text="off", speech="off")
    beside = Assistants(recogniser=ScriptedRecogniser([POURING]))
    steps = run(
        numbered, settings, store, ScriptedEngine(say_time), None, lambda seconds: None, beside
    )
    told = [step for step in steps if step.stage == "actions"]
    assert [(step.done, step.total) for step in told] == [(n, 4) for n in range(5)]
    assert told[0].note == "naming what is done with tiny-actions"


HOSTILE = "<script>alert(1)</script>\x1b[31m\n=cmd|' /C calc'!A0; [x](javascript:alert(1))"


def test_label_is_text_whoever_wrote_the_model_s_file(numbered: Path, store: Store) -> None:
    recogniser = ScriptedRecogniser([(HOSTILE, 0.9)], [("=1+1", 0.5)], [("\u202e\n ", 0.4)])
    result = finish(numbered, store, ScriptedEngine(say_time), Scribe(), recogniser=recogniser)
    shown = labels(result)[0][0]
    assert shown.startswith("<script>alert(1)</script> [31m =cmd") and shown.isprintable()
    assert labels(result)[2] == []
    page, text = ((result.out / name).read_text() for name in ("report.html", "summary.md"))
    assert "<script" not in page and "<script" not in text and "](javascript" not in text
    with (result.out / "descriptions.csv").open(encoding="utf-8", newline="") as file:
        assert [row["actions"][:3] for row in csv.DictReader(file)][1] == "'=1"


def test_label_without_an_end_is_cut_off(numbered: Path, store: Store) -> None:
    endless = ScriptedRecogniser([("x" * 10_000, 0.9)])
    result = finish(numbered, store, ScriptedEngine(say_time), recogniser=endless)
    assert {len(label) for found in labels(result) for label in found} == {100}


# A session opens it


def open_scripted(recogniser: ScriptedRecogniser, opened: list[Settings]) -> Engines:
    """Engines whose describer says the time, and whose model of actions is this one."""

    def open_recogniser(settings: Settings) -> ScriptedRecogniser:
        opened.append(settings)
        return recogniser

    return Engines(
        lambda name, settings: ScriptedEngine(say_time, name), open_recogniser=open_recogniser
    )


PLAIN = Settings(
    engine="fake", reconciler="digest", embedder="words", out="out", chunking="fixed",
    read_text="off", speech="off",
)  # fmt: skip


def test_model_is_opened_by_its_setting_alone_and_once_for_all_arms(
    numbered: Path, tmp_path: Path
) -> None:
    opened: list[Settings] = []
    engines = open_scripted(ScriptedRecogniser([POURING]), opened)
    with open_session(engines, tmp_path / "own.sqlite") as session:
        run_to_end(session.summarize(numbered, PLAIN, summarized=False))
        assert opened == []
        named = replace(PLAIN, actions="org/model", out="both")
        found = run_to_end(session.compare(numbered, plan_arms((), named)))
    assert [settings.actions for settings in opened] == ["org/model"]
    assert [len(arm.result.descriptions[0].actions) for arm in found.arms] == [1, 1]


def test_model_that_can_t_be_opened_ends_the_run_before_anything_is_read(
    numbered: Path, tmp_path: Path
) -> None:
    def refuse(settings: Settings) -> ScriptedRecogniser:
        raise UsageError(f"there is no model {settings.actions!r}")

    described = ScriptedEngine(say_time)
    engines = Engines(lambda name, settings: described, open_recogniser=refuse)
    with open_session(engines, tmp_path / "own.sqlite") as session:
        steps = session.summarize(numbered, replace(PLAIN, actions="nowhere"))
        with closing(steps), pytest.raises(UsageError, match="no model 'nowhere'"):
            next(steps)
    assert described.asked == [] and not Path("out").exists()


# The library


def test_moment_is_found_by_its_action_and_said_to_be_one(numbered: Path, store: Store) -> None:
    recogniser = ScriptedRecogniser([("sitting", 0.5)], [POURING], [("sitting", 0.5)])
    finish(numbered, store, ScriptedEngine(say_time), embedder="words", recogniser=recogniser)
    session = Session(store, Engines())

    found = run_to_end(session.search(Query("pouring"), PLAIN))
    (moment,) = found.moments
    assert (moment.kinds[-1], moment.text) == ("action", "pouring")
    assert 6 <= moment.span.start < 12
    others = run_to_end(session.search(Query("pouring", ("seen", "said", "told")), PLAIN))
    assert others.moments == ()


def test_answer_rests_on_no_action(numbered: Path, store: Store) -> None:

    recogniser = ScriptedRecogniser([POURING])
    finish(numbered, store, ScriptedEngine(say_time), embedder="words", recogniser=recogniser)
    writer = ScriptedEngine(lambda request: Reply('{"told": false, "sentences": []}'), images=0)
    who = Answerers(writer)
    steps = ask_library(
        Work(PLAIN, store), Query("Who is pouring?"), list_videos(store), VectorCache(), who
    )
    answered = run_to_end(steps)
    assert writer.asked and not any("pouring 0" in str(r.parts) for r in writer.asked)
    assert not any("action: " in str(request.parts) for request in writer.asked)
    assert all("action" not in moment.kinds for moment in answered.moments)
