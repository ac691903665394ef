"""What a scan tells of a whole video: cuts, curves and stretches, whatever the file is like."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from longtake.errors import SourceError
from longtake.pipeline.session import run_to_end
from longtake.pipeline.sources import look_at
from longtake.records import Progress, Scan, SourceFile, Video
from longtake.store import Store
from longtake.video.cuts import SHORTEST_SHOT, Cut, apart, find_cuts, find_spikes
from longtake.video.probe import Index, probe
from longtake.video.scan import scan, scan_key
from longtake.video.thumbs import THUMB, is_black, is_plain
from tests.kinds import FAST, KINDS, QUIET, make_kind
from tests.videos import (
    cut,
    draw_dimmed,
    draw_dissolved,
    draw_held,
    draw_plain,
    draw_shots,
    make_photo,
    make_video,
    smash,
)

RATE = 25
TICK = Fraction(1, RATE)
SIZE = (160, 96)
FIXED = {"g": "50", "keyint_min": "50", "sc_threshold": "0"}
TRUE_CUTS = (40, 93, 131, 207)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "0")


def film(path: Path, **options: Any) -> Path:
    """Ten seconds at 25 pictures a second, if nothing else is said."""
    chosen = {"seconds": 10, "rate": RATE, "size": SIZE, "tick": TICK, **options}
    return make_video(path, **chosen)


def watch(path: Path, **options: Any) -> tuple[Video, Index, Scan, list[Progress]]:
    """The scan of a file, with all that holds of every scan asserted."""
    video, index = probe(path, "0" * 64)
    steps: list[Progress] = []
    work = scan(video, index, **options)
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            assert_sound(video, index, end.value)
            assert_steps(steps)
            return video, index, end.value, steps


def assert_sound(video: Video, index: Index, found: Scan) -> None:
    """Shots cover the video, curves have their values, spans are in order and inside."""
    spans = [shot.span for shot in found.shots]
    assert spans[0].start == 0 and spans[-1].end == video.readable
    assert all(span.start < span.end for span in spans)
    assert [span.end for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert [shot.begins == "start" for shot in found.shots] == [True] + [False] * len(found.cuts)
    places = np.searchsorted(index.times, np.array(found.cuts) - 0.001)
    assert (np.diff(places) >= SHORTEST_SHOT).all()
    for curve in (found.motion, found.brightness):
        assert len(curve) == max(1, ceil(video.readable / found.step))
        assert all(0 <= value <= 1 for value in curve)
    for row in (found.black, found.blank, found.frozen):
        edges = [edge for span in row for edge in (span.start, span.end)]
        assert edges == sorted(edges) and all(0 <= edge <= video.readable for edge in edges)


def assert_steps(steps: Sequence[Progress]) -> None:
    """Nothing is done twice, and never more than all."""
    assert {step.stage for step in steps} <= {"scan"}
    assert len({step.total for step in steps}) <= 1
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert all(0 <= step.done <= step.total for step in steps)


def places(found: Scan, rate: float = RATE) -> list[int]:
    return [round(time * rate) for time in found.cuts]


def stretches(spans: Sequence[Any]) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in spans]


# What a cut is, in every way of storing pictures. The number is how far off it may be, in pictures.

X264 = "open-gop=1:keyint=50:min-keyint=50:scenecut=0:bframes=3"
STORED: dict[str, tuple[int, dict[str, Any]]] = {
    "default.mp4": (0, {}),
    "fixed.mp4": (2, {"options": FIXED}),
    "open.mkv": (2, {"options": {"x264-params": X264}}),
    "no-b.ts": (2, {"options": {**FIXED, "bf": "0"}}),
    "hevc.mp4": (2, {"codec": "libx265", "options": QUIET}),
    "vp8.webm": (2, {"codec": "libvpx", "options": FAST}),
    "vp9.webm": (2, {"codec": "libvpx-vp9", "options": FAST}),
    "av1.mkv": (2, {"codec": "libsvtav1", "options": {"preset": "12"}}),
    "mpeg4.avi": (2, {"codec": "mpeg4", "options": {"bf": "2"}}),
    "mjpeg.avi": (0, {"codec": "mjpeg", "pixels": "yuvj420p"}),
    "mpeg2.ts": (2, {"codec": "mpeg2video", "options": {"bf": "2"}}),
    "mpeg2.mpg": (2, {"codec": "mpeg2video", "options": {"bf": "2"}}),
    "ffv1.mkv": (0, {"codec": "ffv1"}),
    "prores.mov": (0, {"codec": "prores", "pixels": "yuv422p10le"}),
    "no-times.h264": (2, {"options": FIXED, "file_format": "h264"}),
    "animation.gif": (0, {"codec": "gif", "pixels": "rgb8", "tick": Fraction(1, 100)}),
    "ten-bit.mkv": (2, {"pixels": "yuv420p10le"}),
}


@pytest.mark.parametrize("name", STORED)
def test_hard_cuts_are_found_however_pictures_are_stored(name: str, tmp_path: Path) -> None:
    off, options = STORED[name]
    _, _, found, _ = watch(film(tmp_path / name, draw=draw_shots(*TRUE_CUTS), **options))
    assert places(found) == pytest.approx(TRUE_CUTS, abs=off)
    assert {shot.begins for shot in found.shots[1:]} == {"cut"}


def test_cuts_have_the_times_of_their_pictures_at_a_rate_that_varies(tmp_path: Path) -> None:
    times = [Fraction(2 * n + n % 2, 60) + (5 if n > 110 else 0) for n in range(250)]
    path = film(tmp_path / "a.mkv", draw=draw_shots(*TRUE_CUTS), times=times, tick=Fraction(1, 600))
    _, _, found, _ = watch(path)
    assert found.cuts == pytest.approx([float(times[n]) for n in TRUE_CUTS], abs=0.1)


@pytest.mark.parametrize("codec", ["libx264", "mjpeg", "mpeg2video"])
def test_what_stands_still_is_one_shot_and_frozen_throughout(codec: str, tmp_path: Path) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = film(tmp_path / "a.mkv", draw=draw_shots(pan=0), codec=codec, pixels=pixels)
    video, _, found, _ = watch(path)
    assert len(found.shots) == 1
    assert stretches(found.frozen) == [pytest.approx((0, video.readable), abs=0.5)]


@pytest.mark.parametrize("options", [{}, FIXED])
def test_a_flash_is_no_cut(options: dict[str, str], tmp_path: Path) -> None:
    draw = draw_plain(draw_plain(draw_shots(), 60, 61, 250), 130, 130, 250)
    assert watch(film(tmp_path / "a.mp4", draw=draw, options=options))[2].cuts == ()


@pytest.mark.parametrize("pan", [2, 5])
@pytest.mark.parametrize("options", [{}, FIXED])
def test_a_fast_pan_is_no_cut(options: dict[str, str], pan: float, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", draw=draw_shots(pan=pan), options=options)
    assert watch(path)[2].cuts == ()


@pytest.mark.parametrize("dark", [10, 110])
@pytest.mark.parametrize("options", [{}, FIXED])
def test_a_fade_is_one_cut_in_its_dark_middle(
    options: dict[str, str], dark: int, tmp_path: Path
) -> None:
    draw = draw_dimmed(draw_shots(80 + dark // 2), 80, 20, dark)
    _, _, found, _ = watch(film(tmp_path / "a.mp4", draw=draw, options=options))
    assert [shot.begins for shot in found.shots] == ["start", "fade"]
    assert places(found) == pytest.approx([80 + dark / 2], abs=5)
    assert stretches(found.black) == [pytest.approx((80 / 25, (80 + dark) / 25), abs=0.2)]


@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4", "vp9.webm", "mjpeg.avi"])
def test_a_dissolve_is_one_cut_within_it(name: str, tmp_path: Path) -> None:
    draw = draw_dissolved(draw_shots(seed=1), draw_shots(seed=2), 110, 130)
    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    assert [shot.begins for shot in found.shots] == ["start", "dissolve"]
    assert 110 <= places(found)[0] <= 130


@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4", "hevc.mp4", "mjpeg.avi"])
def test_black_and_blank_stretches_are_told_with_their_times(name: str, tmp_path: Path) -> None:
    draw = draw_plain(draw_plain(draw_shots(), 75, 124, 0), 175, 224, 180)
    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    assert stretches(found.black) == [pytest.approx((3, 5), abs=0.13)]
    assert stretches(found.blank) == [pytest.approx((7, 9), abs=0.13)]
    assert min(found.brightness[6:10]) < 0.1 < 0.25 < max(found.brightness[:5])


@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4", "vp9.webm", "mjpeg.avi"])
def test_frozen_stretches_are_told_with_their_times(name: str, tmp_path: Path) -> None:
    draw = draw_held(draw_shots(pan=2), 75, 174)
    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    first, *_, last = [*stretches(found.frozen)] * 2
    # An encoder goes on to better a picture for a while after it stands still.
    assert 2.9 < first[0] < 4.5
    assert last[1] == pytest.approx(7, abs=0.5)


@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4", "vp9.webm", "mjpeg.avi"])
def test_motion_is_high_where_there_is_motion(name: str, tmp_path: Path) -> None:
    draw = draw_held(draw_shots(pan=3), 0, 125)
    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    assert max(found.motion[2:9]) < 0.2 < np.mean(found.motion[12:])


@pytest.mark.parametrize("cuts", [(60, 80, 131), (10, 44, 120, 138)])
@pytest.mark.parametrize("name", ["fixed.mp4", "no-b.ts"])
def test_several_cuts_between_two_key_frames_are_assumed(
    name: str, cuts: tuple[int, ...], tmp_path: Path
) -> None:
    path = film(tmp_path / name, draw=draw_shots(*cuts), **STORED[name][1])
    _, _, found, _ = watch(path, budget=0)
    assert places(found) == pytest.approx(cuts, abs=2)


@pytest.mark.parametrize("budget", [0, None])
def test_a_slow_zoom_is_no_cut(budget: float | None, tmp_path: Path) -> None:
    def draw(number: int, width: int, height: int) -> np.ndarray:
        photo = Image.fromarray(make_photo(3, 2 * width, 2 * height))
        aside = 0.1 * number
        box = (
            aside,
            aside * height / width,
            2 * width - aside,
            (2 * width - aside) * height / width,
        )
        return np.asarray(photo.resize((width, height), Image.Resampling.BILINEAR, box))

    for options in ({}, FIXED):
        _, _, found, _ = watch(film(tmp_path / "a.mp4", draw=draw, options=options), budget=budget)
        assert found.cuts == ()


FIELDS = [(200, 60, 44), (30, 140, 77), (90, 84, 210)]
"""Colours of one brightness."""


@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4", "hevc.mp4", "vp9.webm", "mjpeg.avi"])
def test_fields_of_one_brightness_and_another_hue_are_cuts(name: str, tmp_path: Path) -> None:
    def draw(number: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), FIELDS[number // 74 % 3], np.uint8)

    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    assert places(found) == pytest.approx([74, 148, 222], abs=2)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_photos_on_the_beat_are_cuts_without_a_look(codec: str, tmp_path: Path) -> None:
    options = {"g": "50"} if codec == "libx264" else {"x265-params": "keyint=50:log-level=none"}
    draw = draw_shots(50, 100, 150, 200, pan=0)
    path = film(tmp_path / "a.mp4", size=(320, 192), draw=draw, codec=codec, options=options)
    _, _, found, _ = watch(path, budget=0)
    assert places(found) == [50, 100, 150, 200]


@pytest.mark.parametrize("length", [60, 120])
@pytest.mark.parametrize("name", ["default.mp4", "fixed.mp4"])
def test_a_slow_dissolve_is_no_hard_cut(name: str, length: int, tmp_path: Path) -> None:
    before, after = (draw_shots(pan=0, seed=seed) for seed in (1, 2))
    draw = draw_dissolved(before, after, 40, 40 + length)
    _, _, found, _ = watch(film(tmp_path / name, draw=draw, **STORED[name][1]))
    assert "cut" not in {shot.begins for shot in found.shots}


def test_cuts_that_can_not_be_looked_at_are_assumed_near_their_place(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", draw=draw_shots(*TRUE_CUTS), options=FIXED)
    _, _, found, _ = watch(path, budget=0)
    assert places(found) == pytest.approx(TRUE_CUTS, abs=2)


# Whatever a file is like, its scan ends and is sound.


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_scanned(name: str, kinds: Path) -> None:
    path, due = make_kind(name, kinds)
    _, index, _, _ = watch(path)
    assert len(index.times) == len(due)


SHADES: dict[str, dict[str, Any]] = {
    "interlaced.ts": {"options": {"x264-params": "tff=1"}},
    "transparent.webm": {"codec": "libvpx-vp9", "pixels": "yuva420p", "options": FAST},
    "grey.mkv": {"codec": "ffv1", "pixels": "gray"},
    "grey16.mkv": {"codec": "ffv1", "pixels": "gray16le"},
    "palette.mov": {"codec": "qtrle", "pixels": "rgb24"},
    "rgb.mkv": {"codec": "libx264rgb", "pixels": "rgb24"},
    "planar.mkv": {"codec": "ffv1", "pixels": "gbrp10le"},
    "full.mkv": {"codec": "ffv1", "pixels": "yuv444p16le"},
    "bits.mkv": {"codec": "ffv1", "pixels": "rgba64le"},
    "png.mov": {"codec": "png", "pixels": "monob"},
    "raw.avi": {"codec": "rawvideo", "pixels": "rgb555le"},
}


COLOURS = {
    "hdr": "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
    "hlg": "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc",
    "constant": "colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020c",
    "turned": "colorprim=bt709:transfer=bt709:colormatrix=YCgCo:range=pc",
    "derived": "colorprim=bt709:transfer=bt709:colormatrix=chroma-derived-nc",
    "two": "colorprim=bt2020:transfer=smpte2084:colormatrix=ICtCp",
}


@pytest.mark.parametrize("name", COLOURS)
def test_every_space_of_colours_is_scanned(name: str, tmp_path: Path) -> None:
    options = {"x264-params": COLOURS[name]}
    path = tmp_path / "a.mkv"
    film(path, draw=draw_shots(20), seconds=2, pixels="yuv420p10le", options=options)
    assert places(watch(path)[2]) == pytest.approx([20], abs=2)


@pytest.mark.parametrize("name", SHADES)
def test_every_way_of_storing_a_shade_is_scanned(name: str, tmp_path: Path) -> None:
    _, _, found, _ = watch(film(tmp_path / name, draw=draw_shots(20), seconds=2, **SHADES[name]))
    assert places(found) == pytest.approx([20], abs=2)


def film_at(path: Path, times: Sequence[Fraction], **options: Any) -> Path:
    return film(path, times=times, tick=Fraction(1, 1000), size=(64, 48), **options)


COUNT = 60
EVEN = [Fraction(n, RATE) for n in range(COUNT)]
TIMES = {
    "one": EVEN[:1],
    "two": EVEN[:2],
    "three": EVEN[:3],
    "forward": [time + (1000 if n > 30 else 0) for n, time in enumerate(EVEN)],
    "late": [time + 3 for time in EVEN],
    "very-late": [time + 10**6 for time in EVEN],
    "hours-apart": [Fraction(7200 * n) for n in range(6)],
    "fast": [Fraction(n, 300) for n in range(COUNT)],
    "a-thousand-a-second": [Fraction(n, 1000) for n in range(COUNT)],
}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("name", TIMES)
def test_whatever_the_times_are_the_scan_is_sound(name: str, ending: str, tmp_path: Path) -> None:
    path = film_at(tmp_path / f"a.{ending}", TIMES[name], draw=draw_shots(40))
    _, _, found, _ = watch(path)
    assert len(found.cuts) == (len(TIMES[name]) > 40)


def test_a_video_of_thirty_years_has_curves_that_fit_into_memory(tmp_path: Path) -> None:
    _, _, found, _ = watch(film_at(tmp_path / "a.mkv", [*EVEN, Fraction(10**9)]))
    assert len(found.motion) <= 200_000


def remux(path: Path, out: Path, change: Callable[[int, Any], None]) -> Path:
    """The same packets in another file, each changed before it is written."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.size:
                change(number, packet)
                packet.stream = copy
                target.mux(packet)
    return out


