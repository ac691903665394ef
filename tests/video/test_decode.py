"""Pictures that are read by a plan: those of a plain decode, and none decoded twice."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from longtake.describe.chunk_frames import ChunkFrames
from longtake.describe.flows import Describing
from longtake.engines.fake import FakeEngine
from longtake.errors import UsageError
from longtake.inference.scheduler import Work
from longtake.records import NO_WORDS, Description, Overview
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.choose_frames import Slot, plan_slots
from longtake.video.chunks import plan_chunks
from longtake.video.frames import FrameReader, open_frames
from longtake.video.hwaccel import AUTO
from longtake.video.probe import Index, probe
from longtake.video.same_chunks import make_coarse
from longtake.words.chunks import open_words
from tests.captions import survey
from tests.kinds import KINDS, make_kind
from tests.videos import draw_noisy, draw_shots, make_video

SIDE = 64
FEW_KEYS = {"g": "17", "keyint_min": "17", "sc_threshold": "0"}
PYRAMID = "bframes=8:b-adapt=0:b-pyramid=normal:keyint=60:min-keyint=60:scenecut=0"

# What the order of decoding, and what rests on what, depend on; the values go to make_video.
FILMS: dict[str, dict[str, Any]] = {
    "defaults.mp4": {"seconds": 30},
    "pyramid.mp4": {"options": {"x264-params": PYRAMID}},
    "three-groups.mp4": {"seconds": 18, "options": {"x264-params": PYRAMID}},
    "strict-pyramid.mkv": {"options": {"x264-params": PYRAMID.replace("normal", "strict")}},
    "no-pyramid.ts": {"options": {"x264-params": PYRAMID.replace("normal", "none")}},
    "open-groups.mp4": {"options": {"x264-params": "open-gop=1:keyint=20:scenecut=0:bframes=3"}},
    "open-groups.ts": {"options": {"x264-params": "open-gop=1:keyint=20:scenecut=0:bframes=3"}},
    "uneven.mp4": {"times": [Fraction(n * n, 200) for n in range(60)], "options": {"g": "15"}},
    "one-key.mkv": {"seconds": 20, "options": {"g": "1000", "sc_threshold": "0"}},
    "fields.ts": {"options": {"x264-params": "tff=1:keyint=30"}},
    "fields.mp4": {"options": {"x264-params": "tff=1:keyint=30"}},
    "order-of-decoding.avi": {"options": {"bf": "3", "g": "20"}, "tick": Fraction(1, 10)},
    "mpeg2.ts": {
        "codec": "mpeg2video",
        "options": {"bf": "2", "g": "12"},
        "rate": 25,
        "tick": Fraction(1, 25),
    },
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=20"}},
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def make(name: str, folder: Path) -> Path:
    path = folder / name
    if not path.exists():
        make_video(path, draw=draw_noisy, **{"seconds": 12, **FILMS[name]})
    return path


def decode_plainly(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time and pixels of all whole pictures of a file, by a loop over PyAV on one thread."""
    found: list[tuple[float, np.ndarray]] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                continue
            found += [
                (float(p.pts * p.time_base), p.to_ndarray(format="rgb24"))
                for p in pictures
                if p.pts is not None and not p.is_corrupt
            ]
    return found


def on_display(pictures: Sequence[tuple[float, np.ndarray]], time: float) -> np.ndarray:
    """The last of these pictures that is due by then."""
    return [pixels for due, pixels in pictures if due <= time + 0.0005][-1]


def read_at(reader: FrameReader, time: float) -> list[np.ndarray]:
    return [p.pixels for p in reader.read(Span(time, time), [Slot((time,))], SIDE)]


def some_times(index: Index, seed: str, share: float) -> list[float]:
    """A share of the pictures' times, in order; between two of them, each is on display."""
    random = Random(seed)
    return [float(t) + 0.001 for t in index.times if random.random() < share]


@pytest.mark.parametrize("share", [0.03, 0.2, 1])
# Of AVI, which knows no order of display, the times are ffmpeg's guesses.
@pytest.mark.parametrize("name", [name for name in FILMS if not name.endswith("avi")])
def test_planned_pictures_are_those_of_a_plain_decode(name: str, share: float, films: Path) -> None:
    path = make(name, films)
    _, index = probe(path, "")
    truth = [(time - index.start, pixels) for time, pixels in decode_plainly(path)]
    times = some_times(index, name, share)
    with open_frames(path, index) as reader:
        reader.expect(times)
        for time in times:
            (pixels,) = read_at(reader, time)
            assert np.array_equal(pixels, on_display(truth, time)), time


