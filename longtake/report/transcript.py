"""transcript.srt, .vtt and .txt: what is said, for players and for readers; descriptions.vtt.

Subtitle files are wrapped for the screen; the text is in paragraphs with the time of each.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from longtake.records import Description, Segment, Transcript
from longtake.text.clauses import CLOSERS, STOPS
from longtake.text.untrusted import one_line
from longtake.timecode import Span, format_time

LINE_LETTERS = 42
LINES = 2
CUE_SECONDS = 10.0
"""What stands longer is divided, where it has words enough."""
PAUSE_SECONDS = 2.0
"""A pause as long begins a paragraph."""
PARAGRAPH_SECONDS = 45.0
"""A paragraph as long ends with its sentence, or at twice the length without."""
SENTENCE_ENDS = (*STOPS, "…")


def as_srt(transcript: Transcript) -> str:
    """The whole file. SRT knows no escapes: a space takes its power from what looks like markup."""
    blocks = [
        f"{number}\n{_times(span, ',')}\n{lines}\n"
        for number, (span, lines) in enumerate(_cues(transcript, _defuse), 1)
    ]
    return "\n".join(blocks)


def as_vtt(transcript: Transcript) -> str:
    """The whole file, with the language and the source before the cues."""
    head = "WEBVTT\n"
    if transcript.language:
        head += f"Language: {_defuse(one_line(transcript.language))}\n"
    notes = [one_line(note) for note in (transcript.source, transcript.remark) if note]
    blocks = [f"NOTE {_defuse(note)}\n" for note in notes]
    blocks += [f"{_times(span, '.')}\n{lines}\n" for span, lines in _cues(transcript, _escape)]
    return "\n".join([head, *blocks])


def as_text(transcript: Transcript) -> str:
    """Paragraphs, each with the time at which it begins: `[1:05] So we went on.`"""
    paragraphs = [
        f"[{format_time(segments[0].span.start)}] {one_line(' '.join(s.text for s in segments))}\n"
        for segments in split_paragraphs(transcript.segments)
    ]
    return "\n".join(paragraphs)


def descriptions_as_vtt(descriptions: Sequence[Description]) -> str:
    """A cue for each chunk, with its number; one that has no description says why.

    Nothing, where no chunk was described: what was only measured is nothing to read.
    """
    if descriptions and all(d.text and not d.is_prose for d in descriptions):
        return ""
    cues = [
        f"{d.chunk.number}\n{_times(d.chunk.span, '.')}\n"
        f"{_escape(one_line(d.text or f'(not described: {d.error})'))}\n"
        for d in descriptions
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _times(span: Span, separator: str) -> str:
    return f"{_time(span.start, separator)} --> {_time(span.end, separator)}"


def _time(seconds: float, separator: str) -> str:
    minutes, thousandths = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{thousandths // 1000:02}{separator}{thousandths % 1000:03}"


_MARKUP = re.compile(r"--(?=>)|<(?=[/A-Za-z\d][^<>]*>)|\{(?=\\)|&(?=#?\w{1,32};)")


def _defuse(text: str) -> str:
    r"""`-- >`, `< b>`, `{ \an8}`, `& amp;`: no reader takes these for more than text."""
    return _MARKUP.sub(lambda found: f"{found[0]} ", text)


def _escape(text: str) -> str:
    """For WebVTT; some readers take ASS's overrides in it for what they are."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("{\\", "&#123;\\")


def _cues(transcript: Transcript, write: Callable[[str], str]) -> Iterator[tuple[Span, str]]:
    """Each cue's span and its lines, written so that they are but text in the file's format."""
    for segment in transcript.segments:
        for span, lines in _divide(segment):
            yield span, write("\n".join(lines))


def _divide(segment: Segment) -> Iterator[tuple[Span, Sequence[str]]]:
    """Two lines at a time, or one where it stands long; times go by the letters."""
    text = one_line(segment.text)
    lines = textwrap.wrap(text, LINE_LETTERS, break_long_words=False, break_on_hyphens=False)
    if not lines:
        return
    span = segment.span
    slow = span.seconds * LINES > CUE_SECONDS * len(lines)
    step = 1 if slow else LINES
    done, total, start = 0, sum(map(len, lines)), span.start
    for first in range(0, len(lines), step):
        part = lines[first : first + step]
        done += sum(map(len, part))
        end = span.end if done == total else round(span.start + span.seconds * done / total, 3)
        yield Span(start, min(end, span.end)), part
        start = min(end, span.end)


def split_paragraphs(segments: Sequence[Segment]) -> Iterator[Sequence[Segment]]:
    """The segments by paragraphs: a new one after a pause, or where one gets long."""
    first = 0
    for place, (before, segment) in enumerate(pairwise(segments), 1):
        if _begins(segments[first], before, segment):
            yield segments[first:place]
            first = place
    if segments:
        yield segments[first:]


def _begins(first: Segment, before: Segment, segment: Segment) -> bool:
    """Whether a paragraph begins with `segment`; `first` and `before` are of the one up to now."""
    if segment.span.start - before.span.end >= PAUSE_SECONDS:
        return True
    seconds = segment.span.start - first.span.start
    sentence = before.text.rstrip(CLOSERS).endswith(SENTENCE_ENDS)
    return seconds >= (PARAGRAPH_SECONDS if sentence else 2 * PARAGRAPH_SECONDS)
