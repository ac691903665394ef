"""Subtitles of a video: which to take of the files beside it and the tracks in it, and their words.

What they hold is read by `words.speech.cues`. Nothing is recognised here.
"""

import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from longtake.errors import SourceError
from longtake.records import Segment, Transcript
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line
from longtake.timecode import Span, format_time
from longtake.video.source import check_file
from longtake.video.tracks import Track, Tracks, list_tracks, read_track
from longtake.words.speech.cues import MEND, NAME, Cue, clean_lines, parse_cues
from longtake.words.speech.languages import rank_language, read_language
from longtake.words.speech.segments import as_segments
from longtake.words.speech.telemetry import drop_telemetry

log = logging.getLogger("longtake")

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
MOST_BYTES = 1 << 24
"""Of a subtitle file; a film's has some 100 KB, with all its signs a few MB."""
MOST_SEGMENTS = 50_000
MOST_LETTERS = 4_000_000
"""Of what is said; a whole day of talk has some 30,000 cues with 1.5 million letters."""
MISFIT_SHARE = 0.1
"""Where so many of the cues lie beyond the end, the file was made for another one."""
FORCED = {"forced", "foreign"}
"""Only what is said or written in another language than the film's."""
DESCRIBED = {"sdh", "cc", "hi"}
"""For those who can't hear: with the sounds, and who speaks."""
FLAGS = FORCED | DESCRIBED | {"default"}

CODE_PAGES = {
    "cp1250": "bs cs hr hu pl ro sk sl",
    "cp1251": "be bg mk ru sr uk",
    "cp1253": "el",
    "cp1254": "az tr",
    "cp1255": "he",
    "cp1256": "ar fa ur",
    "cp932": "ja",
    "cp949": "ko",
    "gb18030": "zh",
}
"""What files of these languages are written in where they are not in Unicode."""


def find_subtitles(
    video: Path, start: float, setting: str, end: float = float("inf")
) -> Transcript | None:
    """The words for `--subtitles auto|off|FILE`; None where there are none to take.

    `start` is the file's own time of the first picture, `end` how many seconds later the last one
    ends; what begins when sound and pictures are over is left out. A transcript without segments
    says in its remark why nothing in the file is speech. What is found but can't be used is logged,
    a broken track of the video too: its pictures may be whole. SourceError for a broken file.
    """
    if setting == "off":
        return None
    tracks = list_tracks(video)
    end = max(end, tracks.sound_end - start)
    delay = start - tracks.start
    if setting != "auto":
        return read_subtitles(Path(setting), delay, end=end)
    language = read_language(tracks.sound_language)
    sidecars = find_sidecars(video)
    chosen = choose_sidecar(video, sidecars, language)
    beside = None
    if chosen:
        beside = read_subtitles(chosen, delay, _named(video, chosen).language, end)
        if beside.segments:
            return beside
    for sidecar in sidecars if not chosen else ():
        log.info(f"{one_line(sidecar.name)} is not used: it holds forced subtitles alone")
    return read_embedded(video, start, tracks, end) or beside


def read_subtitles(
    path: Path, delay: float = 0.0, language: str | None = None, end: float = float("inf")
) -> Transcript:
    """The words of an .srt, .vtt, .ass or .ssa file; SourceError names the line that can't be.

    `delay` is how many seconds after a player's start the first picture comes, `end` when sound and
    pictures are over, by the first picture. A `language` of None is looked for in the file's name.
    """
    name = one_line(path.name)
    content = _read_file(path)
    if language is None:
        language = _guess_name(path).language
    text, remark = _decode(content, name, language)
    found = keep_speech(parse_cues(text, name), name, delay, end)
    return replace(
        found,
        source=f"subtitles in {name}",
        language=language or _declared_language(text),
        remark="; ".join(filter(None, (remark, found.remark))),
    )


