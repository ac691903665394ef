"""Pictures and sound encoded anew as browsers play them: H.264 and AAC, at a size for looking.

Decodes one packet after the other and keeps none; what can't be decoded is passed over.
"""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from longtake.video.container import list_faults
from longtake.video.frames import COLOUR_SPACE_UNKNOWN, COLOUR_SPACES
from longtake.video.probe import RESTART_SECONDS, Index
from longtake.video.tone_map import is_hdr

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.filter import Graph
    from av.video.frame import VideoFrame

LOOKING_SIDE = 640
"""The longest side in pixels of a picture that is encoded anew."""
MOST_RATE = 30
"""Pictures a second; of faster ones only so many are encoded."""
SOONEST = 1 / (MOST_RATE + 1)
"""Seconds after one picture at which the next may come."""
TICK = Fraction(1, 90_000)
PICTURE_OPTIONS = {
    "preset": "veryfast",
    "crf": "25",
    "g": "60",  # a place that is sought is at most two seconds of decoding away
    "rc-lookahead": "10",
}
THREADS = 2
"""Of a decoder or encoder: each keeps a few whole pictures."""
MOST_AHEAD = 32
"""Packets whose pictures a decoder may still hold back: 16 for their order, and some a thread."""
SOUND_RATE = 48_000
SOUND_BITS = 128_000
BT709 = 1
"""As H.273 numbers transfer, primaries and matrix."""
ORDINARY: dict[str, Any] = {
    "dst_color_trc": "BT709",
    "dst_color_primaries": "BT709",
    "dst_colorspace": "ITU709",
}
"""What ffmpeg's scaler turns pictures of high dynamic range into: it takes seconds to prepare, then
is fast, where `tone_map` is neither; what is brighter than white is white."""
HOLE_SAMPLES = SOUND_RATE // 10
"""A hole in the sound that is longer is filled with silence, else what follows would be early."""


class PictureEncoder:
    """Pictures on their way to H.264: upright, with square pixels, none of two moments.

    `first` is one of the pictures, which shows how all of them lie; `reorder` is for a container
    that knows only in which order they are decoded (AVI).
    """

    def __init__(
        self, target: Any, stream: Any, index: Index, first: "VideoFrame", *, reorder: bool = False
    ) -> None:
        from av.video.reformatter import VideoReformatter

        stream.codec_context.thread_count = THREADS
        self._stream, self._index = stream, index
        self._tick = stream.time_base or Fraction(1, 1)
        self._scaler = VideoReformatter()
        self._quarters = round(first.rotation / 90) % 4
        width = max(1, round(first.width * float(stream.sample_aspect_ratio or 1)))
        share = min(1.0, LOOKING_SIDE / max(width, first.height))
        self._lying = _even(width * share), _even(first.height * share)
        self.size = self._lying if self._quarters % 2 == 0 else self._lying[::-1]
        """Width and height in pixels as they are shown."""
        self._coded = first.width, first.height
        self._fields = _open_deinterlacer(first) if first.interlaced_frame else None
        self._stamps: list[int] | None = [] if reorder else None
        """Of packets whose pictures have not come yet: a picture has the least of them."""
        self._count, self._last = 0, float("-inf")
        self._written = float("-inf")
        self._out = target.add_stream("libx264", rate=MOST_RATE, options=dict(PICTURE_OPTIONS))
        self._out.width, self._out.height = self.size
        self._out.pix_fmt, self._out.codec_context.time_base = "yuv420p", TICK
        self._out.codec_context.thread_count = THREADS
        if is_hdr(first.color_trc):
            made = self._out.codec_context
            made.color_trc = made.color_primaries = made.colorspace = BT709

    def take(self, packet: Any) -> Iterator[Any]:
        """The encoded packets that are ready with this one; None is the decoder's rest."""
        decoded: Iterable[VideoFrame] = ()
        with suppress(*list_faults()):
            decoded = self._stream.decode(packet)
            if packet and self._stamps is not None:
                heapq.heappush(self._stamps, packet.dts if packet.pts is None else packet.pts)
        for frame in decoded:
            yield from self._encode(frame)

    def finish(self) -> Iterator[Any]:
        """What decoder, filter and encoder still hold."""
        yield from self.take(None)
        if self._fields:
            self._fields.push(None)
            yield from self._write(_pull(self._fields))
        yield from self._out.encode(None)

    def _encode(self, frame: "VideoFrame") -> Iterator[Any]:
        time = self._time(frame)
        if frame.is_corrupt or time is None or time < self._written + SOONEST:
            return
        self._written = time
        frame.pts, frame.time_base = round(time / TICK), TICK
        if self._fields and (frame.width, frame.height) == self._coded:
            self._fields.push(frame)
            yield from self._write(_pull(self._fields))
        else:
            yield from self._write([frame])

    def _time(self, frame: "VideoFrame") -> float | None:
        """When the picture is due; None where times start anew, so that nobody can tell."""
        counted = self._count * self._index.step
        stamp = self._take_stamp() if self._stamps else frame.pts
        time = counted if stamp is None else float(stamp * self._tick)
        if time < self._last - RESTART_SECONDS:
            return None
        self._count, self._last = self._count + 1, max(self._last, time)
        return max(0.0, self._last - self._index.start)

    def _take_stamp(self) -> int:
        """The least stamp, past those whose pictures will not come any more."""
        assert self._stamps
        while len(self._stamps) > MOST_AHEAD:
            heapq.heappop(self._stamps)
        return heapq.heappop(self._stamps)

    def _write(self, frames: "Iterable[VideoFrame]") -> Iterator[Any]:
        for frame in frames:
            time = (frame.pts or 0) * (frame.time_base or TICK)
            fitted = self._fit(frame)
            fitted.pts, fitted.time_base = round(time / TICK), TICK
            yield from self._out.encode(fitted)

    def _fit(self, frame: "VideoFrame") -> "VideoFrame":
        """The picture in its size, upright."""
        import av

        if frame.colorspace not in COLOUR_SPACES:
            frame.colorspace = COLOUR_SPACE_UNKNOWN
        how = ORDINARY if is_hdr(frame.color_trc) else {}
        if not self._quarters:
            return self._scaler.reformat(frame, *self._lying, format="yuv420p", **how)
        lying = self._scaler.reformat(frame, *self._lying, format="rgb24", **how).to_ndarray()
        upright = np.ascontiguousarray(np.rot90(lying, self._quarters)).astype(np.uint8)
        return av.VideoFrame.from_ndarray(upright, format="rgb24").reformat(format="yuv420p")


