"""The sound of videos whose truth is known, through `read_sound`."""

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from longtake.errors import SourceError
from longtake.video.probe import probe
from longtake.video.sound import RATE, Block, has_sound, read_sound
from tests import videos
from tests.voices import RATE as SAID_RATE
from tests.voices import (
    break_sound,
    encode_sound,
    make_changing_sound,
    make_film,
    make_noise,
    make_silence,
    place,
)


def make_beep(seconds: float = 0.5, tone: float = 440) -> np.ndarray:
    times = np.arange(round(seconds * SAID_RATE)) / SAID_RATE
    return (0.5 * np.sin(2 * np.pi * tone * times)).astype(np.float32)


BEEPS = place({1.0: make_beep(), 4.0: make_beep(), 8.0: make_beep()}, 10)


def read(path: Path) -> tuple[list[Block], str]:
    """All blocks in time with the pictures, and what was said at the end."""
    _, index = probe(path, "")
    blocks = []
    try:
        for block in read_sound(path, index.start):
            blocks.append(block)
    except SourceError as error:
        return blocks, error.message
    return blocks, ""


def find_beeps(blocks: list[Block]) -> list[float]:
    """When each beep begins, to the hundredth."""
    begins: list[float] = []
    last = -1.0
    for block in blocks:
        loud = block.start + np.flatnonzero(np.abs(block.samples) > 0.05) / RATE
        for time in loud:
            if time > last + 0.2:
                begins.append(round(float(time), 2))
            last = time
    return begins


def assert_orderly(blocks: list[Block]) -> None:
    for block in blocks:
        assert block.samples.dtype == np.float32 and block.samples.ndim == 1
        assert len(block.samples) and np.abs(block.samples).max() <= 1
        assert block.start >= 0
    for before, after in pairwise(blocks):
        assert after.start >= before.end - 1e-9


@pytest.mark.parametrize(
    ("file", "codec", "rate"),
    [
        ("a.mp4", "aac", 22050),
        ("a.mkv", "libopus", 48000),
        ("a.mkv", "flac", 44100),
        ("a.mkv", "pcm_s16le", 8000),
        ("a.mkv", "mp3", 44100),
        ("a.ts", "aac", 48000),
    ],
)
def test_sound_is_where_it_was_put(tmp_path: Path, file: str, codec: str, rate: int) -> None:
    path = make_film(tmp_path / file, BEEPS, codec=codec, rate=rate)
    blocks, said = read(path)
    assert_orderly(blocks)
    # AAC and MP3 come late by their own first frame where the file can't say so.
    assert find_beeps(blocks) == pytest.approx([1, 4, 8], abs=0.06)
    assert said == "" and has_sound(path)
    assert sum(len(block.samples) for block in blocks) / RATE == pytest.approx(10, abs=0.1)


def test_times_count_from_the_first_picture(tmp_path: Path) -> None:
    blocks, _ = read(make_film(tmp_path / "a.mkv", BEEPS, codec="flac", film_start=7))
    assert find_beeps(blocks) == pytest.approx([1, 4, 8], abs=0.01)


def test_sound_that_starts_late_starts_late(tmp_path: Path) -> None:
    blocks, _ = read(make_film(tmp_path / "a.mp4", make_beep(), seconds=5, sound_start=3))
    assert_orderly(blocks)
    assert blocks[0].start == pytest.approx(3, abs=0.06)
    assert find_beeps(blocks) == pytest.approx([3], abs=0.06)