def retime(path: Path, change: Callable[[int], int]) -> Path:
    """An FLV whose times (milliseconds) are changed, as no muxer would write them."""
    content = bytearray(path.read_bytes())
    place = 13
    while place < len(content):
        kind, size = content[place], int.from_bytes(content[place + 1 : place + 4])
        if kind == 9:
            old = int.from_bytes(content[place + 4 : place + 7])
            low = change(old) & 0xFFFFFFFF
            content[place + 4 : place + 8] = (low & 0xFFFFFF).to_bytes(3) + bytes([low >> 24])
        place += size + 15
    path.write_bytes(content)
    return path


RETIMED: dict[str, Callable[[int], int]] = {
    "negative": lambda time: time - 1500,
    "late": lambda time: time + 10_000_000,
    "forward": lambda time: time + 900_000 * (time > 1200),
    "back a little": lambda time: time - 400 * (time > 1200),
    "back to the start": lambda time: time % 1200,
    "there and back": lambda time: time + 600_000 * (1200 < time < 1600),
    "again and again": lambda time: time // 400 * 400,
    "always": lambda time: 0,
    "backwards": lambda time: 2400 - time,
    "the largest": lambda time: 0x7FFFFFFF * (time > 1200),
}


@pytest.mark.parametrize("name", RETIMED)
@pytest.mark.parametrize("bf", ["0", "2"])
def test_times_that_can_not_be_are_scanned(name: str, bf: str, tmp_path: Path) -> None:
    path = tmp_path / "a.flv"
    film_at(path, EVEN, draw=draw_shots(30), options={"bf": bf, "g": "10"})
    watch(retime(path, RETIMED[name]))


