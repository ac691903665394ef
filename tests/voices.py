"""Sounds whose truth is known: words by eSpeak NG, music, noise; and videos that carry them.

Sounds are mono float32 from -1 to 1 at `RATE` samples a second. eSpeak NG's plain voices give the
same samples every time; some variants (+f3) breathe at random. A
word that is said at a second is shown in large letters as long as it is said.
"""

import importlib.util
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from longtake.video.sound import RATE as HEARD_RATE
from longtake.video.sound import Block

ROOT = Path(__file__).parents[1]
RATE = 22050
"""Samples a second, as eSpeak NG makes them."""
PICTURE_RATE = 5
SENTENCE = "The longest bridges hang their deck from steel cables."
FRAME = 1024

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
ONES += " fifteen sixteen seventeen eighteen nineteen"
TENS = ". . twenty thirty forty fifty sixty seventy eighty ninety"


@lru_cache(1)
def load_lecture() -> Any:
    """The module that makes the sample lecture, with its voice and what it says."""
    spec = importlib.util.spec_from_file_location("lecture", ROOT / "examples/make_lecture.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["lecture"] = module
    spec.loader.exec_module(module)
    return module


@lru_cache(1)
def _open_voice() -> Any:
    return load_lecture().Voice()


@lru_cache(256)
def say(text: str, voice: str = "en-us", rate: int = 155) -> np.ndarray:
    """The spoken text; `voice` as eSpeak NG names them (en-us, en-gb-x-rp, de; en-us+f3: a woman),
    `rate` in words a minute. Do not write into it: it is kept.
    """
    speaker = _open_voice()
    assert speaker.rate == RATE
    assert speaker.library.espeak_SetVoiceByName(voice.encode()) == 0, voice
    speaker.library.espeak_SetParameter(speaker.rate_parameter, rate, 0)
    sound: np.ndarray = speaker.say(text)
    return sound


def spell(number: int) -> str:
    """A number below 100 in words."""
    if number < 20:
        return ONES.split()[number]
    tens, ones = divmod(number, 10)
    return TENS.split()[tens] + (f"-{spell(ones)}" if ones else "")


def as_words(text: str) -> list[str]:
    """In small letters, without punctuation."""
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def count_wrong(truth: Sequence[str], heard: Sequence[str]) -> int:
    """Words to change, add or take out to get from one to the other."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(truth, start=1):
        corner, row[0] = row[0], number
        for place, other in enumerate(heard, start=1):
            change = corner + (word != other)
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, change)
    return row[-1]


def place(sounds: Mapping[float, np.ndarray], seconds: float = 0) -> np.ndarray:
    """Each sound at its second, over one another; as long as they need, or `seconds`."""
    ends = [round(start * RATE) + len(sound) for start, sound in sounds.items()]
    track = np.zeros(round(seconds * RATE) or max(ends), np.float32)
    for start, sound in sounds.items():
        first = round(start * RATE)
        room = track[first : first + len(sound)]
        room += sound[: len(room)]
    return track.clip(-1, 1)


def speak(
    words: Mapping[float, str], seconds: float = 0, voice: str = "en-us", rate: int = 155
) -> np.ndarray:
    """Each text said at its second."""
    said = {start: trim(say(text, voice, rate)) for start, text in words.items()}
    return place(said, seconds)


def trim(sound: np.ndarray) -> np.ndarray:
    """Without the silence before and after."""
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[loud[0] : loud[-1] + 1]


def make_silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def make_noise(seconds: float, colour: str = "white", level: float = 0.2, seed: int = 1) -> Any:
    """`white` has all frequencies alike, `pink` less of the high, `brown` much less (wind)."""
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    count = round(seconds * RATE)
    tones = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    tones /= np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20) ** slope
    return _to_level(np.fft.irfft(tones, count), level)


def make_hum(seconds: float, level: float = 0.2) -> np.ndarray:
    """The hum of the mains: 50 Hz and what goes with it."""
    times = np.arange(round(seconds * RATE)) / RATE
    parts = [np.sin(2 * np.pi * 50 * n * times) / n for n in (1, 2, 3, 5)]
    return _to_level(np.sum(parts, axis=0), level)


CHORDS = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7), (164.8, 207.7, 247))
MELODY = (440.0, 523.3, 587.3, 659.3, 587.3, 523.3, 392.0, 440.0)


def make_music(seconds: float, level: float = 0.2) -> np.ndarray:
    """Chords of two seconds under a melody of four plucked notes a second, with drums."""
    notes: dict[float, np.ndarray] = {}
    for beat in range(int(seconds * 4)):
        tones = [MELODY[beat * 5 % 8], *(CHORDS[beat // 8 % 4] if beat % 8 == 0 else ())]
        lasts = 2.0 if beat % 8 == 0 else 0.4
        notes[beat / 4] = np.sum([_pluck(tone, lasts) for tone in tones], axis=0)
        if beat % 2:
            notes[beat / 4 + 0.001] = make_noise(0.08, "pink", 0.3, beat)
    return _to_level(place(notes, seconds), level)


def _pluck(tone: float, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    parts = [np.sin(2 * np.pi * tone * n * times) / n**1.5 for n in range(1, 8)]
    sound: np.ndarray = 0.1 * np.sum(parts, axis=0) * np.exp(-3 * times / seconds)
    return sound.astype(np.float32)


def _to_level(sound: np.ndarray, level: float) -> np.ndarray:
    """With this root mean square, cut where it would be louder than 1."""
    return (sound * level / np.sqrt(np.mean(sound**2))).clip(-1, 1).astype(np.float32)


def make_film(
    path: Path,
    sound: np.ndarray | None = None,
    *,
    seconds: float = 0,
    captions: Mapping[float, str] | None = None,
    caption_seconds: float = 1.0,
    codec: str = "aac",
    rate: int = RATE,
    layout: str = "mono",
    channels: Sequence[np.ndarray] = (),
    sound_start: float = 0,
    film_start: float = 0,
    file_format: str | None = None,
) -> Path:
    """A film of `seconds` (of the sound's length, where none are given) with this sound.

    `captions` are shown in large letters for `caption_seconds` from their second on. `channels`
    are sounds of one length for a `layout` of many, in place of `sound`. The sound starts at
    `sound_start`; all times of the file are `film_start` later. Without any sound there is no
    stream of it; with one of no samples, an empty stream.
    """
    tracks = np.stack(list(channels)) if channels else None if sound is None else sound[None]
    seconds = seconds or (0 if tracks is None else tracks.shape[1] / RATE)
    with av.open(str(path), "w", format=file_format) as container:
        picture: Any = container.add_stream("libx264", rate=PICTURE_RATE)
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        picture.options = {"preset": "ultrafast", "g": str(2 * PICTURE_RATE)}
        stream: Any = None
        packets = []
        if tracks is not None:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            container.start_encoding()
            packets += encode_sound(stream, tracks, rate, sound_start + film_start)
        packets += _encode_captions(picture, seconds, captions or {}, caption_seconds, film_start)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def encode_sound(stream: Any, tracks: np.ndarray, rate: int, start: float) -> list[Any]:
    """The packets of sound of shape (channels, samples) at RATE, put to `rate`."""
    packets = []
    if not tracks.shape[1]:
        return packets
    form, layout = stream.codec_context.format.name, stream.codec_context.layout.name
    resampler = av.AudioResampler(format=form, layout=layout, rate=rate, frame_size=FRAME)
    whole = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(tracks.T.reshape(1, -1), np.float32), format="flt", layout=layout
    )
    whole.sample_rate = RATE
    at = round(start * rate)
    for frame in [*resampler.resample(whole), *resampler.resample(None)]:
        frame.pts, frame.time_base = at, Fraction(1, rate)
        at += frame.samples
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))


def _encode_captions(
    stream: Any, seconds: float, captions: Mapping[float, str], lasts: float, start: float
) -> list[Any]:
    packets = []
    begins = sorted(captions)
    for number in range(max(1, round(seconds * PICTURE_RATE))):
        time = number / PICTURE_RATE
        last = bisect_right(begins, time + 1e-6) - 1
        shown = last >= 0 and time < begins[last] + lasts
        image = draw_caption(captions[begins[last]] if shown else "", stream.width, stream.height)
        frame = av.VideoFrame.from_image(image).reformat(format="yuv420p")
        frame.pts = number + round(start * PICTURE_RATE)
        frame.time_base = Fraction(1, PICTURE_RATE)
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))


@lru_cache(256)
def draw_caption(text: str, width: int, height: int) -> Image.Image:
    """The text in large dark letters in the middle of a bright picture."""
    image = Image.new("RGB", (width, height), "#f4f1e8")
    pen = ImageDraw.Draw(image)
    size = height // 2
    while pen.textlength(text, ImageFont.load_default(size)) > 0.9 * width:
        size -= 2
    pen.text((width / 2, height / 2), text, "#101820", ImageFont.load_default(size), "mm")
    return image


def make_speaking_video(
    path: Path,
    words: Mapping[float, str],
    *,
    voice: str = "en-us",
    rate: int = 155,
    background: np.ndarray | None = None,
    **film: Any,
) -> Path:
    """A film that says each text at its second and shows it while it does; see `make_film`."""
    sound = speak(words, film.pop("seconds", 0) or max(words) + 2, voice, rate)
    if background is not None:
        sound = (sound + np.resize(background, sound.shape)).clip(-1, 1)
    return make_film(path, sound, captions=words, **film)


def make_counting_video(path: Path, seconds: int = 30, step: int = 2, **film: Any) -> Path:
    """A film that says its own second in words every `step` seconds, and shows it in digits."""
    numbers = range(step, seconds - 1, step)
    sound = speak({float(n): f"{spell(n)}." for n in numbers}, seconds)
    captions = {float(n): str(n) for n in numbers}
    return make_film(path, sound, seconds=seconds, captions=captions, **film)


def make_changing_sound(path: Path, *parts: tuple[np.ndarray, int, str]) -> Path:
    """An MPEG transport stream whose sound changes: of each part its sound, rate and layout."""
    start = 0.0
    content = b""
    for sound, rate, layout in parts:
        part = path.with_suffix(".part.ts")
        count = av.AudioLayout(layout).nb_channels
        tracks = [sound] * count
        make_film(part, channels=tracks, rate=rate, layout=layout, film_start=start)
        content += part.read_bytes()
        part.unlink()
        start += len(sound) / RATE
    path.write_bytes(content)
    return path


def break_sound(path: Path, start: float, end: float) -> int:
    """Overwrite the packets of sound from `start` to `end` seconds with noise; how many."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        places = [
            (packet.pos, packet.size)
            for packet in container.demux(stream)
            if packet.size and start <= float(packet.pts * packet.time_base) < end
        ]
    content = bytearray(path.read_bytes())
    noise = np.random.default_rng(1)
    for first, size in places:
        content[first : first + size] = noise.bytes(size)
    path.write_bytes(content)
    return len(places)


def as_blocks(sound: np.ndarray, start: float = 0.0, size: int = HEARD_RATE) -> Iterator[Block]:
    """A sound as `read_sound` gives it."""
    times = np.arange(int(len(sound) * HEARD_RATE / RATE)) * RATE / HEARD_RATE
    samples = np.interp(times, np.arange(len(sound)), sound).astype(np.float32)
    for first in range(0, len(samples), size):
        yield Block(start + first / HEARD_RATE, samples[first : first + size])
