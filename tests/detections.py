"""What is truly to be seen in films and photos, and whether the tags that are told of it are right.

The table names films of packages; each of its pictures was looked at by a person or a session.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from longtake.inference.engine import Engine, Request
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.records import Frame, Tag
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span

TRUTHS = Path(__file__).with_name("detector_truths.csv")
PHOTOS = (".jpg", ".png")
PHOTO_SIDE = 640


@dataclass(frozen=True)
class Moment:
    """One picture of a film: the labels of COCO that it shows, and those that may be said of it."""

    time: float
    labels: frozenset[str]
    unsure: frozenset[str]


@dataclass(frozen=True)
class Told:
    """The tags of one chunk, and the labels that it shows: all of them, and those beside them."""

    film: str
    span: Span
    tags: tuple[Tag, ...]
    shown: frozenset[str]
    """In its own pictures; `near` adds those right before and after, `unsure` what is open."""
    near: frozenset[str]
    unsure: frozenset[str]

    @property
    def right(self) -> list[str]:
        """Labels that are told and to be seen."""
        return [tag.label for tag in self.tags if tag.label in self.near]

    @property
    def wrong(self) -> list[str]:
        """Labels that are told and not to be seen."""
        return [tag.label for tag in self.tags if tag.label not in self.near | self.unsure]

    @property
    def missed(self) -> list[str]:
        """Labels that are to be seen and not told."""
        return sorted(self.shown - {tag.label for tag in self.tags})


def read_truths() -> Mapping[str, Sequence[Moment]]:
    """The pictures of each film, in time order."""
    found: dict[str, list[Moment]] = defaultdict(list)
    with TRUTHS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels, unsure = (_split(row[name]) for name in ("labels", "unsure"))
            found[row["film"]].append(Moment(float(row["time"]), labels, unsure))
    return found


def tell_film(path: Path, moments: Sequence[Moment], engine: Engine, folder: Path) -> list[Told]:
    """What a run tells of each chunk of a film, or the engine of a photo."""
    if path.suffix in PHOTOS:
        reply = engine.answer(Request("", (_as_frame(path),)))
        return [_judge(path.name, Span(0, 0), reply.tags, moments)]
    settings = Settings(speech="off", read_text="off", subtitles="off", out=str(folder / "out"))
    with Store(folder / "store.sqlite") as store:
        last = run_to_end(run(path, settings, store, engine, None))
    described = [d for d in last.descriptions if d.text]
    return [_judge(path.name, d.chunk.span, d.tags, moments) for d in described]


def _judge(film: str, span: Span, tags: tuple[Tag, ...], moments: Sequence[Moment]) -> Told:
    inside = [moment for moment in moments if span.start <= moment.time <= span.end]
    middle = (span.start + span.end) / 2
    inside = inside or [min(moments, key=lambda moment: abs(moment.time - middle))]
    gap = moments[1].time - moments[0].time if len(moments) > 1 else 0.0
    near = [m for m in moments if span.start - gap <= m.time <= span.end + gap]
    shown, around = (frozenset(_labels(some)) for some in (inside, near))
    return Told(film, span, tags, shown, around, frozenset().union(*(m.unsure for m in near)))


def _labels(moments: Sequence[Moment]) -> Iterator[str]:
    for moment in moments:
        yield from moment.labels


def _as_frame(path: Path) -> Frame:
    """A photo, as a chunk's only frame would be sent."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return Frame(0.0, file.getvalue(), *small.size)


def _split(cell: str) -> frozenset[str]:
    return frozenset(part.strip() for part in cell.split(";") if part.strip())