def mark_none(number: int, packet: Any) -> None:
    packet.is_keyframe = number == 0


def mark_all(number: int, packet: Any) -> None:
    packet.is_keyframe = True


@pytest.mark.parametrize("mark", [mark_none, mark_all])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx"])
def test_key_frames_that_are_marked_wrongly_cost_at_most_time(
    codec: str, mark: Callable[[int, Any], None], tmp_path: Path
) -> None:
    options = {**FIXED, "bf": "0"} if codec == "libx264" else FAST if codec == "libvpx" else {}
    path = film(tmp_path / "a.mkv", draw=draw_shots(*TRUE_CUTS), codec=codec, options=options)
    _, _, found, _ = watch(remux(path, tmp_path / "b.mkv", mark))
    assert places(found) == pytest.approx(TRUE_CUTS, abs=2)


@pytest.mark.parametrize("ending", ["ts", "h264"])
def test_a_size_that_changes_in_the_middle_is_scanned(ending: str, tmp_path: Path) -> None:
    plain, both = {"bf": "0"}, tmp_path / f"both.{ending}"
    first = film(tmp_path / f"1.{ending}", seconds=4, options=plain, draw=draw_shots(50))
    times = [4 + n * TICK for n in range(100)]
    draw = draw_shots(30, seed=1)
    second = film(tmp_path / f"2.{ending}", size=(96, 160), times=times, options=plain, draw=draw)
    both.write_bytes(first.read_bytes() + second.read_bytes())
    _, _, found, _ = watch(both)
    assert places(found) == pytest.approx([50, 100, 130], abs=2)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_sound_that_is_longer_than_the_pictures_adds_no_cut(ending: str, tmp_path: Path) -> None:
    path = film(tmp_path / f"a.{ending}", seconds=4, sound_seconds=12, draw=draw_shots(50))
    video, _, found, _ = watch(path)
    assert video.readable == pytest.approx(12, abs=0.1)
    assert places(found) == pytest.approx([50], abs=2)


