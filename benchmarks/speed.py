"""Seconds of the scan of ten minutes in 1080p, beside what else reads the same file."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import av

from benchmarks.detectors import count, cut_places, scan_file, scenedetect
from benchmarks.films import Encoded, ten_minutes

ROUNDS = 3


def measure() -> None:
    """Print a table; the ratios are medians of those of each round."""
    film = ten_minutes()
    print(f"\n{film.pictures / 1500:.1f} minutes of 1080p, median seconds of {ROUNDS} rounds")
    head = f"{'file':10}{'scan':>7}{'keys':>7}{'packets':>9}{'PSD':>7}"
    print(f"{head}{'scan/keys':>11}{'PSD/scan':>10}   recall of hard and gradual cuts, precision")
    for name, path in film.files.items():
        _print_row(name, path, film)


def _print_row(name: str, path: Path, film: Encoded) -> None:
    rounds = [_time_all(path) for _ in range(ROUNDS)]
    scans, keys, packets = ([each[place] for each in rounds] for place in range(3))
    _, others = scenedetect(path, "AdaptiveDetector")
    ratio = median(scan / key for scan, key in zip(scans, keys, strict=True))
    score, _, _ = count(cut_places(scan_file(path)[0]), film.cuts)
    print(
        f"{name:10}{median(scans):7.2f}{median(keys):7.2f}{median(packets):9.2f}{others:7.1f}"
        f"{ratio:11.2f}{others / median(scans):10.1f}   {score.as_text()}",
        flush=True,
    )


def _time_all(path: Path) -> tuple[float, float, float]:
    return scan_file(path)[1], _time(_decode_keys, path), _time(_read_packets, path)


def _time(read: Callable[[Path], Iterable[object]], path: Path) -> float:
    started = time.perf_counter()
    for _ in read(path):
        pass
    return time.perf_counter() - started


def _decode_keys(path: Path) -> Iterable[object]:
    """Every key frame, with as many threads as the decoder likes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.skip_frame = "NONKEY"
        yield from container.decode(stream)


def _read_packets(path: Path) -> Iterable[object]:
    with av.open(str(path)) as container:
        yield from container.demux(container.streams.video[0])
