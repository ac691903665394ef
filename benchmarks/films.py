"""Encoded films in `.cache/bench`, made once, with what is true of them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from benchmarks.scenes import (
    RATE,
    SIZE,
    Cut,
    Film,
    encoded_name,
    make_fields,
    make_film,
    make_photos,
    make_steady,
    write_films,
)

CACHE = Path(__file__).parent.parent / ".cache" / "bench"
VERSION = 1
"""Raised whenever `scenes.py` makes another film of the same job."""
MINUTE_SEED, HD = 11, (1920, 1080)
GOPS = ("x264", "x264-2s")
TIMES = 10
STEADY = {"photos": (make_photos, 10.0), "fields": (make_fields, 7.4)}
"""Films that change on the beat: what they show, and for how many seconds each."""


@dataclass(frozen=True)
class Job:
    """A film to make: all that it depends on."""

    name: str
    seed: int
    seconds: int
    kinds: tuple[str, ...]
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Encoded:
    """A film in files, by encoder."""

    folder: Path
    files: dict[str, Path]
    pictures: int
    cuts: tuple[Cut, ...]
    flashes: tuple[int, ...]


def encode(job: Job, encoders: Sequence[str]) -> Encoded:
    """The film of the job in all these encoders, from the cache if it is there."""
    facts = {**asdict(job), "encoders": encoders, "version": VERSION}
    folder = CACHE / f"{job.name}-{job.seed}-{_digest(facts)}"
    if not (folder / "truth.json").exists():
        print(f"making the film {folder.name} ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        film = _make(job)
        write_films(film, folder, encoders, job.size)
        _write_truth(folder, film)
    truth = json.loads((folder / "truth.json").read_text())
    return Encoded(
        folder,
        {name: folder / encoded_name(name) for name in encoders},
        truth["pictures"],
        tuple(Cut(**cut) for cut in truth["cuts"]),
        tuple(truth["flashes"]),
    )


def _make(job: Job) -> Film:
    if job.name not in STEADY:
        return make_film(job.seed, job.seconds, job.kinds, job.size)
    make, seconds = STEADY[job.name]
    return make_steady(make(round(job.seconds / seconds), job.size), round(seconds * RATE))


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]


def _write_truth(folder: Path, film: Film) -> None:
    truth = {
        "pictures": len(film),
        "cuts": [asdict(cut) for cut in film.cuts],
        "flashes": film.flashes,
    }
    (folder / "truth.json").write_text(json.dumps(truth))


def minute() -> Encoded:
    """About a minute of 1080p in H.264: with x264's defaults, and a key frame each 2 s."""
    kinds = ("cut", "cut", "cut", "dissolve", "fade")
    return encode(Job("hd", MINUTE_SEED, 60, kinds, HD), GOPS)


def ten_minutes() -> Encoded:
    """That minute ten times, one after the other, with the cuts where it starts anew."""
    one = minute()
    files = {name: one.folder / f"{name}-ten.mp4" for name in one.files}
    for name, path in files.items():
        if not path.exists():
            _repeat(one.files[name], path, one.pictures)
    starts = [one.pictures * k for k in range(TIMES)]
    cuts = [Cut("cut", start, start) for start in starts[1:]]
    cuts += [Cut(c.kind, c.first + start, c.last + start) for start in starts for c in one.cuts]
    cuts.sort(key=lambda cut: cut.first)
    flashes = tuple(start + flash for start in starts for flash in one.flashes)
    return Encoded(one.folder, files, one.pictures * TIMES, tuple(cuts), flashes)


def _repeat(source: Path, path: Path, pictures: int) -> None:
    """Copy the packets ten times, with later times; nothing is encoded."""
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4") as out, av.open(str(source)) as first:
        target = out.add_stream_from_template(first.streams.video[0])
        for turn in range(TIMES):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                assert stream.time_base
                shift = round(turn * pictures / RATE / stream.time_base)
                for packet in _shifted(container.demux(stream), target, shift):
                    out.mux(packet)
    part.replace(path)


def _shifted(packets: Iterable[Any], target: Any, shift: int) -> Iterable[Any]:
    for packet in packets:
        if packet.dts is not None:
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            packet.stream = target
            yield packet