BREAKABLE: dict[str, dict[str, Any]] = {
    "a.mp4": {"file_options": {"movflags": "faststart"}},
    "a.mkv": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=20"}},
    "a.ts": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "a.webm": {"codec": "libvpx", "options": FAST | {"g": "10"}},
    "a.avi": {"codec": "mpeg4", "options": {"g": "10"}},
    "a.mpg": {"codec": "mpeg2video"},
}


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("breakable")
    for name, options in BREAKABLE.items():
        film(folder / name, seconds=6, draw=draw_shots(30, 70, 110), **options)
    return folder


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", BREAKABLE)
def test_a_broken_file_is_scanned_or_refused(
    name: str, seed: int, breakable: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes((breakable / name).read_bytes())
    if seed % 4 == 3:
        cut(path, (seed + 1) / 9)
    else:
        smash(path, seed / 8, seed / 8 + 0.003 * 10 ** (seed % 3))
    with suppress(SourceError):
        watch(path)


# The rules by themselves.


def test_a_packet_far_larger_than_its_neighbours_is_a_spike() -> None:
    sizes = np.full(60, 100.0)
    sizes[[0, 50]] = 1000
    sizes[[20, 35]] = 600
    reach = np.ones(60, int)
    reach[35], reach[34] = 2, 0
    found = find_spikes(sizes, reach, np.array([0, 50]))
    assert [(s.place, s.first) for s in found] == [(20, 20), (35, 34)]
    assert found[0].strength == pytest.approx(6) and found[0].share == pytest.approx(0.6)


@given(data=st.data(), pictures=st.integers(1, 80))
def test_spikes_are_no_key_frames_and_in_order(data: st.DataObject, pictures: int) -> None:
    sizes = data.draw(arrays(float, pictures, elements=st.floats(0, 1e6)))
    reach = data.draw(arrays(int, pictures, elements=st.integers(0, 4)))
    reach = np.minimum(reach, np.arange(1, pictures + 1))
    keys = np.array(sorted(data.draw(st.sets(st.integers(0, pictures - 1)))), int)
    found = find_spikes(sizes, reach, keys)
    assert not {spike.place for spike in found} & {*keys.tolist()}
    assert [s.place for s in found] == sorted({s.place for s in found})
    assert all(0 <= spike.first <= spike.place for spike in found)


def as_thumbs(greys: np.ndarray, colour: int = 128) -> np.ndarray:
    """Thumbs of these grey levels (…, 36, 64), in one colour."""
    rows = (*greys.shape[:-2], greys.shape[-2] // 2, greys.shape[-1])
    return np.concatenate([greys, np.full(rows, colour)], axis=-2).astype(np.uint8)


def draw_thumbs(draw: Any, pictures: int) -> np.ndarray:
    return as_thumbs(np.array([draw(n, *THUMB).mean(axis=2) for n in range(pictures)]))


def test_cuts_are_found_to_the_picture_among_thumbs() -> None:
    thumbs = draw_thumbs(draw_shots(10, 40, 100), 120)
    assert [(cut.place, cut.kind) for cut in find_cuts(thumbs)] == [
        (10, "cut"),
        (40, "cut"),
        (100, "cut"),
    ]


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_among_thumbs_is_no_cut(length: int) -> None:
    thumbs = draw_thumbs(draw_plain(draw_shots(), 30, 29 + length, 255), 60)
    assert find_cuts(thumbs) == []


@pytest.mark.parametrize("half", [12, 20])
@pytest.mark.parametrize("pan", [0.5, 3])
def test_the_ways_out_and_in_of_a_fade_are_no_dissolves(half: int, pan: float) -> None:
    thumbs = draw_thumbs(draw_dimmed(draw_shots(66, pan=pan), 60, half, 12), 130)
    assert [(cut.place, cut.kind) for cut in find_cuts(thumbs)] == [(66, "fade")]


def test_a_dissolve_right_after_a_fade_is_found_beside_it() -> None:
    shots = [draw_shots(seed=seed) for seed in range(3)]
    later = draw_dissolved(shots[1], shots[2], 90, 102)
    dark = draw_dimmed(lambda n, *size: (shots[0] if n < 66 else later)(n, *size), 60, 12, 12)
    assert [cut.kind for cut in find_cuts(draw_thumbs(dark, 150))] == ["fade", "dissolve"]


@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_too_few_thumbs_have_no_cut(pictures: int) -> None:
    assert find_cuts(as_thumbs(np.zeros((pictures, 36, 64)))) == []


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    kinds=st.lists(st.sampled_from(["photo", "black", "noise", "white"]), min_size=6, max_size=6),
    seed=st.integers(0, 5),
)
@settings(max_examples=60)
def test_cuts_among_thumbs_are_in_order_and_apart(
    lengths: list[int], kinds: list[str], seed: int
) -> None:
    width, height = THUMB
    random = np.random.default_rng(seed)
    shots = []
    for length, kind in zip(lengths, kinds, strict=False):
        photo = make_photo(int(random.integers(50)), width, height).mean(axis=2)
        still = {"photo": photo, "black": photo * 0, "white": photo * 0 + 255}
        noise = random.integers(0, 256, (length, height, width))
        shots.append(noise if kind == "noise" else np.repeat(still[kind][None], length, 0))
    found = [cut.place for cut in find_cuts(as_thumbs(np.concatenate(shots)))]
    assert all(b - a >= SHORTEST_SHOT for a, b in pairwise(found))
    assert all(0 < place < sum(map(len, shots)) for place in found)


CUTS = st.lists(st.builds(Cut, st.integers(0, 60), st.just("cut"), st.floats(0, 100)))


@given(cuts=CUTS)
@example(cuts=[Cut(0, "cut", 1), Cut(4, "cut", 2), Cut(8, "cut", 3)])
def test_cuts_that_are_kept_are_apart_and_the_strongest_is_among_them(cuts: list[Cut]) -> None:
    kept = apart(cuts)
    assert all(b.place - a.place >= SHORTEST_SHOT for a, b in pairwise(kept))
    assert {*kept} <= {*cuts}
    assert bool(kept) == bool(cuts)
    assert [cut.place for cut in kept] == sorted(cut.place for cut in kept)


def test_black_and_plain_are_told_apart() -> None:
    photo = make_photo(1, *THUMB).mean(axis=2)
    shades = [as_thumbs(photo), as_thumbs(photo * 0), as_thumbs(photo * 0 + 90)]
    assert [is_black(thumb) for thumb in shades] == [False, True, False]
    assert [is_plain(thumb) for thumb in shades] == [False, True, True]


def test_two_fields_of_one_brightness_are_not_plain() -> None:
    thumb = as_thumbs(np.full((36, 64), 90))
    thumb[36:, 32:] = 60
    assert not is_plain(thumb)


def test_a_change_of_colour_alone_is_a_cut_unless_the_view_stays() -> None:
    field = np.full((30, 36, 64), 90)
    other = np.concatenate([as_thumbs(field), as_thumbs(field, 60)])
    assert [(cut.place, cut.kind) for cut in find_cuts(other)] == [(30, "cut")]
    view = np.repeat(make_photo(1, *THUMB).mean(axis=2)[None], 30, axis=0)
    assert find_cuts(np.concatenate([as_thumbs(view), as_thumbs(view, 60)])) == []


@pytest.mark.parametrize(
    ("cuts", "flash"), [((480, 511, 547), 300), ((445, 512, 600), 500), ((479, 560), 510)]
)
def test_the_edge_of_a_block_makes_no_cut_and_hides_none(
    cuts: tuple[int, ...], flash: int, tmp_path: Path
) -> None:
    # One group of 700 pictures is decoded throughout, in blocks of 512 that overlap.
    draw = draw_plain(draw_shots(*cuts), flash, flash + 1, 250)
    options = {"g": "2000", "sc_threshold": "0"}
    path = film(tmp_path / "a.mkv", seconds=28, size=(64, 48), draw=draw, options=options)
    _, _, found, _ = watch(path)
    assert places(found) == [*cuts]


@pytest.mark.parametrize("kept", ["", "[", "{}", "null", "7", '{"shots": 1}', '{"shots": [{}]}'])
def test_scan_that_is_damaged_in_the_store_is_made_anew(
    kept: str, tmp_path: Path, store: Store
) -> None:
    path = SourceFile(make_video(tmp_path / "a.mp4", seconds=2))
    video, _, whole = run_to_end(look_at(path, store))
    store.read("UPDATE scans SET scan = ?", (kept,))
    assert store.get_scan(scan_key(video)) == kept
    assert run_to_end(look_at(path, store))[2] == whole
