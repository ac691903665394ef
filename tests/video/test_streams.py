"""Which of a file's streams of pictures is the film, and how long its last picture stands."""

from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import pytest
from av.stream import Disposition

from longtake.pipeline.session import run_to_end
from longtake.records import Video
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.probe import Index, probe
from longtake.video.scan import scan
from tests.videos import cut, draw_number, draw_still, make_video, read_number

RATE = 10
SECOND = 500
"""The number of the first picture of the second stream."""


def look(path: Path) -> tuple[Video, Index]:
    return probe(path, "0" * 64)


def number_at(path: Path, time: float) -> int:
    video, index = look(path)
    with open_frames(path, index) as reader:
        [picture] = reader.read(Span(0, video.duration), [Slot((time,))], 64)
        return read_number(picture.pixels)


def make_two(path: Path, *streams: dict[str, Any], seconds: float = 4) -> Path:
    """Two streams of pictures, interleaved; the second one's numbers begin at SECOND."""
    with av.open(str(path), "w") as container:
        made: list[Any] = []
        for facts in streams:
            stream: Any = container.add_stream(facts.get("codec", "libx264"), rate=RATE)
            stream.width, stream.height = facts.get("size", (64, 48))
            stream.pix_fmt = facts.get("pixels", "yuv420p")
            stream.disposition = facts.get("flag", Disposition(0))
            made.append(stream)
        for number in range(int(seconds * RATE)):
            for place, (stream, facts) in enumerate(zip(made, streams, strict=True)):
                if number >= facts.get("pictures", 1 << 20):
                    continue
                pixels = draw_number(number + SECOND * place, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    return path


JPEG = {"codec": "mjpeg", "pixels": "yuvj420p", "pictures": 1, "size": (640, 480)}
DEFAULT = {"flag": Disposition.default}


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_a_picture_that_is_the_first_track_is_not_the_film(ending: str, tmp_path: Path) -> None:
    path = make_two(tmp_path / f"a.{ending}", JPEG, {})
    video, index = look(path)
    assert index.codec == "h264" and len(index.times) == 40
    assert number_at(path, 2.05) == SECOND + 20
    assert video.notes == (
        "another stream of pictures in it is not used (mjpeg, 640×480, 1 picture)",
    )


@pytest.mark.parametrize(
    ("streams", "chosen"),
    [
        (({}, DEFAULT), 1),
        ((DEFAULT, {}), 0),
        ((DEFAULT, {"size": (128, 96)}), 0),
        (({}, {"size": (128, 96)}), 1),
        (({"size": (128, 96)}, {}), 0),
        (({}, {}), 0),
        ((DEFAULT | {"pictures": 10}, {}), 1),
        (({"size": (128, 96), "pictures": 10}, {}), 1),
    ],
)
def test_the_film_is_the_default_stream_that_is_long_then_the_largest(
    streams: tuple[dict[str, Any], ...], chosen: int, tmp_path: Path
) -> None:
    path = make_two(tmp_path / "a.mkv", *streams)
    video, index = look(path)
    assert number_at(path, 2.05) == SECOND * chosen + 20
    assert len(index.times) == 40
    [note] = video.notes
    width, height = streams[1 - chosen].get("size", (64, 48))
    count = streams[1 - chosen].get("pictures", 40)
    assert note.endswith(f"is not used (h264, {width}×{height}, {count} pictures)")


def test_cover_art_is_no_stream_that_goes_unused(tmp_path: Path) -> None:
    assert look(make_video(tmp_path / "a.mp4", cover=True))[0].notes == ()


@pytest.mark.parametrize("ending", ["h264", "hevc"])
def test_a_rate_that_nobody_told_is_called_a_guess(ending: str, tmp_path: Path) -> None:
    codec = {"h264": "libx264", "hevc": "libx265"}[ending]
    quiet = {"x265-params": "log-level=none"} if ending == "hevc" else {}
    path = make_video(
        tmp_path / f"a.{ending}", codec=codec, options=quiet, rate=25, tick=Fraction(1, 25)
    )
    assert look(path)[0].notes == (
        "it gives its pictures no times: 25 a second are a guess, so all times are",
    )


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_the_last_picture_stands_to_the_end_of_the_sound(ending: str, tmp_path: Path) -> None:
    seconds = 1 if ending == "ts" else 0.1
    path = make_video(tmp_path / f"a.{ending}", seconds=seconds, draw=draw_still, sound_seconds=60)
    video, index = look(path)
    assert video.duration == video.readable == pytest.approx(60, abs=0.3)
    when = f"0:0{int(seconds)}"
    assert video.notes == (
        f"its pictures end at {when}: the last one stands to the end of the sound",
    )
    chunks = plan_chunks(video, run_to_end(scan(video, index)), 6, "shots")
    assert len(chunks) >= 10 and not any(chunk.missing for chunk in chunks)
    with open_frames(path, index) as reader:
        for chunk in chunks:
            middle = (chunk.span.start + chunk.span.end) / 2
            [picture] = reader.read(chunk.span, [Slot((middle,))], 64)
            assert read_number(picture.pixels) == read_number(draw_still(0, 64, 48))
            assert chunk.span.start <= picture.time < chunk.span.end


def test_pictures_that_are_missing_are_no_last_picture_that_stands(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", seconds=30, sound_seconds=30)
    cut(path, 0.5)
    video, _ = look(path)
    assert video.readable < 25 and video.duration == pytest.approx(30, abs=0.3)
    assert video.notes == ()


def test_sound_that_ends_a_little_later_changes_nothing(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=5, sound_seconds=6.5)
    video, _ = look(path)
    assert video.duration == video.readable == 5 and video.notes == ()


def test_the_end_of_a_broadcast_in_which_nothing_is_found_is_told(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", seconds=4)
    path.write_bytes(path.read_bytes() + Random(1).randbytes(2_000_000))
    video, index = look(path)
    assert len(index.times) == 40
    assert video.notes == ("in the last 2.0 MB of it nothing can be read",)
