"""report.html: a result as one page to send to somebody, without scripts or outside addresses.

What stands where is in the template beside this file; `templates` fills it, and escapes. Its
pictures are inside: few and small enough for a mail.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from longtake.records import Description, Frame, Result, Segment
from longtake.report import phrases
from longtake.report.pictures import pack_thumbs
from longtake.report.templates import fill
from longtake.report.transcript import split_paragraphs
from longtake.text.clauses import CROSSES
from longtake.timecode import Span

MOST_OPEN = 40
"""Descriptions or paragraphs that stand open; more are behind a click, and in print."""
LONGEST_NOTE = 400
"""Letters of a note that stands open."""
MOST_TILES = 300
"""Stretches that a bar of the video can show."""
BAR = 1000
"""Its length, in its own units."""
MOST_BYTES = 16 << 20
"""A report that is larger is not read back."""
PICTURE = re.compile(
    r'<svg viewBox="0 0 (\d{1,4}) (\d{1,4})"[^<>]*><image id="t(\d{1,6})"[^<>]*'
    r' href="data:image/jpeg;base64,([A-Za-z0-9+/]+={0,2})"'
)


@dataclass(frozen=True)
class _Tile:
    """A stretch on the bar of the video: where it lies there, what it is, where a click leads."""

    left: float
    width: float
    kind: str
    title: str
    href: str = ""


def as_html(result: Result, thumbs: Mapping[int, Frame]) -> str:
    """The whole file, with small pictures of some chunks by their numbers."""
    summary = result.summary
    video = result.video
    numbers = {d.chunk.number for d in result.descriptions}
    packed = pack_thumbs({number: thumbs[number] for number in sorted(numbers & thumbs.keys())})
    return fill(
        "report.html",
        result=result,
        summary=summary,
        link=video.link if re.fullmatch(r"https?://[!-~]+", video.link) else "",
        tiles=[*_list_tiles(result)],
        bar=BAR,
        sections=phrases.divide(summary) if summary else [],
        phrases=phrases,
        spans={d.chunk.number: d.chunk.span for d in result.descriptions},
        legend=phrases.explain_supports([summary]) if summary else [],
        seen=[(said, said.startswith(phrases.COMMANDS)) for said in phrases.say_seen(result)],
        thumbs=packed,
        uris={number: _as_uri(frame) for number, frame in packed.items()},
        paragraphs=[*_list_paragraphs(result.descriptions)],
        gaps=phrases.join_gaps(result.ledger.gaps),
        most_open=MOST_OPEN,
        longest=LONGEST_NOTE,
    )


def read_thumbs(path: Path) -> dict[int, Frame]:
    """The pictures in a report.html by their chunks; none where it is no report of ours."""
    try:
        text = path.read_text(encoding="utf-8") if path.stat().st_size <= MOST_BYTES else ""
        return {
            int(number): Frame(0.0, b64decode(jpeg), int(width), int(height))
            for width, height, number, jpeg in PICTURE.findall(text)
        }
    except (OSError, ValueError):
        return {}


def _as_uri(frame: Frame) -> Markup:
    encoded = b64encode(frame.jpeg).decode()
    return Markup(f"data:image/jpeg;base64,{encoded}")  # noqa: S704 - letters and digits alone


def _list_paragraphs(descriptions: Sequence[Description]) -> Iterator[tuple[int, Span, str]]:
    """What is said, in paragraphs, each with the chunk and the time at which it begins."""
    said = [d for d in descriptions if d.speech]
    numbers = {d.chunk.span.start: d.chunk.number for d in reversed(said)}
    segments = [Segment(d.chunk.span, d.speech.replace(CROSSES, " ")) for d in said]
    for part in split_paragraphs(segments):
        start = part[0].span.start
        yield numbers[start], part[0].span, " ".join(segment.text for segment in part)


def _list_tiles(result: Result) -> Iterator[_Tile]:
    """The chapters on a bar of the video's length, else its shots; over them what is missing."""
    chapters = result.summary.chapters if result.summary else ()
    shots = result.scan.shots if result.scan and not chapters else ()
    length = result.video.duration or 1.0
    for place, chapter in enumerate(chapters):
        title = f"{chapter.span} {chapter.title}"
        yield _make_tile(chapter.span, length, f"k{place % 2}", title, f"#s{place + 1}")
    for place, shot in enumerate(shots if 1 < len(shots) <= MOST_TILES else ()):
        yield _make_tile(shot.span, length, f"k{place % 2}", f"Shot {place + 1}: {shot.span}")
    for span, _, reason in phrases.join_gaps(result.ledger.gaps):
        yield _make_tile(span, length, "missing", f"{span}: {reason}", "#ledger")


def _make_tile(span: Span, length: float, kind: str, title: str, href: str = "") -> _Tile:
    left = min(1.0, span.start / length)
    width = max(0.002, min(1.0, span.end / length) - left)
    return _Tile(round(BAR * left, 1), round(BAR * width, 1), kind, title, href)
