"""From the text of SRT, WebVTT and ASS to cues. Knows no file.

Files in the wild are forgiven what leaves their meaning plain; what could lose words or put them at
a wrong time is refused, with its line.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NoReturn, TypeVar

from longtake.errors import SourceError
from longtake.text.untrusted import one_line

NAME = "Name one with --subtitles FILE, or go on without: --subtitles off."
MOST_CUES = 250_000
"""Of a file; one in which each sign is drawn anew for each picture has some ten thousands."""
MOST_LINES = 2_000_000
MEND = "Mend it, name another with --subtitles FILE, or go on without: --subtitles off."
"""What to do about subtitles that can't be read."""


Found = TypeVar("Found")


@dataclass(frozen=True)
class Cue:
    """What is shown from `start` to `end` (seconds), line by line; `written` has the markup too."""

    start: float
    end: float
    lines: tuple[str, ...]
    written: str = ""


_TIME = r"(-?)\s?(?:(\d{1,5})\s?:\s?)?(\d{1,3})\s?:\s?(\d{1,2})(?:\s?[.,]\s?(\d{1,9}))?"
"""Sign, hours, minutes, seconds and their fraction: `1:02:03,456`, `02:03.4`; a machine that
translates may set spaces in it."""
_TIMING = re.compile(rf"\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}(?:\s+(\S.*)?)?$")
"""`->` is what such a machine makes of the arrow."""
_UNJOINED = re.compile(r"\s*(\d+:){2}\d+[.,]\d+[^\w:]+(\d+:){2}\d+[.,]\d+\s*$")
_TIME_ALONE = re.compile(_TIME)
_ASIDE = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
"""How a WebVTT block begins that is no cue."""
_CLOCK_MAP = "X-TIMESTAMP-MAP="
_HEAD = re.compile(r"\ufeff?WEBVTT([ \t].*)?$")
"""How a part begins where several files were joined, as those of a stream are."""
TICKS_A_SECOND = 90_000
_ASS_START = re.compile(r";|dialogue:|\[(script info|v4\+? styles|events|fonts|graphics)\]", re.I)
_ASS_COLUMNS = "layer start end style name marginl marginr marginv effect text".split()


def parse_cues(
    text: str, name: str, most_cues: int = MOST_CUES, most_lines: int = MOST_LINES
) -> list[Cue]:
    """The cues in the order of the file, which is told apart by what is in it.

    `name` is the file's in a SourceError: for a line that can't be, where no cue is found, and
    where there are more than anybody reads.
    """
    if text.count("\n") + text.count("\r") > most_lines:
        raise SourceError(
            f"{name} has more than {most_lines:,} lines: too much for subtitles", MEND
        )
    lines = _split_lines(text)
    first = next((line.strip() for line in lines if line.strip()), "")
    vtt = first.startswith("WEBVTT")
    if _ASS_START.match(first):
        cues = list(bound_cues(_parse_ass(lines, name), name, most_cues))
    else:
        timings = list(bound_cues(_find_timings(lines, name, vtt=vtt), name, most_cues))
        cues = _parse_timed(lines, timings, vtt=vtt)
    if not cues:
        raise SourceError(f"{name} holds no cue of SRT, WebVTT or ASS", MEND)
    return cues


def bound_cues(cues: Iterable[Found], name: str, most: int = MOST_CUES) -> Iterator[Found]:
    """The cues, or what becomes of them; SourceError where there are more than that."""
    for number, cue in enumerate(cues):
        if number == most:
            raise SourceError(f"{name} has more than {most:,} cues: too much for subtitles", MEND)
        yield cue


def _split_lines(text: str) -> list[str]:
    r"""The lines, whatever ends them: `\n`, `\r\n`, `\r`, or `\r\r\n`.

    A blank line behind each line, which a careless converter leaves, is taken out.
    """
    # Each end is looked at once: of `\r+\n` alone, a file of `\r` would be read again for each.
    lines = re.sub(r"\r+\n?", _end_lines, text).split("\n")
    if any(a.strip() and b.strip() for a, b in pairwise(lines)):
        return lines
    return [line for above, line in pairwise(["", *lines]) if line.strip() or not above.strip()]


def _end_lines(found: "re.Match[str]") -> str:
    return "\n" if found[0].endswith("\n") else "\n" * len(found[0])


@dataclass(frozen=True)
class _Timing:
    """A line with times: its place among the lines, the times, and text that follows them."""

    place: int
    start: float
    end: float
    text: str