@pytest.mark.parametrize("name", [*FILMS, *KINDS])
def test_a_picture_is_the_same_with_a_plan_and_without(name: str, films: Path, kinds: Path) -> None:
    path = make(name, films) if name in FILMS else make_kind(name, kinds)[0]
    _, index = probe(path, "")
    times = some_times(index, name, 0.15)
    with open_frames(path, index) as planned, open_frames(path, index) as plain:
        planned.expect(times)
        for time in times:
            pictures = [r.read(Span(time, time), [Slot((time,))], SIDE) for r in (planned, plain)]
            assert [p.time for p in pictures[0]] == [p.time for p in pictures[1]]
            for one, other in zip(*pictures, strict=True):
                assert np.array_equal(one.pixels, other.pixels), time


@pytest.mark.parametrize("name", ["defaults.mp4", "pyramid.mp4", "open-groups.ts", "uneven.mp4"])
def test_what_was_not_planned_is_read_all_the_same_at_its_time(name: str, films: Path) -> None:
    path = make(name, films)
    _, index = probe(path, "")
    truth = [(time - index.start, pixels) for time, pixels in decode_plainly(path)]
    random = Random(name)
    with open_frames(path, index) as reader:
        reader.expect(some_times(index, name, 0.1))
        for _ in range(30):
            time = float(random.choice(index.times)) + 0.001
            (pixels,) = read_at(reader, time)
            assert np.array_equal(pixels, on_display(truth, time)), time


def break_packet(source: Path, path: Path, broken: int) -> Path:
    """The film with the packet of that number, in the order of decoding, half overwritten."""
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        stream = given.streams.video[0]
        target = out.add_stream_from_template(stream)
        for number, packet in enumerate(p for p in given.demux(stream) if p.size):
            content = bytearray(bytes(packet))
            if number == broken:
                half = len(content) // 2
                content[half:] = np.random.default_rng(number).bytes(len(content) - half)
            copy = av.Packet(bytes(content))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.duration, copy.is_keyframe, copy.stream = (
                packet.duration,
                packet.is_keyframe,
                target,
            )
            out.mux(copy)
    return path


@pytest.mark.parametrize("broken", [60, 61, 62, 63, 75, 100])
def test_broken_packet_changes_no_picture_but_those_that_rest_on_it(
    broken: int, films: Path, tmp_path: Path
) -> None:
    path = break_packet(make("three-groups.mp4", films), tmp_path / "a.mp4", broken)
    _, index = probe(path, "")
    assert index.keys.tolist() == [0, 6, 12]
    truth = [(time - index.start, pixels) for time, pixels in decode_plainly(path)]
    times = some_times(index, str(broken), 0.3)
    with open_frames(path, index) as reader:
        reader.expect(times)
        for time in times:
            pictures = reader.read(Span(time, time), [Slot((time,))], SIDE)
            if 6 <= time < 12:  # ffmpeg mends what it can, with more than one thread as it comes
                assert all(time - 0.5 < picture.shown <= time for picture in pictures)
            else:
                assert np.array_equal(pictures[0].pixels, on_display(truth, time)), time


def test_each_group_is_gone_through_once_and_left_behind_its_last_picture(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mp4",
        seconds=40,
        draw=draw_noisy,
        options={"g": "100", "sc_threshold": "0"},
    )
    _, index = probe(path, "")
    assert index.keys.tolist() == [0, 10, 20, 30]
    slots = [Slot((t, t + 0.2, t + 0.4)) for start in (0, 10, 30) for t in (start + 1.0, start + 4)]
    with open_frames(path, index) as reader:
        reader.expect(time for slot in slots for time in slot.times)
        for slot in slots:  # one after the other, as chunks are
            assert reader.read(Span(slot.times[0], 40), [slot], SIDE)
        sent, decoded = reader.decoder.sent, reader.decoder.decoded
    # Of each group some 45 of 100, up to 4.4 s; of the third, where none is wanted, none.
    assert 3 * 40 <= sent <= 3 * 50
    # Beside those that are wanted there are none but those on which others rest.
    assert decoded < 0.8 * sent


def test_a_reader_without_a_plan_decodes_no_picture_twice_either(films: Path) -> None:
    path = make("defaults.mp4", films)
    _, index = probe(path, "")
    with open_frames(path, index) as reader:
        for time in some_times(index, "a", 0.1):
            read_at(reader, time)
        assert reader.decoder.sent <= len(index.times)