def keep_speech(cues: Sequence[Cue], name: str, delay: float, end: float) -> Transcript:
    """What is said by these cues, and a remark on those that no voice of this video says.

    SourceError where none holds words, and where they are more than anybody says.
    """
    worded = [cue for cue in cues if cue.lines]
    if not worded:
        raise SourceError(f"{name} has cues, but none of them holds words", MEND)
    inside = [
        cue for cue in worded if cue.start - delay < end and (cue.end > delay or cue.start >= delay)
    ]
    spoken = drop_telemetry(inside)
    remarks = (
        _say_outside(worded, len(worded) - len(inside), name, delay, end),
        _say_measured(len(inside), len(inside) - len(spoken), name),
    )
    segments = as_segments(spoken, delay)
    letters = sum(len(segment.text) for segment in segments)
    if len(segments) > MOST_SEGMENTS or letters > MOST_LETTERS:
        raise SourceError(
            f"{name} has {say_count(len(segments), 'cue')} with {letters:,} letters: more than"
            f" {MOST_SEGMENTS:,} or {MOST_LETTERS:,} are too much for subtitles",
            MEND,
        )
    clipped = tuple(_clip(segment, end) for segment in segments)
    return Transcript("", clipped, remark="; ".join(filter(None, remarks)))


def _clip(segment: Segment, end: float) -> Segment:
    start = segment.span.start
    return Segment(Span(start, max(start, min(segment.span.end, end))), segment.text)


def _say_outside(cues: Sequence[Cue], outside: int, name: str, delay: float, end: float) -> str:
    """How many cues lie before the first picture or behind the end, where any does."""
    if not outside:
        return ""
    length = "the video" + (f" ({format_time(end)} long)" if end < float("inf") else "")
    if outside == len(cues):
        first = format_time(max(0.0, min(cue.start for cue in cues) - delay))
        return (
            f"{name} does not fit: none of its {say_count(outside, 'cue')} lies within {length},"
            f" the first begins at {first}"
        )
    count = f"{outside:,} of {len(cues):,} cues"
    left = f"lie outside {length} and are left out"
    misfit = outside >= MISFIT_SHARE * len(cues)
    return f"{name} does not fit: {count} {left}" if misfit else f"{count} of {name} {left}"


def _say_measured(cues: int, measured: int, name: str) -> str:
    """How many cues hold measured values, where any does."""
    if not measured:
        return ""
    if measured == cues:
        return f"{name} holds measured values that no voice says: {say_count(cues, 'cue')} left out"
    return f"{measured:,} of {cues:,} cues of {name} hold measured values and are left out"


def _read_file(path: Path) -> bytes:
    try:
        with check_file(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except SourceError as error:
        raise SourceError(error.message, NAME) from None
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}", MEND) from None
    if len(content) > MOST_BYTES:
        raise SourceError(
            f"{path} is larger than {MOST_BYTES >> 20} MiB: too much for subtitles", MEND
        )
    return content


def _decode(content: bytes, name: str, language: str) -> tuple[str, str]:
    """The text, and a remark where its encoding had to be guessed."""
    remark = ""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        text = content.decode("utf-8-sig", "replace")
        broken = text.count("\ufffd")
        others = len(text) - len(text.encode("ascii", "ignore")) - broken
        if broken and broken >= others:
            base = language.partition("-")[0]
            page = next((p for p, codes in CODE_PAGES.items() if base in codes.split()), "cp1252")
            text = content.decode(page, "replace")
            remark = f"{name} is not in UTF-8: it was read as {page}, which may be wrong"
            named = "" if language else ", or its language in its name, such as talk.ru.srt"
            remark += f" (what helps: the file saved as UTF-8{named})"
        elif broken:
            remark = f"{name} holds bytes that are no UTF-8: they stand as \ufffd"
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{name}, line {line}: a NUL byte: this is no text file", MEND)
    return text.lstrip("\ufeff"), remark


def _declared_language(text: str) -> str:
    """What the head of a WebVTT file says; its other lines are for streams, and mean nothing."""
    head = re.split(r"\n\s*\n|\r\n\r\n|-->", text[:2000], maxsplit=1)[0]
    found = re.search(r"^Language:\s*(\S+)", head, re.MULTILINE)
    return read_language(found[1]) if found and text.startswith("WEBVTT") else ""