def _parse_timed(lines: Sequence[str], timings: list["_Timing"], *, vtt: bool) -> list[Cue]:
    """Cues of SRT or WebVTT: the lines with times, and what stands between them."""
    if not timings:
        return []
    if vtt:
        timings = list(_set_clocks(lines, timings))
    ends = [timing.place for timing in timings[1:]] + [len(lines)]
    numbered = _is_number(lines, timings[0].place - 1)
    cues = []
    for timing, end in zip(timings, ends, strict=True):
        body = list(lines[timing.place + 1 : end])
        if end < len(lines):
            body = _drop_label(body, numbered=numbered, vtt=vtt)
        if vtt:
            body = _drop_asides(body)
        text = "\n".join([timing.text, *body])
        lines_shown = clean_lines(text, "vtt" if vtt else "srt")
        cues.append(Cue(timing.start, timing.end, lines_shown, text))
    return cues


def _set_clocks(lines: Sequence[str], timings: Iterable[_Timing]) -> Iterator[_Timing]:
    """The times of joined WebVTT by the clock of its first part: each part may have its own."""
    maps = [(place, found) for place, line in enumerate(lines) if (found := _read_map(line))]
    shift, following = 0.0, 0
    for timing in timings:
        while following < len(maps) and maps[following][0] < timing.place:
            shift = _compare_clocks(maps[0][1], maps[following][1])
            following += 1
        start, end = round(timing.start + shift, 3), round(timing.end + shift, 3)
        yield replace(timing, start=start, end=end)


def _read_map(line: str) -> tuple[int, float] | None:
    """Of `X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000`: ticks, and the seconds they are at."""
    ticks = re.search(r"MPEGTS:(\d{1,12})", line) if line.startswith(_CLOCK_MAP) else None
    local = re.search(rf"LOCAL:{_TIME}", line) if ticks else None
    return (int(ticks[1]), _seconds(*local.groups())) if ticks and local else None


def _compare_clocks(first: tuple[int, float], other: tuple[int, float]) -> float:
    """How many seconds later the other's zero is; ticks have 33 bits and begin anew after those."""
    ticks = (other[0] - first[0]) % (1 << 33)
    ticks -= (1 << 33) if ticks >= 1 << 32 else 0
    return ticks / TICKS_A_SECOND - (other[1] - first[1])


def _find_timings(lines: Sequence[str], name: str, *, vtt: bool) -> Iterator[_Timing]:
    block = 0
    """Where the block begins that the line is in."""
    for place, line in enumerate(lines):
        if not line.strip():
            block = place + 1
        elif timing := _TIMING.match(line) if ">" in line else None:
            yield _read_timing(timing, place, name)
        elif "-->" in line and not (vtt and _ASIDE.match(lines[block])):
            _check_text(lines, place, block, name)
        elif _UNJOINED.match(line) and _heads(lines, place, block):
            _refuse(name, place, f"no arrow (-->) between the times of {_quote(line)}")


def _read_timing(found: "re.Match[str]", place: int, name: str) -> _Timing:
    groups = found.groups()
    start, end = _seconds(*groups[:5]), _seconds(*groups[5:10])
    if end < start:
        _refuse(name, place, f"the cue ends before it starts: {_quote(found[0])}")
    # Behind the times stand WebVTT's settings (align:start) or SRT's places (X1:40 X2:600).
    rest = groups[10] or ""
    settings = all(":" in part for part in rest.split())
    return _Timing(place, start, end, "" if settings else rest)


def _seconds(sign: str, hours: str | None, minutes: str, seconds: str, part: str | None) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    value = round(whole + (int(part) / 10 ** len(part) if part else 0), 3)
    return -value if sign else value


def _check_text(lines: Sequence[str], place: int, block: int, name: str) -> None:
    """Refuse a line with an arrow where only times can be meant: only in words it may stand."""
    line = lines[place]
    if not _heads(lines, place, block) and not re.match(r"\s*-?\d+[:.,]", line):
        return
    left, _, right = (part.strip() for part in line.partition("-->"))
    wrong = right if _TIME_ALONE.fullmatch(left) else left
    _refuse(name, place, f"{_quote(wrong)} is no time" if wrong else "a time is missing")


def _heads(lines: Sequence[str], place: int, block: int) -> bool:
    """Whether a cue's times stand there: first in a block, or below its number."""
    return place == block or (place == block + 1 and _is_number(lines, block))


def _refuse(name: str, place: int, what: str) -> NoReturn:
    raise SourceError(f"{name}, line {place + 1}: {what}", MEND)


