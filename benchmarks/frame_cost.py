"""What frames cost to read, beside one full decode and the usual ways to get as many.

Real footage in 1080p (`footage.py`); all in one run, one after the other. Processor time is what
counts: seconds depend on what else the machine does. Needs ffmpeg, and `make scenedetect`.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av

from benchmarks.detectors import finish, scenedetect
from benchmarks.footage import footage, plan_shots
from benchmarks.scenes import RATE
from longtake.describe.chunk_frames import ChunkFrames
from longtake.inference.engine import Capabilities
from longtake.records import NO_WORDS, Overview
from longtake.video.choose_frames import plan_slots
from longtake.video.chunks import plan_chunks
from longtake.video.probe import Index, probe
from longtake.video.same_chunks import make_coarse
from longtake.video.scan import scan

CHUNK_SECONDS = 6.0
EDGE = 0.02
"""Seconds by which times are rounded."""

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Seconds of processor, and on the clock."""

    processor: float
    seconds: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.processor + other.processor, self.seconds + other.seconds)


@dataclass(frozen=True)
class Reading:
    """The times of the frames that are sent, and how many packets went to decoders for them."""

    times: list[float]
    packets: int


def measure() -> None:
    """Print a table."""
    print(
        "\nreading the frames that are sent: processor time (and seconds), share of a full decode"
    )
    head = f"{'film':9}{'shots':>6}{'seen':>6}{'frames':>8}{'sent':>13}{'one decode':>16}"
    print(f"{head}{'Longtake':>16}{'share':>7}{'with scan':>11}{'ffmpeg':>16}{'PSD + ffmpeg':>16}")
    for name, path in footage().items():
        _print_row(name, path)


def _print_row(name: str, path: Path) -> None:
    looking, (overview, index) = _cost(lambda: _look(path))
    reading, read = _cost(lambda: read_frames(overview, index))
    whole, _ = _cost(lambda: _decode_all(path))
    ffmpeg, _ = _cost(lambda: _extract(path, read.times))
    detecting, _ = _cost(lambda: scenedetect(path, "AdaptiveDetector"))
    shots = plan_shots()
    seen = sum(
        any(s.first / RATE - EDGE <= time < s.end / RATE - EDGE for time in read.times)
        for s in shots
    )
    print(
        f"{name:9}{len(shots):6}{seen:6}{len(read.times):8}"
        f"{f'{read.packets} of {len(index.times)}':>14}{_say(whole):>16}{_say(reading):>16}"
        f"{reading.processor / whole.processor:7.2f}"
        f"{(reading + looking).processor / whole.processor:11.2f}"
        f"{_say(ffmpeg):>16}{_say(ffmpeg + detecting):>16}",
        flush=True,
    )


def _say(cost: Cost) -> str:
    return f"{cost.processor:.1f} ({cost.seconds:.1f}) s"


def _cost(work: Callable[[], T]) -> tuple[Cost, T]:
    """What it took in this process and those that it started, and what came of it."""
    before, started = os.times(), time.perf_counter()
    result = work()
    after = os.times()
    return Cost(sum(after[:4]) - sum(before[:4]), time.perf_counter() - started), result


def _look(path: Path) -> tuple[Overview, Index]:
    video, index = probe(path, "0" * 64)
    seen = finish(scan(video, index))
    return Overview(video, seen, tuple(plan_chunks(video, seen, CHUNK_SECONDS, "shots"))), index


def read_frames(overview: Overview, index: Index) -> Reading:
    """Do what the describe step does to get the frames of all chunks, and ask nobody."""
    able, keys = Capabilities(images=None, context_tokens=0), index.keys.tolist()
    planned = [
        (
            chunk,
            plan_slots(chunk, overview.scan, able.frames_per_chunk, able.frame_seconds, keys),
        )
        for chunk in overview.chunks
    ]
    frames = ChunkFrames(overview, index, able.frame_side, repeats=False)
    frames.plan(planned)
    times: list[float] = []
    for chunk, slots in planned:
        pictures = frames.read(chunk, slots)
        look = frames.look_of(chunk, NO_WORDS, make_coarse([p.look for p in pictures]))
        if not frames.find_same(look, pictures):
            frames.add(chunk, slots, look, pictures)
            times += [picture.as_frame().time for picture in pictures]
    packets = frames.packets
    frames.close()
    return Reading(times, packets)


def _decode_all(path: Path) -> None:
    """The whole film, on one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def _extract(path: Path, times: Sequence[float]) -> None:
    """One call of ffmpeg that writes the pictures at these times as JPEG, with its defaults."""
    numbers = "+".join(f"eq(n\\,{round(time * RATE)})" for time in times)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *("ffmpeg", "-v", "error", "-i", path, "-vf", f"select={numbers},scale=512:-2"),
                *("-fps_mode", "passthrough", "-q:v", "4", f"{folder}/%d.jpg"),
            ],
            check=True,
        )
        assert len(list(Path(folder).iterdir())) == len(times)
