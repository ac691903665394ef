"""Files whose clock jumps, whose streams change, or which hold more than one film."""

from pathlib import Path

import pytest

from longtake.pipeline.session import run_to_end
from longtake.records import Video
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.playable import copy_to_play
from longtake.video.probe import Index, probe
from longtake.video.scan import scan
from longtake.video.sound import read_sound
from tests.recordings import PICTURES, SECONDS, join, make_recording, put_off
from tests.videos import FILM_RATE, read_number, smash

SECOND = 500
"""The number of the first picture of a second recording."""
OTHERS = (512, 4352)
HOUR = 3600.0


def look(path: Path) -> tuple[Video, Index]:
    return probe(path, "0" * 64)


def numbers_at(path: Path, times: list[float]) -> list[int]:
    """The numbers of the pictures on display at these times, in whatever order they are read."""
    video, index = look(path)
    with open_frames(path, index) as reader:
        return [
            read_number(reader.read(Span(0, video.duration), [Slot((time,))], 64)[0].pixels)
            for time in times
        ]


def due(time: float) -> int:
    """The number of the picture on display at that time of two recordings, one after the other."""
    place = int(time * FILM_RATE + 0.01)
    return place if place < PICTURES else SECOND + place - PICTURES


def loud(path: Path) -> list[tuple[float, float]]:
    """Stretches of sound without a hole, in tenths of a second."""
    _, index = look(path)
    spans: list[tuple[float, float]] = []
    for block in read_sound(path, index.start, index.pieces):
        if spans and block.start - spans[-1][1] < 0.05:
            spans[-1] = spans[-1][0], block.end
        else:
            spans.append((block.start, block.end))
    return [(round(start, 1), round(end, 1)) for start, end in spans]


TWO = {
    "a clock that starts anew": ({"first": SECOND}, "at 0:06 its clock starts anew"),
    "a jump of an hour": (
        {"first": SECOND, "offset": HOUR},
        "at 0:06 its clock jumps by 59:54",
    ),
    "other streams": ({"first": SECOND, "pids": OTHERS}, "at 0:06 it goes on in other streams"),
    "other streams an hour later": (
        {"first": SECOND, "pids": OTHERS, "offset": HOUR},
        "at 0:06 it goes on in other streams",
    ),
}


@pytest.mark.parametrize(("silent", "reordered"), [(False, 0), (False, 3), (True, 0)])
@pytest.mark.parametrize("name", TWO)
def test_two_recordings_in_one_file_are_told_one_after_the_other(
    name: str, silent: bool, reordered: int, tmp_path: Path
) -> None:
    options, note = TWO[name]
    coding = {"silent": silent, "reordered": reordered}
    path = join(
        tmp_path / "both.ts",
        make_recording(tmp_path / "1.ts", **coding),
        make_recording(tmp_path / "2.ts", **coding, **options),
    )
    video, index = look(path)
    assert video.duration == video.readable == pytest.approx(2 * SECONDS, abs=0.1)
    assert len(index.times) == 2 * PICTURES
    assert video.notes == (f"{note}: all is told as one film",)
    # Where the clock jumps ahead, no time stands for two, and all can be sought.
    assert bool(len(index.keys)) == (name == "a jump of an hour")
    times = [0.02, 5.9, 6.1, 9.02, 11.9, 3.02, 8.02]
    assert numbers_at(path, times) == [due(time) for time in times]
    chunks = plan_chunks(video, run_to_end(scan(video, index)), 6, "fixed")
    assert len(chunks) == 2 and not any(chunk.missing for chunk in chunks)


def test_a_broadcast_that_moves_its_streams_goes_on(tmp_path: Path) -> None:
    path = join(
        tmp_path / "both.ts",
        make_recording(tmp_path / "1.ts"),
        make_recording(tmp_path / "2.ts", first=SECOND, pids=(512, 4096), version=1),
    )
    assert look(path)[0].duration == pytest.approx(2 * SECONDS, abs=0.1)
    times = [0.02, 5.9, 6.12, 9.02, 11.5]
    # ffmpeg gives the last packet of the first streams at the end: one picture is missing.
    assert numbers_at(path, times) == [due(t) + (t > SECONDS) for t in times]


