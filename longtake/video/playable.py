"""A copy of a video that browsers play: MP4 with its index at the front, in the run's own times.

Streams that browsers play are copied, others are encoded anew at a size for looking.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longtake.errors import SourceError
from longtake.records import Video
from longtake.timecode import format_time
from longtake.video.container import demux, list_faults, open_container, picture_stream
from longtake.video.encode import PictureEncoder, SoundEncoder
from longtake.video.mux import PLAYED, plays_in_browsers
from longtake.video.pieces import ClockPiece, CommonClock
from longtake.video.probe import Index
from longtake.video.sound import choose_sound

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

Plays = Literal["all", "some", "none"]
"""In which of today's browsers a file plays."""

PLAYED_PIXELS = {"yuv420p", "yuvj420p"}
"""Cameras write H.264 of other pixels, too (10 bits, 4:2:2), which plays in no browser."""
PLAYED_BY_SOME = {"hevc"}
"""Pictures that a browser plays where the machine decodes them."""
COPIED = {"h264", "av1", "vp9"}
COPIED_SOUND = PLAYED["mp4"] - COPIED
WITHOUT_TIMES = {"avi", "mpeg", "mpegvideo", "h264", "asf"}
"""Containers that don't say rightly when each packet is shown: nothing is copied out of them."""
MOST_COPIED = 2_000_000_000
"""Bytes of a file whose streams are copied; of a larger one a smaller copy is made."""
LOOKED_AT = 100
"""Packets whose times are looked at before pictures are copied."""


@dataclass(frozen=True)
class Made:
    """What a copy is: `size` is width and height in pixels where its pictures are encoded anew.

    `remark` says what is missing in it, and why.
    """

    size: tuple[int, int] | None = None
    remark: str = ""


def find_plays(path: Path) -> Plays:
    """In which browsers the file itself plays; SourceError where it can't be opened."""
    with open_container(path) as container:
        context = picture_stream(container, path).codec_context
        codec, pixels = context.codec.canonical_name, context.pix_fmt
        is_mp4 = "mp4" in container.format.name.split(",")
        is_matroska = "webm" in container.format.name and not _says_webm(path)
    if plays_in_browsers(path) and not is_matroska:
        return "none" if codec == "h264" and pixels not in PLAYED_PIXELS else "all"
    return "some" if is_mp4 and codec in PLAYED_BY_SOME else "none"


def _says_webm(path: Path) -> bool:
    """Whether the head names WebM: FFmpeg takes it and other Matroska for one format."""
    with path.open("rb") as file:
        return b"webm" in file.read(64)


def copy_to_play(
    video: Video, index: Index, out: Path, most_copied: int = MOST_COPIED
) -> Generator[float, None, Made]:
    """Write the copy; yields how far it is in seconds of the video, and returns what it is.

    The streams of a file of more than `most_copied` bytes are all encoded anew. SourceError says
    why there can be no copy; of a file that breaks off, it is what came before.
    """
    small = video.path.stat().st_size <= most_copied
    first = None if small and _can_copy(video.path) else _decode_first(video.path)
    with open_container(video.path) as container, _open_target(out) as target:
        picture = picture_stream(container, video.path)
        sound, remark = _find_sound(container)
        form = container.format.name
        writers: dict[Any, Any] = {}
        if first:
            reorder = form == "avi"
            writers[picture] = PictureEncoder(target, picture, index, first, reorder=reorder)
        else:
            writers[picture] = _Copied(target, picture, index)
        if sound:
            writers[sound] = _open_sound(target, sound, index, video, form)
        yield from _write(container, target, writers, index)
    return Made(writers[picture].size if first else None, remark or _say_end(index))


@contextmanager
def _open_target(out: Path) -> Iterator[Any]:
    """The copy to write into; SourceError for all that PyAV raises meanwhile."""
    import av

    options = {"movflags": "+faststart", "strict": "experimental"}
    try:
        with av.open(str(out), "w", format="mp4", options=options) as target:
            yield target
    except (av.FFmpegError, ValueError, OSError) as error:
        raise SourceError(
            f"the copy can't be written: {getattr(error, 'strerror', None) or error}",
            "Convert the video to MP4 with H.264 and AAC to see it here.",
        ) from error


def _can_copy(path: Path) -> bool:
    """Whether its pictures can go over as they are."""
    with open_container(path) as container:
        stream = picture_stream(container, path)
        codec, pixels = stream.codec_context.codec.canonical_name, stream.codec_context.pix_fmt
        known = codec in COPIED and (codec != "h264" or pixels in PLAYED_PIXELS)
        timed = not WITHOUT_TIMES.intersection(container.format.name.split(","))
        if not (known and timed):
            return False
        packets = list(islice((p for p in demux(container, stream) if p.size), LOOKED_AT))
        decoded = [p.dts is not None for p in packets]
        return all(p.pts is not None for p in packets) and decoded == sorted(decoded)


