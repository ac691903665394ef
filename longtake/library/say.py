"""What the terminal and programs are told of the library: its videos, and the moments found."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from longtake.library.answer import AnswerSentence
from longtake.library.index import LibraryVideo
from longtake.library.look import Look
from longtake.library.search import FoundMoment
from longtake.report.terminal import WIDTH
from longtake.text.untrusted import one_line
from longtake.timecode import format_time

INDENT = "    "


def say_moments(moments: Sequence[FoundMoment]) -> str:
    """A paragraph each: which video, when, the score, and what stands there, of each kind."""
    lines: list[str] = []
    for moment in moments:
        lines.append(f"{one_line(moment.video.name)}  {moment.span}  {moment.score:.2f}")
        lines += [_indent(f"{p.kind}: {one_line(p.text)}") for p in moment.by_kind]
    return "".join(f"{line}\n" for line in lines)


def say_answer(sentences: Sequence[AnswerSentence]) -> str:
    """The sentences, each with the videos and times that prove it; a mark where none was held."""
    lines: list[str] = []
    for sentence in sentences:
        proofs = dict.fromkeys(f"{one_line(p.video.name)} {p.span}" for p in sentence.proofs)
        mark = "" if sentence.support == "supported" else " ?"
        lines.append(textwrap.fill(f"{one_line(sentence.text)}{mark} [{'; '.join(proofs)}]", WIDTH))
    return "".join(f"{line}\n" for line in lines)


def sentence_values(sentence: AnswerSentence) -> dict[str, object]:
    """The sentence as JSON has it; times in seconds."""
    return {
        "text": sentence.text,
        "support": sentence.support,
        "proofs": [
            {
                "video": _name(p.video),
                "start": p.span.start,
                "end": p.span.end,
                "found": p.kind,
                "text": p.text,
            }
            for p in sentence.proofs
        ],
    }


def say_look(look: Look) -> str:
    """In a line: where was looked, at what, and what came of it."""
    where = f"{one_line(look.video.name)} {look.span}"
    return f"looked at {where}, {look.did}: {one_line(look.came)}"


def look_values(look: Look) -> dict[str, object]:
    """The look as JSON has it; times in seconds."""
    span = {"start": look.span.start, "end": look.span.end}
    return {"video": _name(look.video), **span, "did": look.did, "came": look.came}


def _indent(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=2 * INDENT)


def moment_values(moment: FoundMoment, thumbs: Mapping[FoundMoment, Path]) -> dict[str, object]:
    """The moment as JSON has it; times in seconds."""
    thumb = thumbs.get(moment)
    return {
        "video": _name(moment.video),
        "start": moment.span.start,
        "end": moment.span.end,
        "text": moment.text,
        "found": list(moment.kinds),
        "score": moment.score,
        "passages": [
            {"found": p.kind, "start": p.span.start, "end": p.span.end, "text": p.text}
            for p in moment.passages
        ],
        "thumbnail": str(thumb) if thumb else None,
    }


def say_videos(videos: Sequence[LibraryVideo]) -> str:
    """A paragraph each: name, length, when it was gone through, what is known, the headline."""
    lines: list[str] = []
    for video in videos:
        known = ", ".join(f"{count} {kind}" for kind, count in video.passages) or "nothing"
        name = one_line(video.name)
        lines.append(f"{name}  {format_time(video.seconds)}  {video.date[:10]}  {known}")
        if video.headline:
            lines.append(_indent(one_line(video.headline)))
    return "".join(f"{line}\n" for line in lines)


def video_values(video: LibraryVideo) -> dict[str, object]:
    """The video as JSON has it."""
    return {
        **_name(video),
        "seconds": video.seconds,
        "date": video.date,
        "language": video.language,
        "headline": video.headline,
        "passages": dict(video.passages),
    }


def _name(video: LibraryVideo) -> dict[str, object]:
    return {"sha256": video.sha256, "name": video.name, "source": video.source}