def _even(length: float) -> int:
    """The nearest length that H.264 can have: its colours are stored for two pixels each."""
    return max(2, round(length / 2) * 2)


def _open_deinterlacer(first: "VideoFrame") -> "Graph":
    """A filter that makes one picture of two fields, and leaves what has none as it is."""
    from av.filter import Graph

    graph = Graph()
    graph.threads = THREADS
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=TICK
    )
    filter_ = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, filter_, graph.add("buffersink")).configure()
    return graph


def _pull(graph: "Graph") -> "Iterator[VideoFrame]":
    """What is ready in the filter."""
    import av.error

    while True:
        try:
            ready: Any = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield ready


class SoundEncoder:
    """Sound on its way to AAC in stereo, in time with the pictures.

    `seconds` is how long those last: what is later is none of the video's sound.
    """

    def __init__(self, target: Any, stream: Any, index: Index, seconds: float) -> None:
        self._start, self._most = index.start, round(seconds * SOUND_RATE)
        self._stream = stream
        self._out = target.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        self._out.bit_rate = SOUND_BITS
        self._form: tuple[str, str, int] | None = None
        self._resampler: Any = None
        self._written = 0
        """Samples."""

    def take(self, packet: Any) -> Iterator[Any]:
        """The encoded packets that are ready with this one; None is the decoder's rest."""
        frames: Iterable[AudioFrame] = ()
        with suppress(*list_faults()):
            frames = self._stream.decode(packet)
        for frame in frames:
            if frame.samples and frame.sample_rate:
                yield from self._encode(frame)

    def finish(self) -> Iterator[Any]:
        """What decoder, resampler and encoder still hold."""
        yield from self.take(None)
        yield from self._flush()
        yield from self._out.encode(None)

    def _encode(self, frame: "AudioFrame") -> Iterator[Any]:
        due = self._written
        if frame.pts is not None and frame.time_base:
            due = round((float(frame.pts * frame.time_base) - self._start) * SOUND_RATE)
        ends = due + frame.samples * SOUND_RATE // frame.sample_rate
        if ends <= self._written - HOLE_SAMPLES or due > self._most:
            return  # it is there already, or belongs before the first picture or after the last
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form or due > self._written + HOLE_SAMPLES:
            yield from self._begin(form, due)
        frame.pts = None  # times are kept here
        yield from self._write(self._resampler.resample(frame))

    def _begin(self, form: tuple[str, str, int], due: int) -> Iterator[Any]:
        """Sound of another form, or after a hole: silence up to where it is due."""
        import av

        yield from self._flush()
        while due > self._written + HOLE_SAMPLES:
            nothing = np.zeros((2, min(SOUND_RATE, due - self._written)), np.float32)
            silence = av.AudioFrame.from_ndarray(nothing, format="fltp", layout="stereo")
            silence.sample_rate = SOUND_RATE
            yield from self._write([silence])
        self._form = form
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)

    def _flush(self) -> Iterator[Any]:
        if self._resampler:
            yield from self._write(self._resampler.resample(None))
        self._resampler = None

    def _write(self, frames: "Iterable[AudioFrame]") -> Iterator[Any]:
        for frame in frames:
            frame.pts, frame.time_base = self._written, Fraction(1, SOUND_RATE)
            self._written += frame.samples
            yield from self._out.encode(frame)