def test_sound_before_the_first_picture_is_dropped(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", BEEPS, codec="flac")
    blocks = list(read_sound(path, 2.5))
    assert_orderly(blocks)
    assert blocks[0].start == pytest.approx(0)
    assert find_beeps(blocks) == pytest.approx([1.5, 5.5], abs=0.01)


def test_sound_longer_than_the_pictures_is_read_to_its_end(tmp_path: Path) -> None:
    blocks, said = read(make_film(tmp_path / "a.mp4", BEEPS, seconds=3))
    assert find_beeps(blocks) == pytest.approx([1, 4, 8], abs=0.03) and said == ""


def test_file_without_sound_is_told_apart(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", seconds=2)
    assert not has_sound(path)
    assert read(path) == ([], "the file has no sound")


def test_stream_of_sound_that_is_empty_is_said_to_be(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", make_silence(0), seconds=2)
    assert has_sound(path)
    assert read(path) == ([], "the sound of the file is empty")


def test_rate_and_channels_may_change_on_the_way(tmp_path: Path) -> None:
    part = place({1.0: make_beep()}, 3)
    parts = (part, 22050, "mono"), (part, 48000, "stereo"), (part, 44100, "5.1")
    blocks, said = read(make_changing_sound(tmp_path / "a.ts", *parts))
    assert_orderly(blocks)
    assert find_beeps(blocks) == pytest.approx([1, 4, 7], abs=0.06) and said == ""


@pytest.mark.parametrize(("file", "codec"), [("a.mkv", "flac"), ("a.mp4", "aac")])
def test_voice_in_the_centre_of_eight_channels_is_heard(
    tmp_path: Path, file: str, codec: str
) -> None:
    quiet = make_silence(10)
    channels = [quiet, quiet, BEEPS, quiet, quiet, quiet, quiet, quiet]
    blocks, _ = read(make_film(tmp_path / file, channels=channels, layout="7.1", codec=codec))
    assert find_beeps(blocks) == pytest.approx([1, 4, 8], abs=0.06)


def test_broken_packets_leave_a_hole_and_the_rest_in_time(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", BEEPS)
    assert break_sound(path, 2.5, 6) > 50
    blocks, said = read(path)
    assert_orderly(blocks)
    assert [beep for beep in find_beeps(blocks) if not 2.4 < beep < 6.1] == pytest.approx(
        [1, 8], abs=0.03
    )
    assert "s of the sound can't be decoded, the first of them at 0:02" in said


def test_sound_that_is_all_broken_is_said_to_be(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", BEEPS)
    break_sound(path, 0, 99)
    assert read(path) == ([], "the sound can't be decoded")


@pytest.mark.parametrize("file", ["a.mkv", "a.ts"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_file_that_is_cut_off_gives_what_it_holds(tmp_path: Path, file: str, share: float) -> None:
    path = make_film(tmp_path / file, BEEPS)
    videos.cut(path, share)
    blocks, _ = read(path)
    assert_orderly(blocks)
    assert blocks[-1].end > 10 * share - 2.5
    assert find_beeps(blocks)[0] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("file", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize("start", [0.2, 0.45, 0.7])
def test_noise_in_a_file_raises_nothing_but_source_errors(
    tmp_path: Path, file: str, start: float
) -> None:
    path = make_film(tmp_path / file, BEEPS, codec="mp3" if file == "a.avi" else "aac", rate=44100)
    videos.smash(path, start, start + 0.04)
    assert_orderly(read(path)[0])


def test_times_that_start_anew_are_not_put_over_what_was_heard(tmp_path: Path) -> None:
    part = make_film(tmp_path / "a.ts", place({1.0: make_beep()}, 4)).read_bytes()
    path = tmp_path / "twice.ts"
    path.write_bytes(part + part)
    blocks, said = read(path)
    assert_orderly(blocks)
    assert find_beeps(blocks) == pytest.approx([1], abs=0.06)
    assert "of the sound can't be decoded" in said


def write_two_streams(path: Path, mark: Callable[[object, object], None]) -> Path:
    """A file with a beep at 1 s in its first stream of sound, and at 2 s in its second."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=5)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        streams = [container.add_stream("flac", rate=SAID_RATE, layout="mono") for _ in range(2)]
        mark(*streams)
        container.mux(picture.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(picture.encode(None))
        for second, stream in enumerate(streams, start=1):
            sound = place({float(second): make_beep()}, 3)
            container.mux(encode_sound(stream, sound[None], SAID_RATE, 0))
    return path


def test_comments_are_not_what_is_heard(tmp_path: Path) -> None:
    def mark(first: object, second: object) -> None:
        first.disposition = Disposition.comment | Disposition.default  # type: ignore[attr-defined]
        second.disposition = Disposition(0)  # type: ignore[attr-defined]

    blocks, _ = read(write_two_streams(tmp_path / "a.mkv", mark))
    assert find_beeps(blocks) == pytest.approx([2], abs=0.01)


def test_default_stream_is_what_is_heard(tmp_path: Path) -> None:
    def mark(first: object, second: object) -> None:
        first.disposition = Disposition(0)  # type: ignore[attr-defined]
        second.disposition = Disposition.default  # type: ignore[attr-defined]

    blocks, _ = read(write_two_streams(tmp_path / "a.mkv", mark))
    assert find_beeps(blocks) == pytest.approx([2], abs=0.01)


def write_wav(path: Path, samples: bytes, form: int, channels: int, rate: int, bits: int) -> Path:
    size = channels * bits // 8
    head = struct.pack("<IHHIIHH", 16, form, channels, rate, rate * size, size, bits)
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(samples)) + samples
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize("layout", ["mono", "stereo", "3.0", "5.1", "7.1", "22.2"])
def test_mix_of_channels_is_as_loud_as_each(tmp_path: Path, layout: str) -> None:
    count = av.AudioLayout(layout).nb_channels
    channels = [1.8 * make_beep(3)] * count
    blocks, _ = read(
        make_film(tmp_path / "a.mkv", channels=channels, layout=layout, codec="pcm_f32le")
    )
    assert max(np.abs(block.samples).max() for block in blocks) == pytest.approx(0.9, abs=0.05)


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    samples = np.tile(np.array([np.nan, np.inf, 1e30, -0.5], np.float32), 4000).tobytes()
    (block,) = read_sound(write_wav(tmp_path / "a.wav", samples, 3, 1, 16000, 32), 0.0)
    assert block.samples[:4].tolist() == [0, 1, 1, -0.5]


@pytest.mark.parametrize("channels", [2, 3, 9, 24, 63])
def test_channels_without_names_are_mixed(tmp_path: Path, channels: int) -> None:
    samples = (make_noise(1)[:, None] * np.full(channels, 9000)).astype("<i2").tobytes()
    path = write_wav(tmp_path / "a.wav", samples, 1, channels, SAID_RATE, 16)
    samples = np.concatenate([block.samples for block in read_sound(path, 0.0)])
    assert len(samples) == pytest.approx(16000, abs=5)
    assert 0.03 < samples.std() < 0.06


@pytest.mark.parametrize(("channels", "rate"), [(1, 0), (1, 2**31 - 1)])
def test_sound_that_can_not_be_mixed_is_a_source_error(
    tmp_path: Path, channels: int, rate: int
) -> None:
    head_rate = min(rate, 2**31 // (2 * channels))
    path = write_wav(tmp_path / "a.wav", bytes(channels * 2 * 8000), 1, channels, head_rate, 16)
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    with pytest.raises(SourceError):
        list(read_sound(path, 0.0))


def test_blocks_are_short_however_long_the_sound_is(tmp_path: Path) -> None:
    blocks, _ = read(make_film(tmp_path / "a.mkv", make_noise(60), seconds=1, codec="flac"))
    assert max(len(block.samples) for block in blocks) < 2 * RATE