def _quote(text: str) -> str:
    line = one_line(text)
    return f"'{line if len(line) <= 40 else line[:39] + '…'}'"


def _is_number(lines: Sequence[str], place: int) -> bool:
    return place >= 0 and lines[place].strip().lstrip("\ufeff").isdecimal()


def _drop_label(body: list[str], *, numbered: bool, vtt: bool) -> list[str]:
    """Without the number or the name of the next cue, which stands right above its times."""
    if vtt:
        named = len(body) >= 2 and bool(body[-1]) and not body[-2]
        return body[:-1] if named else body
    return body[:-1] if numbered and _is_number(body, len(body) - 1) else body


def _drop_asides(body: Iterable[str]) -> list[str]:
    """Without the blocks that are no text: comments, styles, regions, heads of joined parts."""
    kept: list[str] = []
    aside, above = False, "text"
    for line in body:
        clock = line.startswith(_CLOCK_MAP)
        begins = clock or line.startswith("\ufeffWEBVTT") or (not above and _begins_aside(line))
        if clock and kept and _HEAD.match(kept[-1]):
            kept.pop()  # right below the last cue's words, without a blank line
        aside = bool(line) and (aside or begins)
        above = line
        if not aside:
            kept.append(line)
    return kept


def _begins_aside(line: str) -> bool:
    return bool(_ASIDE.match(line) or _HEAD.match(line))


def _parse_ass(lines: Iterable[str], name: str) -> Iterator[Cue]:
    columns = _ASS_COLUMNS
    for place, line in enumerate(lines):
        kind, _, rest = line.partition(":")
        kind = kind.strip().lower()
        if kind == "format":
            found = [column.strip().lower() for column in rest.split(",")]
            if "text" in found:  # else those of the styles
                columns = found
                if not {"start", "end"} <= set(columns):
                    _refuse(name, place, "the format of events lacks Start or End")
        elif kind == "dialogue":
            yield _read_event(rest, columns, place, name)


def _read_event(event: str, columns: Sequence[str], place: int, name: str) -> Cue:
    values = event.split(",", len(columns) - 1)
    if len(values) < len(columns):
        _refuse(name, place, f"a dialogue has {len(values)} of {len(columns)} fields")
    fields = dict(zip(columns, values, strict=True))
    times = []
    for value in (fields["start"].strip(), fields["end"].strip()):
        found = _TIME_ALONE.fullmatch(value) or _refuse(name, place, f"{_quote(value)} is no time")
        times.append(_seconds(*found.groups()))
    start, end = times
    if end < start:
        _refuse(name, place, f"the cue ends before it starts: {_quote(','.join(values[:3]))}")
    return Cue(start, end, clean_lines(fields["text"], "ass"), fields["text"])


_OVERRIDE = re.compile(r"(\{[^{}]*\})")
_TAG_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
"""What is left of ASS in SRT and WebVTT made of it: `{\\an8}`."""
_BREAK = re.compile(r"<br\s*/?>", re.I)
_SPEAKER = re.compile(r"<v(?:\.[^\s<>]+)?\s([^<>]*)>")
_VTT_TAG = re.compile(r"<[^<>]*>")
_SRT_TAG = re.compile(
    r"</?(?:(?:i|b|u|s|em|strong|font|span|ruby|rt|c|v|lang)(?:[\s.=][^<>]*)?/?|\d[\d:.]*)>", re.I
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def clean_lines(text: str, form: str) -> tuple[str, ...]:
    """The lines that a viewer reads, of text in the form `srt`, `vtt` or `ass`."""
    shown = _clean_ass(text) if form == "ass" else _clean_tags(text, vtt=form == "vtt")
    return tuple(filter(None, map(one_line, shown.split("\n"))))


def _clean_tags(text: str, *, vtt: bool) -> str:
    """Without tags; a speaker's name stands before what is said: `Ann: Hello`."""
    text = _BREAK.sub("\n", _TAG_OVERRIDE.sub("", text))
    text = _SPEAKER.sub(lambda found: f"{found[1].strip()}: " if found[1].strip() else "", text)
    text = (_VTT_TAG if vtt else _SRT_TAG).sub("", text)
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def _clean_ass(text: str) -> str:
    r"""Without overrides, and without the drawings that they announce: `{\p1}m 0 0 l 9 9`."""
    shown, drawing = [], False
    for part in _OVERRIDE.split(text):
        if part.startswith("{") and part.endswith("}"):
            for scale in re.findall(r"\\p(\d+)", part):
                drawing = bool(scale.strip("0"))
        elif not drawing:
            shown.append(part)
    return "".join(shown).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
