"""The samples, summarised for real, and held against what they are known to show."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from longtake.engines import open_engine
from longtake.engines.fake import FakeEngine
from longtake.models import models_folder
from longtake.pipeline import run
from longtake.records import Result
from longtake.settings import Settings
from longtake.store import Store
from tests.conftest import ROOT

LECTURE = ROOT / "examples" / "lecture.mp4"
BIKES = ROOT / "examples" / "bikes.mp4"


def load_slides() -> Any:
    """What the lecture really shows and says."""
    spec = importlib.util.spec_from_file_location("lecture", ROOT / "examples/make_lecture.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["lecture"] = module
    spec.loader.exec_module(module)
    return module.SLIDES


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The lecture, described by sketch; its sentences are the descriptions' own words."""
    folder = tmp_path_factory.mktemp("lecture")
    settings = Settings(out=str(folder))
    with Store(folder / "store.sqlite") as store:
        *_, last = run(LECTURE, settings, store, open_engine("sketch", settings), FakeEngine())
    assert last.result
    return last.result


def test_chapters_of_the_lecture_are_its_slides(lecture: Result) -> None:
    assert lecture.summary
    titles = [chapter.title for chapter in lecture.summary.chapters]
    assert titles == [f'"{slide.title}"' for slide in load_slides()]


def test_bullets_of_each_slide_are_in_its_descriptions(lecture: Result) -> None:
    text = " ".join(description.text for description in lecture.descriptions)
    bullets = [bullet for slide in load_slides() for bullet in slide.bullets]
    found = [bullet for bullet in bullets if bullet in text]
    assert len(found) >= 0.9 * len(bullets), set(bullets) - set(found)


def test_nothing_of_the_lecture_is_missing_from_the_ledger(lecture: Result) -> None:
    ledger = lecture.ledger
    assert (ledger.planned, ledger.failed, ledger.summarized) == (20, 0, 20)
    assert ledger.described + ledger.reused == 20
    assert ledger.gaps == ()


def test_no_chunk_of_the_lecture_straddles_two_slides(lecture: Result) -> None:
    assert not any(description.chunk.cuts for description in lecture.descriptions)
    assert len({chapter.span.start for chapter in lecture.summary.chapters}) == 7  # type: ignore[union-attr]


def test_slides_that_stand_still_are_described_once(lecture: Result) -> None:
    assert lecture.ledger.reused >= 8
    for description in lecture.descriptions:
        if description.same_as:
            original = lecture.descriptions[description.same_as - 1]
            assert original.text == description.text


@pytest.mark.real
def test_demo_s_samples_are_summarised_and_answered_at_once_the_second_time(
    tmp_path: Path,
) -> None:
    assert BIKES.exists(), "make samples fetches it"
    own_home = tmp_path / "own"
    own_home.mkdir()
    (own_home / "models").symlink_to(models_folder())
    environment = os.environ | {"LONGTAKE_HOME": str(own_home)}
    for video, words in ((LECTURE, "Bridges"), (BIKES, "cars")):
        command = [sys.executable, "-m", "longtake.cli", "summarize", str(video)]
        command += ["--out", str(tmp_path / video.stem), "--json"]
        first, second = (
            json.loads(subprocess.check_output(command, text=True, env=environment)) for _ in "12"
        )
        assert words in json.dumps(first["summary"])
        assert sum(stage["requests"] for stage in first["usage"]) > 0
        assert first["summary"] == second["summary"]
        assert first["headline"] == second["headline"] != ""
        assert sum(stage["requests"] for stage in second["usage"]) == 0
        assert {s["support"] for s in first["summary"]} <= {"model", "own words"}
