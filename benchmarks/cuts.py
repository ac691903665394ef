"""Recall and precision of cuts in films of every kind and encoder, beside PySceneDetect's."""

import json
from collections.abc import Iterator, Sequence

from benchmarks.detectors import Score, count, cut_places, scan_file, scenedetect
from benchmarks.films import GOPS, Encoded, Job, encode, ten_minutes
from benchmarks.scenes import ENCODERS, Cut

HARD, MIXED = ("cut",), ("cut", "cut", "dissolve", "fade", "flash")
GRADUAL = ("dissolve", "fade")
SCREEN = 1280, 720
JOBS = (
    Job("hard", 21, 90, HARD),
    Job("hard", 22, 90, HARD),
    Job("mixed", 31, 120, MIXED),
    Job("mixed", 32, 90, MIXED),
    Job("gradual", 41, 60, GRADUAL),
    Job("gradual", 42, 60, GRADUAL),
    Job("photos", 51, 120, HARD, SCREEN),
    Job("fields", 52, 74, HARD, SCREEN),
)
LONG = Job("long", 61, 300, MIXED), Job("long", 62, 240, HARD)
"""Films of more than three minutes, of which few pictures may be decoded."""
OTHERS = ("AdaptiveDetector", "ContentDetector")
Scores = dict[str, Score]
"""By detector."""


def measure(each: bool) -> None:
    """Print a table; with `each`, also what the scan missed and what it made up."""
    scores: dict[tuple[str, str], Scores] = {}
    for job in JOBS:
        _measure(job.name, encode(job, list(ENCODERS)), each, scores)
    for job in LONG:
        _measure(job.name, encode(job, GOPS), each, scores)
    _measure("1080p", ten_minutes(), each, scores)
    _print_table(scores)


def _measure(name: str, film: Encoded, each: bool, scores: dict[tuple[str, str], Scores]) -> None:
    for encoder in film.files:
        known = scores.setdefault((name, encoder), {})
        for detector, finds in _all_finds(film, encoder):
            score, missed, false = count(finds, film.cuts)
            known[detector] = known.get(detector, Score()) + score
            if each and detector == "Longtake":
                _print_each(f"{film.folder.name} {encoder}", film, missed, false)


def _all_finds(film: Encoded, encoder: str) -> Iterator[tuple[str, Sequence[int]]]:
    yield "Longtake", cut_places(scan_file(film.files[encoder])[0])
    for detector in OTHERS:
        yield detector, _others_finds(film, encoder, detector)


def _others_finds(film: Encoded, encoder: str, detector: str) -> Sequence[int]:
    """PySceneDetect's, which stay the same and are kept."""
    kept = film.folder / f"{film.files[encoder].stem}-{detector}.json"
    if not kept.exists():
        finds, _ = scenedetect(film.files[encoder], detector)
        kept.write_text(json.dumps(finds))
    return json.loads(kept.read_text())


def _print_each(name: str, film: Encoded, missed: Sequence[Cut], false: Sequence[int]) -> None:
    misses = [f"{cut.kind} {cut.first}-{cut.last}" for cut in missed]
    made_up = [f"{place}{_near_flash(film, place)}" for place in false]
    if misses or made_up:
        print(f"{name}: missed {', '.join(misses) or 'none'}; false {', '.join(made_up) or 'none'}")


def _near_flash(film: Encoded, place: int) -> str:
    return " (flash)" if any(abs(place - flash) < 6 for flash in film.flashes) else ""


def _print_table(scores: dict[tuple[str, str], Scores]) -> None:
    print("\nPer cent: recall of hard cuts, of gradual ones, precision")
    print(f"{'films':9}{'encoder':11}{'Longtake':>18}{'PSD adaptive':>20}{'PSD content':>20}")
    for (films, encoder), known in scores.items():
        _print_row(films, encoder, known)
    for kind in dict.fromkeys(films for films, _ in scores):
        _print_row(kind, "all", _sum([v for (films, _), v in scores.items() if films == kind]))
    _print_row("all", "all", _sum(list(scores.values())))


def _sum(scores: Sequence[Scores]) -> Scores:
    return {name: sum((each[name] for each in scores), Score()) for name in scores[0]}


def _print_row(films: str, encoder: str, known: Scores) -> None:
    cells = "  ".join(f"{score.as_text():>18}" for score in known.values())
    print(f"{films:9}{encoder:11}{cells}", flush=True)
