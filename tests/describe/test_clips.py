"""A clip of a second: models see it move, and what was measured of it is a description."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from longtake.describe.replies import read_description
from longtake.engines.sketch.changes import FrameChanges, StillRun
from longtake.engines.sketch.sentences import say
from longtake.inference.engine import Reply
from longtake.store import Store
from tests.scripted import ScriptedEngine, finish, say_time
from tests.videos import draw_still, make_video

RATE = 25


def draw_fast(number: int, width: int, height: int) -> np.ndarray:
    """A bright block that crosses the picture in half a second."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    left = number * 25 % (width - 60)
    pixels[40:140, left : left + 60] = 220, 180, 40
    return pixels


def make_clip(path: Path, seconds: float, *, still: bool = False) -> Path:
    draw = draw_still if still else draw_fast
    return make_video(
        path, seconds=seconds, rate=RATE, tick=Fraction(1, RATE), size=(320, 192), draw=draw
    )


def count_frames(path: Path, store: Store, frames: int | None, *, repeats: bool) -> int:
    engine = ScriptedEngine(say_time, repeats=repeats, frames_per_chunk=12)
    finish(path, store, engine, **({"frames": frames} if frames else {}))
    [asked] = engine.asked
    times = [frame.time for frame in asked.frames]
    assert times == sorted(set(times))
    return len(times)


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize(
    ("seconds", "frames", "sent"),
    [(0.72, None, 4), (0.72, 8, 4), (0.4, None, 2), (2.0, None, 4), (0.72, 1, 1), (0.04, None, 1)],
)
def test_a_clip_that_moves_is_seen_in_two_to_four_frames(
    seconds: float, frames: int | None, sent: int, *, repeats: bool, tmp_path: Path, store: Store
) -> None:
    clip = make_clip(tmp_path / "a.mp4", seconds)
    assert count_frames(clip, store, frames, repeats=repeats) == sent


def test_a_clip_that_stands_still_is_seen_in_one(tmp_path: Path, store: Store) -> None:
    clip = make_clip(tmp_path / "a.mp4", 0.72, still=True)
    assert count_frames(clip, store, None, repeats=False) == 1


@pytest.mark.parametrize("pictures", [(1,), (3,), (1, 1)])
@pytest.mark.parametrize("difference", [0.0, 5.0, 30.0])
@pytest.mark.parametrize("fade", ["", "in", "out"])
@pytest.mark.parametrize("cuts", [0, 1, 12])
@pytest.mark.parametrize(("plain", "dark"), [(True, True), (True, False), (False, True)])
def test_what_was_measured_is_a_description_however_short(
    pictures: tuple[int, ...], difference: float, fade: str, cuts: int, *, plain: bool, dark: bool
) -> None:
    runs = tuple(StillRun(place, frames) for place, frames in enumerate(pictures))
    said = say(FrameChanges(runs, difference, fade, plain, dark), cuts)
    assert read_description(Reply(said)) == said