@pytest.mark.parametrize("name", TWO)
def test_sound_follows_the_pictures_where_the_clock_jumps(name: str, tmp_path: Path) -> None:
    path = join(
        tmp_path / "both.ts",
        make_recording(tmp_path / "1.ts"),
        make_recording(tmp_path / "2.ts", **TWO[name][0]),
    )
    [(start, end)] = loud(path)
    assert start == 0 and end == pytest.approx(2 * SECONDS, abs=0.2)


def test_a_copy_to_play_has_the_times_of_the_run(tmp_path: Path) -> None:
    path = join(
        tmp_path / "both.ts",
        make_recording(tmp_path / "1.ts"),
        make_recording(tmp_path / "2.ts", first=SECOND, offset=HOUR),
    )
    video, index = look(path)
    out = tmp_path / "out.mp4"
    list(copy_to_play(video, index, out))
    assert look(out)[0].duration == pytest.approx(2 * SECONDS, abs=0.2)
    times = [5.02, 9.02]
    assert numbers_at(out, times) == [due(time) for time in times]


def test_a_copy_to_play_says_where_it_ends_before_the_file(tmp_path: Path) -> None:
    path = join(
        tmp_path / "both.ts",
        make_recording(tmp_path / "1.ts"),
        make_recording(tmp_path / "2.ts", first=SECOND, pids=OTHERS),
    )
    made = run_to_end(copy_to_play(*look(path), tmp_path / "out.mp4"))
    assert made.remark == "It ends at 0:06, where the file goes on in other streams."


@pytest.mark.parametrize("ending", ["mp4", "mkv", "flv", "ts"])
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("number", [70, PICTURES - 1])
def test_a_picture_that_is_shown_hours_ahead_stands_where_it_lies(
    number: int, silent: bool, ending: str, tmp_path: Path
) -> None:
    path = make_recording(
        tmp_path / f"a.{ending}", silent=silent, bad=lambda n: 3 * HOUR * (n == number)
    )
    video, index = look(path)
    assert video.duration == video.readable == pytest.approx(SECONDS, abs=0.2)
    assert len(index.times) == PICTURES
    assert "1 picture has a time that can't be, the first at 0:0" in video.notes[0]
    assert len(index.keys)
    assert numbers_at(path, [0.02, 2.82, 4.02, 1.02]) == [0, 70, 100, 25]


@pytest.mark.parametrize("seconds", [3 * HOUR, 20, -2])
def test_pictures_of_a_broadcast_with_other_times_stand_where_they_lie(
    seconds: float, tmp_path: Path
) -> None:
    path = make_recording(tmp_path / "a.ts")
    put_off(path, range(70, 73), seconds)
    video, _ = look(path)
    assert video.duration == pytest.approx(SECONDS, abs=0.2)
    assert video.notes[0].startswith("3 pictures have times that can't be, the first at 0:02")
    assert numbers_at(path, [0.02, 2.82, 4.02, 1.02]) == [0, 70, 100, 25]


def test_times_that_jump_and_come_back_are_none_of_the_video(tmp_path: Path) -> None:
    path = make_recording(tmp_path / "a.ts")
    put_off(path, range(50, 100), 3 * HOUR)
    video, _ = look(path)
    assert video.duration == pytest.approx(SECONDS, abs=0.2)
    assert numbers_at(path, [0.02, 2.02, 3.02, 5.02]) == [0, 50, 75, 125]


def test_a_hole_in_the_bytes_is_no_jump_of_the_clock(tmp_path: Path) -> None:
    path = join(
        tmp_path / "a.ts",
        *(make_recording(tmp_path / f"{n}.ts", offset=SECONDS * n) for n in range(6)),
    )
    smash(path, 0.2, 0.8)
    video, index = look(path)
    assert not index.pieces and not video.notes
    assert video.duration == pytest.approx(6 * SECONDS, abs=0.3)