@dataclass(frozen=True)
class _Name:
    """What a subtitle file's name says beside the video's."""

    language: str = ""
    flags: frozenset[str] = frozenset()


def find_sidecars(video: Path) -> list[Path]:
    """Subtitle files beside the video with its name, by name: `talk.srt`, `talk.en.forced.vtt`."""
    try:
        names = sorted(entry.name for entry in os.scandir(video.parent) if entry.is_file())
    except OSError as error:
        log.info(f"no subtitles are looked for beside {video}: {error.strerror}")
        return []
    return [video.parent / name for name in names if _read_name(video, name)]


def choose_sidecar(video: Path, sidecars: Sequence[Path], language: str) -> Path | None:
    """The one to read: in this language, else English, else the first; never a forced one."""

    def rank(path: Path) -> tuple[object, ...]:
        name = _named(video, path)
        styled = path.suffix.lower() in (".ass", ".ssa")
        welcome = rank_language(name.language, language)
        return welcome, styled, bool(name.flags & DESCRIBED), path.name

    whole = [path for path in sidecars if not _named(video, path).flags & FORCED]
    return min(whole, key=rank, default=None)


def _named(video: Path, sidecar: Path) -> _Name:
    return _read_name(video, sidecar.name) or _Name()


def _read_name(video: Path, name: str) -> _Name | None:
    """What a file's name says, where it is that of a sidecar of the video; else None."""
    stem, dot, suffix = _normalize(name).rpartition(".")
    if dot + suffix.lower() not in SUFFIXES:
        return None
    for own in (video.name, video.stem):
        own = _normalize(own)
        if stem == own:
            return _Name()
        if stem.startswith(own + "."):
            return _read_parts(stem[len(own) + 1 :].split("."))
    return None


def _normalize(name: str) -> str:
    """The name in NFC: in some file systems é is two characters."""
    return unicodedata.normalize("NFC", name)


def _read_parts(parts: Sequence[str]) -> _Name | None:
    """Of `en.forced`: one language at most, and flags; None where it holds anything else."""
    language, flags = "", set()
    for part in parts:
        code = read_language(part)
        if code and not language:
            language = code
        elif part.lower() in FLAGS:
            flags.add(part.lower())
        else:
            return None
    return _Name(language, frozenset(flags))


def _guess_name(path: Path) -> _Name:
    """The same where the video's name is not known: by the last parts of the file's own."""
    parts = path.stem.split(".")[1:]
    for first in range(len(parts)):
        if name := _read_parts(parts[first:]):
            return name
    return _Name()


def read_embedded(
    video: Path, start: float, tracks: Tracks, end: float = float("inf")
) -> Transcript | None:
    """The words of the best of the file's own tracks that holds any; None where none does.

    `start` and `end` as in `find_subtitles`.
    """
    wanted = read_language(tracks.sound_language)

    def rank(track: Track) -> tuple[object, ...]:
        welcome = rank_language(read_language(track.language), wanted)
        others = not track.default, track.hearing_impaired, track.number
        return bool(_say_unusable(track)), track.commentary, welcome, *others

    for track in sorted(tracks.subtitles, key=rank):
        why = _say_unusable(track)
        try:
            cues = [] if why else _read_cues(video, track, start)
            if cues:
                found = keep_speech(cues, "it", 0.0, end)
                if found.segments:
                    language = read_language(track.language)
                    return replace(found, source=str(track), language=language)
                why = found.remark
        except SourceError as error:
            why = error.message
        log.info(f"{track} is not used: {why or 'it is empty'}")
    return None


def _read_cues(video: Path, track: Track, start: float) -> list[Cue]:
    """The cues of a track that hold words."""
    texts = read_track(video, track, start)
    cues = [Cue(t.start, t.end, clean_lines(t.text, track.form), t.text) for t in texts]
    return [cue for cue in cues if cue.lines]


def _say_unusable(track: Track) -> str:
    if not track.form:
        return "it holds no text that can be read"
    return "it holds forced subtitles alone" if track.forced else ""
