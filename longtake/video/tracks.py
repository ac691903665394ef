"""Subtitle tracks inside a video file, read packet by packet: no picture is decoded.

Gives their text as it stands, markup and all; knows no language and no taste. Captions that are
hidden in the picture's own data (CEA-608 and 708) are no tracks and are not looked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from longtake.errors import SourceError
from longtake.text.untrusted import one_line
from longtake.timecode import format_tenths
from longtake.video.container import demux, open_container
from longtake.video.watchdog import watch

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

FORMS = {
    "mov_text": "srt",
    "text": "srt",
    "subrip": "srt",
    "webvtt": "vtt",
    "ass": "ass",
    "ssa": "ass",
}
"""The codecs whose text can be read, and how it is marked up."""
PICTURES = {
    "hdmv_pgs_subtitle": "PGS",
    "dvd_subtitle": "DVD",
    "dvb_subtitle": "DVB",
    "xsub": "XSUB",
}
"""The codecs that hold pictures of text."""
MOST_BYTES = 1 << 24
"""Of text in a track; a film's has some 100 KB."""
MOST_TEXTS = 250_000
LAST_SECONDS = 4.0
"""How long the last text stands where the file does not say."""
INSTEAD = "Name a subtitle file with --subtitles FILE, or go on without: --subtitles off."
EVENT_FIELDS = 8
"""What stands before the text in a packet of ASS, each with a comma after it."""


@dataclass(frozen=True)
class Track:
    """A subtitle track; `number` counts from 1 among those of the file.

    `language` is the file's own word (`eng`), `form` is `srt`, `vtt` or `ass` by its markup, and
    empty where the track holds no text.
    """

    number: int
    codec: str
    form: str
    language: str
    title: str
    default: bool
    forced: bool
    hearing_impaired: bool
    commentary: bool

    def __str__(self) -> str:
        facts = [self.language, f'"{self.title}"' if self.title else ""]
        facts += [] if self.form else [PICTURES.get(self.codec, self.codec)]
        said = ", ".join(filter(None, facts))
        return f"subtitle track {self.number} of the file" + (f" ({said})" if said else "")


@dataclass(frozen=True)
class Tracks:
    """The subtitle tracks of a file, the language of its sound, and when its clock starts."""

    subtitles: tuple[Track, ...]
    sound_language: str
    """As the file says, or empty."""
    start: float
    """What a player shows as 0, in the file's own seconds; the first picture may come later."""
    sound_end: float = 0.0
    """When the last of its sound ends, in the file's own seconds; 0 where it has none."""


@dataclass(frozen=True)
class Text:
    """The text of one packet, from `start` to `end`: seconds, 0 is the first picture.

    `start` may be negative.
    """

    start: float
    end: float
    text: str


def list_tracks(path: Path) -> Tracks:
    """What subtitles the file holds; SourceError where it can't be opened."""
    return watch(path, lambda: _list_tracks(path))


def _list_tracks(path: Path) -> Tracks:
    with open_container(path) as container:
        streams = enumerate(container.streams.subtitles, 1)
        sounds = (_language(stream) for stream in container.streams.audio)
        return Tracks(
            subtitles=tuple(_describe(stream, number) for number, stream in streams),
            sound_language=next(filter(None, sounds), ""),
            start=(container.start_time or 0) / 1_000_000,
            sound_end=max((_find_end(container, s) for s in container.streams.audio), default=0.0),
        )


def _find_end(container: "InputContainer", stream: "Stream") -> float:
    """When a stream ends as its header says, else when the whole file does."""
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    return ((container.start_time or 0) + (container.duration or 0)) / 1_000_000


def _describe(stream: "Stream", number: int) -> Track:
    from av.stream import Disposition

    context = stream.codec_context
    codec = context.codec.canonical_name if context else "an unknown format"
    title = one_line(stream.metadata.get("title", ""))
    said = title.casefold()
    return Track(
        number=number,
        codec=codec,
        form=FORMS.get(codec, ""),
        language=_language(stream),
        title=title if len(title) <= 60 else title[:59] + "…",
        default=bool(stream.disposition & Disposition.default),
        forced=bool(stream.disposition & Disposition.forced) or "forced" in said,
        hearing_impaired=bool(stream.disposition & Disposition.hearing_impaired),
        commentary=bool(stream.disposition & Disposition.comment) or "commentary" in said,
    )


def _language(stream: "Stream") -> str:
    tag = one_line(stream.metadata.get("language", ""))[:16]
    return "" if tag == "und" else tag


def read_track(path: Path, track: Track, start: float, most: int = MOST_TEXTS) -> list[Text]:
    """Its texts in time order, `start` being the file's time of the first picture.

    SourceError for a text that can't be read, with its time, and for more than so many; a file
    that is cut off just ends.
    """
    texts = watch(path, lambda: list(_read_texts(path, track, start, most)))
    return _give_ends(sorted(texts, key=lambda text: text.start))


def _read_texts(path: Path, track: Track, start: float, most: int) -> Iterator[Text]:
    with open_container(path) as container:
        for begins, seconds, content in _read_packets(container, track, path, most):
            begins = round(begins - start, 3)
            if text := _read_text(content, track, begins, path):
                yield Text(begins, round(begins + seconds, 3), text)


def _read_packets(
    container: "InputContainer", track: Track, path: Path, most: int
) -> Iterator[tuple[float, float, bytes]]:
    """When each packet begins (by the file's clock), its seconds, its content."""
    from av.stream import Discard

    stream = container.streams.subtitles[track.number - 1]
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    room, left = MOST_BYTES, most
    for packet in demux(container, stream):
        if not packet.size or packet.pts is None or packet.time_base is None:
            continue
        room, left = room - packet.size, left - 1
        if room < 0 or left < 0:
            much = f"{MOST_BYTES >> 20} MiB of text" if room < 0 else f"{most:,} texts"
            raise SourceError(f"{one_line(path.name)}, {track}: more than {much}", INSTEAD)
        seconds = float((packet.duration or 0) * packet.time_base)
        yield float(packet.pts * packet.time_base), max(seconds, 0.0), bytes(packet)


def _read_text(content: bytes, track: Track, begins: float, path: Path) -> str:
    """The text in a packet, with its markup; SourceError where it holds something else."""
    try:
        if track.codec == "mov_text":
            return _read_sample(content)
        text = content.decode("utf-8")
        if track.form == "ass":
            return text.split(",", EVENT_FIELDS)[EVENT_FIELDS]
        return text
    except (ValueError, IndexError):
        raise SourceError(
            f"{one_line(path.name)}, {track}, at {format_tenths(max(begins, 0.0))}:"
            f" what stands there is no text of {track.codec}",
            INSTEAD,
        ) from None


def _read_sample(content: bytes) -> str:
    """The text of an MP4 sample: two bytes of its length stand before it, boxes of style after."""
    length = int.from_bytes(content[:2])
    text = content[2 : 2 + length]
    if len(content) < 2 or len(text) < length:
        raise ValueError
    return text.decode("utf-16" if text[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8")


def _give_ends(texts: list[Text]) -> list[Text]:
    """A text without a length stands until the next one, but not for long."""
    nexts = [*(text.start for text in texts[1:]), float("inf")][: len(texts)]
    return [
        text
        if text.end > text.start
        else replace(text, end=min(after, round(text.start + LAST_SECONDS, 3)))
        for text, after in zip(texts, nexts, strict=True)
    ]
