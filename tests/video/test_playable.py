"""Copies for browsers: each picture at its own time, its sound beside it, and all of it plays."""

from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest

from longtake.errors import SourceError
from longtake.records import Video
from longtake.video.playable import Made, copy_to_play, find_plays
from longtake.video.probe import Index, probe
from tests.videos import FILM_RATE, cut, make_film, make_sound, make_video, read_number

SECONDS, RATE = 4, FILM_RATE


def play(path: Path, out: Path, **limit: int) -> tuple[Made, Video, Index, list[float]]:
    """The copy, what the original was, and how far it told to be."""
    video, index = probe(path, "")
    steps = copy_to_play(video, index, out, **limit)
    told: list[float] = []
    for _ in count():
        try:
            told.append(next(steps))
        except StopIteration as stop:
            made: Made = stop.value
            break
    return made, video, index, told


def read_numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def hear(path: Path) -> np.ndarray:
    """How loud it is in each tenth of a second, from 0 on."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        frames = list(container.decode(audio=0))
    assert frames[0].time is not None
    start = round(frames[0].time * rate)
    sound = np.concatenate([np.zeros(max(0, start)), *(f.to_ndarray()[0] for f in frames)])
    sound = sound[max(0, -start) :]
    tenths = sound[: len(sound) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    return np.abs(tenths).max(axis=1)


FILMS = {
    "asp.avi": ("mpeg4", "libmp3lame", 44_100, {}),
    "order.avi": ("mpeg4", "libmp3lame", 44_100, {"options": {"bf": "2"}}),
    "h264.avi": ("libx264", "libmp3lame", 44_100, {}),
    "ps.mpg": ("mpeg2video", "mp2", 44_100, {}),
    "old.flv": ("flv", "libmp3lame", 44_100, {}),
    "ac3.mkv": ("libx264", "ac3", 48_000, {}),
    "vp9.mkv": ("libvpx-vp9", "libopus", 48_000, {"options": {"cpu-used": "8"}}),
    "vp8.mkv": ("libvpx", "libopus", 48_000, {"options": {"cpu-used": "8"}}),
    "camera.ts": ("libx264", "aac", 48_000, {}),
    "camera.mp4": ("libx264", "aac", 48_000, {"pixels": "yuv422p10le"}),
    "pcm.mov": ("libx264", "pcm_s16le", 48_000, {}),
}
COPIED = {"ac3.mkv", "vp9.mkv", "camera.ts", "pcm.mov"}


@pytest.mark.parametrize("name", FILMS)
def test_every_picture_of_a_copy_stands_at_its_time_and_browsers_play_it(
    tmp_path: Path, name: str
) -> None:
    codec, sound, rate, more = FILMS[name]
    film = make_film(tmp_path / name, codec, sound, rate=rate, **more)
    assert find_plays(film) == "none"
    made, video, index, told = play(film, tmp_path / "o.mp4")
    assert find_plays(tmp_path / "o.mp4") == "all"
    assert (made.size is None) == (name in COPIED) and not made.remark
    after, copied = probe(tmp_path / "o.mp4", "")
    numbers = read_numbers(tmp_path / "o.mp4")
    assert numbers == list(range(SECONDS * RATE))
    assert copied.times == pytest.approx(index.times, abs=0.002)
    assert after.duration == pytest.approx(video.duration, abs=0.05)
    loud = hear(tmp_path / "o.mp4")
    assert len(loud) == pytest.approx(SECONDS * 10, abs=2) and loud[1:-1].min() > 0.3
    assert told == sorted(told) and 3.5 < told[-1] <= video.duration + 0.1
    head = (tmp_path / "o.mp4").read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # plays while it still loads


@pytest.mark.parametrize(
    ("form", "codec", "plays"),
    [("mp4", "libx264", "all"), ("webm", "libvpx", "all"), ("mp4", "libx265", "some"),
     ("matroska", "libx265", "none")],
)  # fmt: skip
def test_what_browsers_play_is_known_by_what_is_in_the_file(
    tmp_path: Path, form: str, codec: str, plays: str
) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    film = make_video(
        tmp_path / "v", seconds=1, codec=codec, file_format=form, size=(128, 96), options=options
    )
    assert find_plays(film) == plays


def test_a_copy_is_no_larger_than_is_needed_to_look_at_it(tmp_path: Path) -> None:
    film = make_video(
        tmp_path / "v.avi", seconds=2, rate=60, codec="mpeg4", size=(1280, 720),
        tick=Fraction(1, 60),
    )  # fmt: skip
    made, _, index, _ = play(film, tmp_path / "o.mp4")
    assert made.size == (640, 360) and len(index.times) == 120
    assert len(read_numbers(tmp_path / "o.mp4")) == 60


def test_a_copy_is_upright_and_of_the_shape_that_was_meant(tmp_path: Path) -> None:
    made, *_ = play(
        make_video(tmp_path / "a.mkv", seconds=1, codec="mpeg4", rotation=90, size=(128, 64)),
        tmp_path / "a.mp4",
    )
    assert made.size == (64, 128)
    wide = make_video(
        tmp_path / "b.mkv", seconds=1, codec="mpeg4", aspect=Fraction(2), size=(128, 96)
    )
    made, *_ = play(wide, tmp_path / "b.mp4")
    assert made.size == (256, 96) and read_numbers(tmp_path / "b.mp4")[:3] == [0, 1, 2]


def test_pictures_of_two_moments_are_joined_to_one(tmp_path: Path) -> None:
    def draw_fields(number: int, width: int, height: int) -> np.ndarray:
        """A bright bar that moves from one field to the next, as a camera of television sees it."""
        pixels = np.full((height, width, 3), 30, np.uint8)
        for field in (0, 1):
            left = (2 * number + field) * 8 % (width - 40)
            pixels[field::2, left : left + 32] = 220
        return pixels

    def combs(path: Path) -> float:
        """How much lines differ from those beside them."""
        with av.open(str(path)) as container:
            looks = [f.to_ndarray(format="gray").astype(int) for f in container.decode(video=0)]
        return float(np.mean([np.abs(np.diff(look, axis=0)).mean() for look in looks]))

    film = make_video(
        tmp_path / "tv.mpg", seconds=2, rate=25, codec="mpeg2video", size=(320, 240),
        draw=draw_fields, tick=Fraction(1, 25), options={"flags": "+ildct+ilme", "b": "4000000"},
    )  # fmt: skip
    made, _, index, _ = play(film, tmp_path / "o.mp4")
    assert made.size == (320, 240)
    assert combs(tmp_path / "o.mp4") < combs(film) / 3
    _, copied = probe(tmp_path / "o.mp4", "")
    assert copied.times == pytest.approx(index.times, abs=0.002)


def test_a_hole_in_the_sound_is_silent_and_what_follows_is_in_time(tmp_path: Path) -> None:
    film = make_film(tmp_path / "v.mkv", "mpeg4", "ac3", hole=(1.0, 2.5))
    play(film, tmp_path / "o.mp4")
    loud = hear(tmp_path / "o.mp4")
    assert loud[1:9].min() > 0.3 and loud[12:24].max() < 0.05 and loud[27:39].min() > 0.3


def test_sound_that_is_none_of_a_browser_s_is_left_out_and_said(tmp_path: Path) -> None:
    film = make_film(tmp_path / "v.mkv", "libx264", "ac3")
    content = film.read_bytes()
    film.write_bytes(content.replace(b"A_AC3", b"A_XY3"))
    made, *_ = play(film, tmp_path / "o.mp4")
    assert made.remark.startswith("It is silent: the sound is in a format")
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_of_a_film_that_breaks_off_there_is_a_copy_up_to_there(tmp_path: Path, name: str) -> None:
    codec, sound = ("mpeg4", "libmp3lame") if name == "a.avi" else ("libx264", "aac")
    film = make_film(tmp_path / name, codec, sound)
    cut(film, 0.6)
    *_, index, _ = play(film, tmp_path / "o.mp4")
    numbers = read_numbers(tmp_path / "o.mp4")
    assert len(index.times) - 3 <= len(numbers) < SECONDS * RATE
    assert numbers[:40] == list(range(40)) and find_plays(tmp_path / "o.mp4") == "all"


def test_a_large_file_is_made_smaller_even_where_it_could_be_copied(
    tmp_path: Path,
) -> None:
    film = make_video(tmp_path / "v.mkv", seconds=1)
    made, *_ = play(film, tmp_path / "o.mp4")
    assert made.size is None
    made, *_ = play(film, tmp_path / "p.mp4", most_copied=1000)
    assert made.size == (64, 48)


def test_what_can_t_be_copied_says_why(tmp_path: Path) -> None:
    film = make_video(tmp_path / "v.avi", seconds=1, codec="mpeg4")
    video, index = probe(film, "")
    with pytest.raises(SourceError, match="the copy can't be written: No such file"):
        list(copy_to_play(video, index, tmp_path / "none" / "o.mp4"))
    with pytest.raises(SourceError, match="no moving pictures"):
        find_plays(make_sound(tmp_path / "s.mp4"))


def test_ffmpeg_s_threads_never_wait_for_python_s_lock(tmp_path: Path) -> None:
    """PyAV's own logging does, at any level: a decoder that is freed meanwhile waits for ever."""
    av.logging.set_level(av.logging.PANIC)
    find_plays(make_video(tmp_path / "v.mp4", seconds=1))
    assert av.logging.get_level() is None