def test_all_frames_of_a_video_and_what_they_are_compared_with_take_one_pass(
    tmp_path: Path,
) -> None:
    def draw(number: int, width: int, height: int) -> np.ndarray:
        """A page for 6 s, another, the first again, and so on; a dot moves on each."""
        pixels = np.random.default_rng(number // 60 % 2).integers(0, 255, (6, 8, 3), np.uint8)
        page = np.kron(pixels, np.ones((height // 6, width // 8, 1), np.uint8))
        page[:4, number % 60 : number % 60 + 4] = 255
        return page

    path = make_video(
        tmp_path / "a.mp4", seconds=60, size=(160, 96), draw=draw, options={"g": "250"}
    )
    video, index, scan = survey(path)
    chunks = plan_chunks(video, scan, 6, "shots")
    planned = [(chunk, plan_slots(chunk, scan, 6, 2.25, index.keys.tolist())) for chunk in chunks]
    frames = ChunkFrames(Overview(video, scan, tuple(chunks)), index, SIDE, repeats=False)
    frames.plan(planned)
    twins = []
    for chunk, slots in planned:
        pictures = frames.read(chunk, slots)
        look = frames.look_of(chunk, NO_WORDS, make_coarse([p.look for p in pictures]))
        twins.append(frames.find_same(look, pictures))
        frames.add(chunk, slots, look, pictures)
    assert sum(twin is not None for twin in twins) > len(chunks) / 2
    assert frames.packets <= len(index.times)
    frames.close()


def test_a_device_that_does_not_work_leaves_the_processor_with_the_same_pictures(
    films: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make("defaults.mp4", films)
    _, index = probe(path, "")
    devices = [device for device in AUTO if device in hwdevices_available()]
    found = []
    for hwaccel in ("off", "auto", *devices):
        with open_frames(path, index, hwaccel) as reader:
            found.append([read_at(reader, time)[0] for time in (1.05, 7.05)])
            # Where there is such a device, it may decode; here and on most machines there is none.
            if not reader.decoder.stream.codec_context.is_hwaccel:
                assert np.array_equal(found[-1], found[0])
            elif hwaccel in devices:
                return
    told = [record.getMessage() for record in caplog.records]
    assert len(told) <= len(devices) and all("the processor does it" in line for line in told)


def test_a_device_that_the_build_knows_nothing_of_is_refused_with_those_that_it_knows(
    films: Path,
) -> None:
    path = make("defaults.mp4", films)
    _, index = probe(path, "")
    missing = next(device for device in AUTO if device not in hwdevices_available())
    with (
        pytest.raises(UsageError, match=f"--hwaccel {missing}") as caught,
        open_frames(path, index, missing),
    ):
        pass
    assert "--hwaccel off" in caught.value.hint


def describe(path: Path, store: Store, index: Index) -> list[Description]:
    """Descriptions by the fake of frames that are chosen for this index."""
    settings = Settings(read_text="off", speech="off")
    video, _, scan = survey(path)
    chunks = plan_chunks(video, scan, settings.chunk_seconds, "fixed")
    overview = Overview(video, scan, tuple(chunks))
    with (
        open_words(settings, store, overview, index) as words,
        closing(Describing(Work(settings, store), FakeEngine(), overview, index, words)) as steps,
    ):
        return sorted(steps.describe(), key=lambda d: d.chunk.number)


def test_answers_from_before_key_frames_were_preferred_are_known_again(
    tmp_path: Path, store: Store
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=30, draw=draw_shots(), options=FEW_KEYS)
    _, index = probe(path, "")
    without = replace(index, keys=np.empty(0))
    with Store(tmp_path / "other.sqlite") as fresh:
        describe(path, fresh, index)
        anew = describe(path, fresh, without)
    assert not all(d.stored for d in anew)  # other frames are another question
    usual = describe(path, store, without)
    again = describe(path, store, index)
    assert [d.text for d in again] == [d.text for d in usual]
    assert all(d.stored for d in again)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_long_group_is_not_held_decoded(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mp4",
        seconds=15,
        size=(1920, 1080),
        options={"preset": "ultrafast", "g": "1000", "sc_threshold": "0"},
    )
    read = f"""
from pathlib import Path
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import open_frames
from longtake.video.probe import probe

def peak():
    status = Path("/proc/self/status").read_text()
    return int(next(n for n in status.splitlines() if n.startswith("VmHWM")).split()[1]) >> 10

_, index = probe(Path({str(path)!r}), "")
with open_frames(Path({str(path)!r}), index) as reader:
    times = index.times[::2].tolist()
    reader.expect(times)
    for time in times[:5]:
        reader.read(Span(time, 15), [Slot((time,))], 128)
    early = peak()
    for time in times[5:]:
        reader.read(Span(time, 15), [Slot((time,))], 128)
    print(early, peak())
"""
    done = subprocess.run([sys.executable, "-c", read], check=True, capture_output=True, text=True)
    early, late = map(int, done.stdout.split())
    held = 150 * 1920 * 1080 * 1.5 / 2**20  # MiB of the whole group
    assert late - early < held / 4
