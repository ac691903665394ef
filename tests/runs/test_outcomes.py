"""What runs came to and how long they took: the right ones count, once each is read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longtake.runs.folder import Run, Step
from longtake.runs.outcomes import Outcome, list_earlier, read_outcome
from tests.web.examples import make_run

FORM = {"flow": "independent", "engine": "auto", "speech": "auto", "read_text": "off"}


def end(folder: Path, seconds: float, duration: float = 100.0, **usage: Any) -> Run:
    """A run of so many seconds that has ended, with its summary.json."""
    use = {"stage": "describe", "engine": "sketch", "requests": 9, "from_store": 0} | usage
    (folder / "out").mkdir(parents=True)
    document = {"headline": "A cat\nsleeps.", "usage": [use]}
    (folder / "out" / "summary.json").write_text(json.dumps(document))
    run = make_run(folder, duration=duration, started=50.0, ended=50.0 + seconds, attempts=1)
    return replace(run, asked=replace(run.asked, settings=FORM))


def test_a_run_tells_its_headline_on_one_line_and_who_described(tmp_path: Path) -> None:
    assert read_outcome(end(tmp_path, 10)) == Outcome("A cat sleeps.", "sketch", True)


@pytest.mark.parametrize("text", ["", "[1]", '{"headline": "x"}', '{"usage": [{}]}'])
def test_a_damaged_summary_tells_nothing(tmp_path: Path, text: str) -> None:
    run = end(tmp_path, 10)
    (tmp_path / "out" / "summary.json").write_text(text)
    assert read_outcome(run) == Outcome()


def test_a_headline_is_read_anew_once_it_is_another(tmp_path: Path) -> None:
    run, path = end(tmp_path, 10), tmp_path / "out" / "summary.json"
    assert read_outcome(run).headline == "A cat sleeps."
    path.write_text(path.read_text().replace("cat", "dog"))
    assert read_outcome(run).headline == "A dog sleeps."


def test_only_runs_that_did_the_same_work_tell_how_long_it_takes(tmp_path: Path) -> None:
    good = end(tmp_path / "good", 20)
    asked = good.asked
    load = (Step("load", 1, 1, seconds=15.0), Step("describe", 9, 9, seconds=5.0))
    others = [
        end(tmp_path / "engine", 1, engine="fake"),
        end(tmp_path / "known", 2, requests=1, from_store=8),
        end(tmp_path / "all-known", 2, requests=0, from_store=9),
        replace(end(tmp_path / "stopped", 3), state="stopped"),
        replace(end(tmp_path / "broken", 4), attempts=2),
        replace(good, asked=replace(asked, settings={**FORM, "flow": "context"})),
        replace(good, asked=replace(asked, settings={**FORM, "speech": "off"})),
        replace(good, asked=replace(asked, kind="reconcile")),
        replace(good, duration=0.0),
    ]
    assert list_earlier([*others, good], "sketch", FORM) == [(100.0, 20.0)]
    loaded = replace(end(tmp_path / "loaded", 20), steps=load)
    assert list_earlier([loaded], "sketch", FORM) == [(100.0, 5.0)]
    of_server = end(tmp_path / "server", 30, engine="server:tiny")
    assert list_earlier([of_server], "server", FORM) == [(100.0, 30.0)]
    both = replace(good, asked=replace(asked, kind="compare"))
    assert list_earlier([both], "sketch", {**FORM, "flow": "both"}) == [(100.0, 10.0)]