def _decode_first(path: Path) -> "VideoFrame":
    """The first whole picture; SourceError where none can be decoded."""
    with open_container(path) as container, suppress(*list_faults(), SourceError):
        stream = picture_stream(container, path)
        for packet in demux(container, stream):
            with suppress(*list_faults(), SourceError):
                for frame in stream.decode(packet):
                    if not frame.is_corrupt:
                        return frame
    raise SourceError(
        "none of its pictures can be decoded", "Convert it to H.264 first; else it is broken."
    )


def _find_sound(container: "InputContainer") -> tuple[Any, str]:
    """The sound that most hear, or None; and what is to be told of it."""
    if not container.streams.audio:
        return None, ""
    try:
        return choose_sound(container), ""
    except SourceError as error:
        return None, f"It is silent: {error.message}."


def _say_end(index: Index) -> str:
    """What a copy lacks of a file that goes on in other streams, which are not copied."""
    later = [piece.at - index.start for piece in index.pieces if piece.byte]
    when = format_time(later[0]) if later else ""
    return f"It ends at {when}, where the file goes on in other streams." if later else ""


def _open_sound(target: Any, stream: Any, index: Index, video: Video, form: str) -> Any:
    """What copies the sound, or encodes it anew."""
    known = stream.codec_context.codec.canonical_name in COPIED_SOUND
    if known and not WITHOUT_TIMES.intersection(form.split(",")):
        return _Copied(target, stream, index)
    return SoundEncoder(target, stream, index, video.duration)


def _write(
    container: "InputContainer", target: Any, writers: dict[Any, Any], index: Index
) -> Iterator[float]:
    """All packets in the order of the file; how far it is in seconds after each."""
    done = 0.0
    for packet in _demux(container, list(writers), index.pieces):
        for ready in writers[packet.stream].take(packet):
            target.mux(ready)
        if packet.dts is not None and packet.time_base:
            done = max(done, float(packet.dts * packet.time_base) - index.start)
            yield done
    for writer in writers.values():
        for ready in writer.finish():
            target.mux(ready)


def _demux(
    container: "InputContainer", streams: list[Any], pieces: Sequence[ClockPiece]
) -> Iterator[Any]:
    """The packets of these streams on one clock, up to where the file breaks."""
    clock = CommonClock(pieces)
    with suppress(*list_faults(), SourceError):
        for packet in demux(container, *streams):
            if not packet.size:
                continue
            if packet.stream.type == "audio":
                clock.move_sound(packet)
            elif not packet.is_discard:
                clock.move_picture(packet)
            yield packet


class _Copied:
    """Packets that go over as they are, at their times of the run."""

    def __init__(self, target: Any, stream: Any, index: Index) -> None:
        self._out = target.add_stream_from_template(stream)
        unit = stream.time_base or Fraction(1, 1)
        self._shift = round(Fraction(index.start) / unit)
        self._step = max(1, round(Fraction(index.step) / unit))
        self._is_sound = stream.type == "audio"
        self._undated: list[Any] = []
        """The first pictures of Matroska, of which is told when they are shown, not decoded."""
        self._last: int | None = None

    def take(self, packet: Any) -> Iterator[Any]:
        """The packet; sound before the first picture is left out, and so is what goes back."""
        if packet.dts is None and self._last is None and len(self._undated) < LOOKED_AT:
            self._undated.append(packet)
            return
        if packet.dts is not None:
            for back, early in enumerate(reversed(self._undated), 1):
                early.dts = packet.dts - back * self._step
        for ready in (*self._undated, packet):
            yield from self._pass_on(ready)
        self._undated.clear()

    def finish(self) -> Iterator[Any]:
        """Those of a stream that is at its end before one was dated."""
        for count, packet in enumerate(self._undated):
            packet.dts = packet.pts if packet.pts is None else min(packet.pts, count)
            yield from self._pass_on(packet)

    def _pass_on(self, packet: Any) -> Iterator[Any]:
        if packet.dts is None or packet.pts is None:
            return
        packet.pts, packet.dts = packet.pts - self._shift, packet.dts - self._shift
        early = self._is_sound and packet.pts < 0
        if early or (self._last is not None and packet.dts <= self._last):
            return
        self._last = packet.dts
        packet.stream = self._out
        yield packet
