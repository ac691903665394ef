"""Clips that cover a chunk, the pictures that they are of, and labels that are joined."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.actions import Sampling, list_times, plan_clips, recognise_chunk
from longtake.actions.recognise import SHORT_REST
from longtake.errors import SourceError
from longtake.records import Action, Chunk
from longtake.timecode import Span
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from tests.actions.recognisers import ClipRecogniser
from tests.videos import make_video, read_number, smash

RATE = 10
TWO_SECONDS = Sampling(frames=4, seconds=2.0, side=64)


def spans(*edges: float) -> list[Span]:
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize(
    ("chunk", "clips"),
    [
        ((0, 6), [0, 2, 2, 4, 4, 6]),
        ((10, 15), [10, 12, 11.5, 13.5, 13, 15]),
        ((0, 2.1), [0, 2.1]),
        ((0, 4.1), [0, 2.1, 2.1, 4.1]),
        ((3, 3.5), [3, 3.5]),
        ((3, 3), [3, 3]),
    ],
)
def test_clips_lie_end_to_end_and_overlap_where_they_don_t_fill_a_chunk(
    chunk: tuple[float, float], clips: list[float]
) -> None:
    assert plan_clips(Span(*chunk), TWO_SECONDS) == spans(*clips)


@given(
    st.integers(0, 10**6), st.integers(0, 10**5), st.integers(100, 12000), st.integers(1, 64)
)  # fmt: skip
def test_clips_cover_any_chunk_and_no_more_are_seen_than_it_takes(
    start: int, length: int, clip: int, frames: int
) -> None:
    seconds, clip_seconds = length / 1000, clip / 1000
    span = Span(start / 1000, round((start + length) / 1000, 3))
    sampling = Sampling(frames, clip_seconds, 64)
    clips = plan_clips(span, sampling)
    assert clips[0].start == pytest.approx(span.start, abs=0.001) and clips[-1].end == span.end
    for one, other in pairwise(clips):
        assert one.start < other.start <= one.end + 0.002
    assert (len(clips) - 1) * (1 - SHORT_REST) * clip_seconds <= seconds + 0.001
    times = list_times(span, sampling)
    assert times == sorted(times) and len(times) >= 1
    assert all(span.start - 0.001 <= time <= span.end for time in times)
    assert len(times) <= seconds / sampling.interval + 1


def watch(
    path: Path, recogniser: ClipRecogniser, span: Span
) -> tuple[tuple[Action, ...], list[list[int]]]:
    """What is said of the span, and the numbers of the pictures that each clip was of."""
    _, index = probe(path, "0" * 64)
    with open_frames(path, index) as reader:
        found = recognise_chunk(recogniser, reader, Chunk(1, span))
    return found, [[read_number(picture) for picture in clip] for clip in recogniser.shown]


def test_clip_shows_pictures_as_far_apart_as_the_model_learned_from(tmp_path: Path) -> None:
    recogniser = ClipRecogniser([[], [], []], TWO_SECONDS)
    path = make_video(tmp_path / "film.mp4", seconds=8, rate=RATE)
    _, shown = watch(path, recogniser, Span(1, 7))
    assert shown == [[12, 17, 22, 27], [32, 37, 42, 47], [52, 57, 62, 67]]
    assert recogniser.asked == [2, 1]


def test_clips_that_overlap_share_their_pictures(tmp_path: Path) -> None:
    recogniser = ClipRecogniser([[], []], TWO_SECONDS)
    path = make_video(tmp_path / "film.mp4", seconds=4, rate=RATE)
    _, shown = watch(path, recogniser, Span(0, 3))
    assert shown == [[2, 7, 12, 17], [12, 17, 22, 27]]


def test_chunk_shorter_than_a_clip_ends_in_its_last_picture_again(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.mp4", seconds=1, rate=RATE)
    for seconds, numbers in ((1.0, [2, 7, 7, 7]), (0.1, [0, 0, 0, 0])):
        recogniser = ClipRecogniser([[("spins", 0.9)]], TWO_SECONDS)
        found, shown = watch(path, recogniser, Span(0, seconds))
        assert shown == [numbers] and found == (Action("spins", 0.9, Span(0, seconds)),)


def test_video_of_one_picture_is_one_clip(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.mp4", seconds=0.1, rate=RATE)
    _, shown = watch(path, ClipRecogniser([[]], TWO_SECONDS), Span(0, 0.1))
    assert shown == [[0, 0, 0, 0]]


def test_picture_that_can_t_be_read_is_the_one_before_it(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.ts", seconds=6, rate=RATE, options={"g": "5", "bf": "0"})
    smash(path, 0.4, 0.6)
    _, shown = watch(path, ClipRecogniser([[], [], []], TWO_SECONDS), Span(0, 6))
    assert len(shown) == 3 and all(len(clip) == 4 and clip == sorted(clip) for clip in shown)


def test_chunk_without_a_picture_says_so(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.ts", seconds=6, rate=RATE, options={"g": "5", "bf": "0"})
    _, index = probe(path, "0" * 64)
    smash(path, 0.3, 1)
    with open_frames(path, index) as reader, pytest.raises(SourceError, match="0:04"):
        recognise_chunk(ClipRecogniser([], TWO_SECONDS), reader, Chunk(1, Span(4, 6)))


def test_neighbours_with_the_same_label_are_one_action(tmp_path: Path) -> None:
    told = [
        [("jumps", 0.5), ("spins", 0.4)],
        [("jumps", 0.8), ("grows", 0.1)],
        [("Nothing", 0.9)],
        [("jumps", 0.6)],
    ]
    path = make_video(tmp_path / "film.mp4", seconds=8, rate=RATE)
    found, _ = watch(path, ClipRecogniser(told, TWO_SECONDS), Span(0, 8))
    assert found == (
        Action("jumps", 0.8, Span(0, 4)),
        Action("spins", 0.4, Span(0, 2)),
        Action("jumps", 0.6, Span(6, 8)),
    )


def test_pictures_are_no_larger_than_the_model_wants(tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.mp4", seconds=2, rate=RATE, size=(320, 180))
    recogniser = ClipRecogniser([[]], TWO_SECONDS)
    watch(path, recogniser, Span(0, 2))
    assert recogniser.shown[0].shape == (4, 36, 64, 3) and recogniser.shown[0].dtype == np.uint8
