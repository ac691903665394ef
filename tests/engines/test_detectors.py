"""The tags of real films, held against what is truly to be seen in them."""

from pathlib import Path

import pytest

from longtake.engines.sketch import open_sketch
from longtake.engines.sketch.objects import LABELS
from longtake.engines.sketch.tags import COMMON, LARGE
from longtake.settings import Settings
from tests.conftest import ROOT
from tests.detections import Told, read_truths, tell_film

FOLDERS = (ROOT / "examples", ROOT / ".cache" / "films")
FILMS = (
    "lecture.mp4", "bikes.mp4", "gradio-world.mp4", "cityCC0.mpg", "carphone_pristine.mp4",
    "bigbuckbunny.mp4",
)  # fmt: skip


def test_truths_name_labels_of_the_detector_and_pictures_in_time_order() -> None:
    truths = read_truths()
    assert len(truths) >= 17 and set(FILMS) <= set(truths)
    for moments in truths.values():
        times = [moment.time for moment in moments]
        assert times == sorted(times)
        assert all(m.labels | m.unsure <= set(LABELS) for m in moments)
        assert not any(m.labels & m.unsure for m in moments)


def test_labels_that_may_be_told_are_the_detector_s() -> None:
    assert set(COMMON) | set(LARGE) <= set(LABELS) and not set(COMMON) & set(LARGE)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    truths, found = read_truths(), []
    with open_sketch("", Settings()) as engine:
        for name in FILMS:
            path = next((f / name for f in FOLDERS if (f / name).exists()), Path(name))
            assert path.exists(), "make samples films fetches it"
            found += tell_film(path, truths[name], engine, tmp_path_factory.mktemp("film"))
    return found


@pytest.mark.real
def test_no_tag_is_wrong(told: list[Told]) -> None:
    assert {one.film for one in told} == set(FILMS)
    assert [(one.film, one.span, one.wrong) for one in told if one.wrong] == []


@pytest.mark.real
def test_person_who_fills_the_picture_is_told_and_what_is_no_thing_is_not(
    told: list[Told],
) -> None:
    for one in told:
        if one.film == "carphone_pristine.mp4":
            assert [(tag.label, tag.share) for tag in one.tags] == [("person", 1.0)]
        if one.film in ("gradio-world.mp4", "cityCC0.mpg", "bigbuckbunny.mp4", "lecture.mp4"):
            assert one.tags == ()
    street = [set(one.right) for one in told if one.film == "bikes.mp4"]
    assert set().union(*street) == {"person", "car"}
