"""What a file may take of memory and time is bounded, however small it is; the bound is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from longtake.errors import SourceError
from longtake.pipeline.sources import open_video
from longtake.records import SourceFile
from longtake.video.container import open_container, picture_stream
from longtake.video.decoding_room import (
    HELD,
    HELD_ALONE,
    MOST_BYTES,
    MOST_THREADS,
    OF_A_THREAD,
    find_room,
)
from longtake.video.packets import read_packets
from longtake.video.pieces import Clock
from longtake.video.probe import probe
from longtake.video.tone_map import BAND_PIXELS, BT2020, HLG, PQ, read_pixels
from longtake.video.tracks import list_tracks, read_track
from tests.fuzz.corpus import (
    make_with_subtitles,
    promise_fragments,
    promise_samples,
    write_jumping_clock,
    write_tiny_packets,
)
from tests.videos import make_video

PEAK = """
import json, resource, sys
from pathlib import Path
from longtake.errors import SourceError
from longtake.video.frames import open_frames
from longtake.video.probe import probe
import av, numpy
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before, said = peak(), ""
try:
    video, index = probe(Path(sys.argv[1]), "")
    with open_frames(video.path, index) as reader:
        said = str(len(list(reader.thumbs(0, video.readable))))
except SourceError as error:
    said = error.message
print(json.dumps([peak() - before, said]))
"""


def measure(path: Path) -> tuple[int, str]:
    """The MiB that it takes in a process of its own; how many pictures come, or what is wrong."""
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    mebibytes, said = json.loads(done.stdout)
    return mebibytes, said


def test_header_that_promises_billions_of_pictures_takes_no_memory(tmp_path: Path) -> None:
    mebibytes, said = measure(promise_samples(tmp_path / "a.mp4", 80_000_000))
    assert said
    assert mebibytes < 100


def test_fragment_that_promises_billions_of_pictures_takes_what_is_said(tmp_path: Path) -> None:
    mebibytes, said = measure(promise_fragments(tmp_path / "a.mp4", 5_000_000, 20))
    assert "it asks for more memory than 256 MiB at once" in said
    assert mebibytes < 500


def test_pictures_that_become_huge_on_the_way_are_passed_over(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.avi", seconds=2, codec="mjpeg", pixels="yuvj420p")
    content, size = path.read_bytes(), b"\0\x30\0\x40"  # 48 rows of 64
    place = content.index(size, content.index(b"\xff\xc0", len(content) // 2))
    path.write_bytes(content[:place] + b"\x3e\x80\x3e\x80" + content[place + 4 :])
    mebibytes, pictures = measure(path)
    assert 10 <= int(pictures) < 20
    assert mebibytes < 100


def test_more_pictures_than_a_day_has_are_refused_with_the_bound(tmp_path: Path) -> None:
    path = write_tiny_packets(tmp_path / "a.avi", 300)
    with open_container(path) as container:
        stream = picture_stream(container, path)
        with pytest.raises(SourceError, match="more than 299 pictures"):
            read_packets(container, stream, path, most=299)
    with open_container(path) as container:
        stream = picture_stream(container, path)
        assert len(read_packets(container, stream, path, most=300).times) == 300


def test_of_clocks_that_jump_at_each_picture_so_many_jumps_are_taken_down(tmp_path: Path) -> None:
    clock = Clock(most=5)
    for number in range(100):
        clock.note(number, 1000.0 * (-1) ** number, 0.04)
    assert len(clock.breaks) == 5
    video, index = probe(write_jumping_clock(tmp_path / "a.flv", 200), "")
    assert video.duration > 0
    assert len(index.times)


K8, K16, VR = 7680 * 4320, 15360 * 8640, 8192 * 8192


@pytest.mark.parametrize("cores", [1, 2, 8, 64])
@pytest.mark.parametrize("pixel_bytes", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("pixels", [0, 640 * 360, 1920 * 1080, K8, VR])
def test_pictures_that_are_kept_at_once_stay_within_the_bound(
    cores: int, pixel_bytes: float, pixels: int
) -> None:
    for held in (HELD, HELD_ALONE):
        room = find_room(pixels, pixel_bytes, held, cores)
        if room:
            assert 1 <= room.threads <= min(cores + 1, MOST_THREADS)
            # Also where they become larger on the way.
            kept = held + OF_A_THREAD * room.threads
            assert room.pixels >= pixels
            assert kept * room.pixels * pixel_bytes <= MOST_BYTES
        else:
            assert (held + OF_A_THREAD) * pixels * pixel_bytes > MOST_BYTES


def test_usual_pictures_have_as_many_threads_as_there_are() -> None:
    for pixels, pixel_bytes in ((1920 * 1080, 1.5), (3840 * 2160, 1.5), (3840 * 2160, 3.0)):
        room = find_room(pixels, pixel_bytes, HELD, 15)
        assert room
        assert room.threads == 16


def test_pictures_of_16k_are_read_only_where_each_stands_alone() -> None:
    assert find_room(K16, 1.5, HELD, 8) is None
    alone = find_room(K16, 1.5, HELD_ALONE, 8)
    assert alone
    assert alone.threads < 8
    assert find_room(K8, 1.5, HELD, 8)


FOUR = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nline {n}\n\n" for n in range(4))


def test_more_texts_in_a_track_than_anybody_reads_are_refused(tmp_path: Path) -> None:
    path = make_with_subtitles(tmp_path / "a.mkv", FOUR)
    (track,) = list_tracks(path).subtitles
    assert len(read_track(path, track, 0.0, most=4)) == 4
    with pytest.raises(SourceError, match="more than 3 texts"):
        read_track(path, track, 0.0, most=3)


def test_what_is_no_video_is_told_before_a_terabyte_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    os.truncate(path, 1 << 40)
    steps = open_video(SourceFile(path))
    with pytest.raises(SourceError, match="can't be read as a video"):
        next(steps)


def test_tones_of_a_large_picture_are_mapped_in_bands(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).integers(0, 1 << 16, (700, 3000, 3), np.uint16)
    assert signal[..., 0].size > 2 * BAND_PIXELS
    for transfer in (PQ, HLG):
        decoded = SimpleNamespace(color_trc=transfer, color_primaries=BT2020)
        whole = read_pixels(lambda *_, **__: signal, decoded, 3000, 700)  # type: ignore[arg-type]
        for first in (0, 349, 699):
            row = signal[first : first + 1]
            alone = read_pixels(lambda *_, row=row, **__: row, decoded, 3000, 1)  # type: ignore
            assert (alone == whole[first : first + 1]).all()
