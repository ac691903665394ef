"""Makes examples/lecture.mp4, the project's own sample: a narrated slide lecture on bridges.

Run `python examples/make_lecture.py [--out FILE]`. Needs these packages (made with the versions
in brackets): av (18.1), pillow (13.0), numpy (2.4), espeakng-loader (0.2.4; carries eSpeak NG).
The known truth about the video is `SLIDES`; importing this file loads none of those packages.
"""

from __future__ import annotations

import argparse
import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av
    import numpy as np
    from PIL import Image, ImageFont

    Point = tuple[float, float]


@dataclass(frozen=True)
class Slide:
    """One slide: what it shows, what the voice says, and the name of its diagram."""

    title: str
    bullets: tuple[str, ...]
    narration: str
    diagram: str
    moves: bool = False


SLIDES = (
    Slide(
        title="How Bridges Carry Weight",
        bullets=("Beam, arch, truss and cable", "A lecture in seven slides"),
        narration=(
            "Welcome. A bridge looks still, but it is always at work. In this lecture we follow "
            "the load from the road down to the ground, through four kinds of bridge."
        ),
        diagram="skyline",
    ),
    Slide(
        title="Push and Pull",
        bullets=(
            "Compression squeezes a part",
            "Tension stretches a part",
            "Stone resists only squeezing",
            "Steel resists both",
        ),
        narration=(
            "Two forces act on every part of a bridge. Compression squeezes it, and tension "
            "stretches it. Stone is strong in compression, but cracks when it is pulled. "
            "Steel is strong in both."
        ),
        diagram="forces",
    ),
    Slide(
        title="The Beam",
        bullets=(
            "The top is squeezed",
            "The bottom is stretched",
            "Twice the span, eight times the sag",
        ),
        narration=(
            "The simplest bridge is a beam. As a truck crosses, the top of the beam is squeezed, "
            "and the bottom is stretched. Double the span, and the same load bends it eight "
            "times as far."
        ),
        diagram="beam",
        moves=True,
    ),
    Slide(
        title="The Arch",
        bullets=(
            "Weight follows the curve",
            "Every stone is squeezed",
            "The banks must not give way",
            "Some have stood for 2,000 years",
        ),
        narration=(
            "An arch turns weight into compression. Each stone leans on the next, down to the "
            "banks, which must not give way. Some Roman arches have stood for two thousand years."
        ),
        diagram="arch",
    ),
    Slide(
        title="The Truss",
        bullets=(
            "A square folds, a triangle holds",
            "Each bar is only pushed or pulled",
            "Great strength from little steel",
        ),
        narration=(
            "A truss is built from triangles, because a square can fold, but a triangle cannot. "
            "Each bar is only pushed or pulled, so a truss carries a lot with little steel."
        ),
        diagram="truss",
    ),
    Slide(
        title="The Suspension Bridge",
        bullets=(
            "The deck hangs from cables",
            "Cables pull, towers push down",
            "Anchorages hold the ends",
            "Main spans pass 2,000 metres",
        ),
        narration=(
            "The longest bridges hang their deck from steel cables. The cables carry the load to "
            "tall towers, and heavy anchorages hold the ends. The widest gap ever crossed this "
            "way is more than two thousand metres."
        ),
        diagram="suspension",
        moves=True,
    ),
    Slide(
        title="Every Load Reaches the Ground",
        bullets=("Beams bend", "Arches push", "Trusses share", "Cables pull"),
        narration=(
            "Let us sum up. Beams bend, arches push, trusses share the load, and cables pull. "
            "Whichever way the load takes, it always ends in the ground. Thank you for watching."
        ),
        diagram="summary",
    ),
)

WIDTH, HEIGHT = 1280, 720
FRAMES_PER_SECOND = 10
KEYFRAME_SECONDS = 2
BT_709 = 1  # the colours that players expect of a video this wide
LEAD_SECONDS, PAUSE_SECONDS = 0.4, 0.9
VOICE, RATE, WORD_GAP = "en-us", 155, 1  # on eSpeak NG's scales; about 157 words a minute
PEAK = 0.8

PAPER, SHADE, FAINT = "#f8f5ee", "#efe9dc", "#d9d4c7"
INK, SOFT = "#1e2b3c", "#66717f"
PUSH, PULL = "#c4503a", "#2b7a9b"
GROUND, WATER, STONE, SUN = "#b9a98a", "#cfe1e6", "#e4dac6", "#f0c36d"


# Drawing: everything is drawn at twice the size and scaled down, which smooths the edges.


class Canvas:
    """A slide in the making; points are in pixels of the finished slide."""

    scale = 2

    def __init__(self) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (WIDTH * self.scale, HEIGHT * self.scale), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def at(self, *points: Point) -> list[Point]:
        """The points in the enlarged image."""
        return [(x * self.scale, y * self.scale) for x, y in points]

    def polygon(self, *points: Point, fill: str, edge: str | None = None) -> None:
        self.pen.polygon(self.at(*points), fill=fill)
        if edge:
            self.line(*points, points[0], color=edge, width=2)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        self.pen.rectangle(self.at((left, top), (right, bottom)), fill=fill)

    def card(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        """A box with round corners."""
        self.pen.rounded_rectangle(self.at((left, top), (right, bottom)), 24, fill=fill)

    def dot(self, x: float, y: float, radius: float, fill: str) -> None:
        corners = self.at((x - radius, y - radius), (x + radius, y + radius))
        self.pen.ellipse([*corners[0], *corners[1]], fill=fill)

    def line(self, *points: Point, color: str, width: float) -> None:
        """A line with round ends and joints."""
        self.pen.line(self.at(*points), fill=color, width=round(width * self.scale))
        for x, y in points:
            self.dot(x, y, width / 2 - 0.5, color)

    def arrow(self, start: Point, end: Point, color: str, width: float = 7) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        back, side = 2.6 * width, 1.7 * width
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        neck = (end[0] - back * along[0], end[1] - back * along[1])
        wings = [(neck[0] + s * side * across[0], neck[1] + s * side * across[1]) for s in (-1, 1)]
        self.line(start, neck, color=color, width=width)
        self.polygon(end, *wings, fill=color)

    def text(
        self, x: float, y: float, words: str, size: int, color: str = INK, anchor: str = "ls"
    ) -> None:
        self.pen.text((x * self.scale, y * self.scale), words, color, self.font(size), anchor)

    def heading(self, x: float, y: float, words: str, size: int, color: str = INK) -> None:
        """Text thickened by a stroke: the built-in font has no bold."""
        place = (x * self.scale, y * self.scale)
        self.pen.text(place, words, color, self.font(size), "ls", stroke_width=1.2)

    def font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        from PIL import ImageFont

        return ImageFont.load_default(size * self.scale)

    def finished(self) -> Image.Image:
        from PIL import Image

        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def draw_slide(number: int, seconds: float) -> Image.Image:
    """Slide `number` (from 1) as it looks `seconds` after it came up."""
    slide, canvas = SLIDES[number - 1], Canvas()
    DIAGRAMS[slide.diagram](canvas, seconds)
    if number == 1:
        draw_title(canvas, slide)
    else:
        draw_words(canvas, slide)
        draw_footer(canvas, number)
    return canvas.finished()


def draw_title(canvas: Canvas, slide: Slide) -> None:
    canvas.heading(88, 176, slide.title, 74)
    canvas.box(92, 206, 212, 212, PUSH)
    for row, line in enumerate(slide.bullets):
        canvas.text(92, 268 + 46 * row, line, 32, SOFT)


def draw_words(canvas: Canvas, slide: Slide) -> None:
    canvas.heading(72, 118, slide.title, 54)
    canvas.box(74, 144, 164, 149, PUSH)
    y = 232
    for bullet in slide.bullets:
        canvas.dot(82, y - 10, 6, PUSH)
        canvas.text(108, y, bullet, 30)
        y += 76


def draw_footer(canvas: Canvas, number: int) -> None:
    canvas.box(72, 656, WIDTH - 72, 658, FAINT)
    canvas.text(72, 690, SLIDES[0].title, 20, SOFT)
    canvas.text(WIDTH - 72, 690, f"{number} / {len(SLIDES)}", 20, SOFT, "rs")


def draw_legend(canvas: Canvas) -> None:
    for x, color, word in ((1002, PUSH, "push"), (1122, PULL, "pull")):
        canvas.line((x, 614), (x + 34, 614), color=color, width=7)
        canvas.text(x + 48, 621, word, 22, SOFT)


def draw_skyline(canvas: Canvas, seconds: float) -> None:
    """A suspension bridge across the whole slide, at the water."""
    canvas.dot(1010, 350, 74, SUN)
    canvas.polygon((0, 560), (180, 500), (330, 575), (330, 620), (0, 620), fill=FAINT)
    canvas.polygon((980, 575), (1130, 490), (1280, 540), (1280, 620), (980, 620), fill=FAINT)
    canvas.box(0, 600, WIDTH, HEIGHT, WATER)
    for x in range(40, WIDTH, 160):
        canvas.line((x, 664), (x + 70, 664), color=PAPER, width=3)
        canvas.line((x + 80, 694), (x + 130, 694), color=PAPER, width=3)
    bridge = Suspension(left=-20, right=1300, towers=(330, 950), top=372, deck=566, foot=640)
    draw_suspended(canvas, bridge)


@dataclass(frozen=True)
class Suspension:
    """The lines of a suspension bridge: x of its ends and towers, y of tops, deck and feet."""

    left: float
    right: float
    towers: tuple[float, float]
    top: float
    deck: float
    foot: float

    def cable(self, x: float) -> float:
        """The cable's y at x: a parabola between the towers, straight lines beyond them."""
        first, second = self.towers
        rise = self.top - self.deck
        if x < first:
            return self.deck + rise * (x - self.left) / (first - self.left)
        if x > second:
            return self.deck + rise * (self.right - x) / (self.right - second)
        middle = (x - (first + second) / 2) / ((second - first) / 2)
        low = self.deck - 22
        return low + (self.top - low) * middle**2


def draw_suspended(
    canvas: Canvas, bridge: Suspension, cable: str = INK, tower: str = INK, hangers: int = 20
) -> None:
    """The bridge from end to end, with so many gaps between hangers from tower to tower."""
    step = (bridge.towers[1] - bridge.towers[0]) / hangers
    first = bridge.towers[0] - step * int((bridge.towers[0] - bridge.left) / step)
    rows = [first + step * n for n in range(int((bridge.right - first) / step + 1.001))]
    shape = [(x, bridge.cable(x)) for x in rows]
    for x, y in shape:
        if y < bridge.deck - 8:
            canvas.line((x, y), (x, bridge.deck), color=cable, width=1.5)
    ends = (bridge.left, bridge.deck), (bridge.right, bridge.deck)
    canvas.line(ends[0], *shape, ends[1], color=cable, width=5)
    wide = step / 2 if step < 14 else 8
    for x in bridge.towers:
        canvas.box(x - wide, bridge.top - 10, x + wide, bridge.foot, tower)
    canvas.box(bridge.left, bridge.deck, bridge.right, bridge.deck + 11, INK)


def draw_forces(canvas: Canvas, seconds: float) -> None:
    """A block pressed together and a rod drawn apart."""
    canvas.card(640, 190, 1208, 384, SHADE)
    canvas.card(640, 412, 1208, 606, SHADE)
    canvas.text(664, 228, "compression", 24, PUSH)
    canvas.text(664, 450, "tension", 24, PULL)
    canvas.polygon((836, 258), (1012, 258), (1012, 348), (836, 348), fill=STONE, edge=INK)
    for x in (880, 924, 968):
        canvas.line((x, 272), (x, 334), color=GROUND, width=3)
    canvas.arrow((690, 303), (824, 303), PUSH, 10)
    canvas.arrow((1158, 303), (1024, 303), PUSH, 10)
    canvas.polygon((800, 506), (1048, 506), (1048, 546), (800, 546), fill=WATER, edge=INK)
    canvas.arrow((788, 526), (676, 526), PULL, 10)
    canvas.arrow((1060, 526), (1172, 526), PULL, 10)


def sag(x: float, load: float) -> float:
    """How far a beam on two ends bends at x under a load at `load` (both 0 to 1), at most 1."""
    if x > load:
        x, load = 1 - x, 1 - load
    rest = 1 - load
    return 8 * rest * x * (1 - rest**2 - x**2)


def draw_beam(canvas: Canvas, seconds: float) -> None:
    """A truck crosses, and the beam bends under it."""
    left, right, deck = 662, 1166, 366
    load = min(max((seconds - 1.0) / 9.0, 0.0), 1.0)
    canvas.box(620, 506, 1208, 566, WATER)
    for end in (left, right):
        shape = (end - 16, deck + 30), (end + 16, deck + 30), (end + 24, 566), (end - 24, 566)
        canvas.polygon(*shape, fill=STONE, edge=INK)
    canvas.box(620, 564, 1208, 572, GROUND)
    rows = [n / 40 for n in range(41)]
    curve = [(left - 22 + (right - left + 44) * x, deck + 62 * sag(x, load)) for x in rows]
    body = [*curve, *((x, y + 28) for x, y in reversed(curve))]
    canvas.polygon(*body, fill=SHADE)
    canvas.line(*curve, color=PUSH, width=6)
    canvas.line(*((x, y + 28) for x, y in curve), color=PULL, width=6)
    place = min(max(load, 0.06), 0.94)
    x, y = left + (right - left) * place, deck + 62 * sag(place, load)
    draw_truck(canvas, x, y - 4)
    draw_legend(canvas)


def draw_truck(canvas: Canvas, x: float, y: float) -> None:
    """A truck whose wheels stand at y, driving to the right."""
    canvas.card(x - 54, y - 70, x + 18, y - 13, INK)
    canvas.polygon(
        (x + 22, y - 13), (x + 22, y - 54), (x + 42, y - 54), (x + 54, y - 34), (x + 54, y - 13),
        fill=SUN, edge=INK,
    )  # fmt: skip
    for wheel in (x - 34, x + 36):
        canvas.dot(wheel, y - 10, 11, INK)
        canvas.dot(wheel, y - 10, 4, PAPER)


def draw_arch(canvas: Canvas, seconds: float) -> None:
    """Wedge stones between two banks, and the thrust that runs down through them."""
    x, y, inner, outer, stones = 914, 550, 176, 236, 13
    canvas.box(620, 312, 1208, 550, SHADE)
    canvas.dot(x, y, inner, PAPER)
    canvas.box(x - inner, y - 24, x + inner, 594, WATER)
    for n in range(stones):
        start, end = (math.pi * (1 - (n + edge) / stones) for edge in (0, 1))
        corners = ((inner, start), (inner, end), (outer, end), (outer, start))
        ring = [(x + r * math.cos(turn), y - r * math.sin(turn)) for r, turn in corners]
        canvas.polygon(*ring, fill=STONE, edge=INK)
    canvas.box(620, 292, 1208, 316, INK)
    for left, right in ((620, x - inner), (x + inner, 1208)):
        canvas.box(left, y, right, 594, GROUND)
    middle = (inner + outer) / 2
    for start, end in ((80, 58), (52, 30), (24, 4)):
        for side in (1, -1):
            turn = [math.radians(a) for a in (start, end)]
            a, b = [(x + side * middle * math.cos(t), y - middle * math.sin(t)) for t in turn]
            canvas.arrow(a, b, PUSH, 6)
    canvas.arrow((x, 220), (x, 284), INK, 9)
    canvas.text(x, 204, "weight", 24, SOFT, "ms")


def draw_truss(canvas: Canvas, seconds: float) -> None:
    """A square that folds, a triangle that holds, and a truss made of triangles."""
    upright = (708, 192), (808, 192), (808, 292), (708, 292)
    canvas.line(*upright, upright[0], color=FAINT, width=5)
    draw_shape(canvas, ((708, 292), (746, 200), (846, 200), (808, 292)), "folds")
    draw_shape(canvas, ((1004, 292), (1066, 188), (1128, 292)), "holds")
    low, high, left, panel = 526, 398, 642, 136
    bottom = [(left + panel * n, low) for n in range(5)]
    top = [(left + panel * (n + 0.5), high) for n in range(4)]
    for n in range(4):
        rising, falling = (PUSH, PULL) if n < 2 else (PULL, PUSH)
        canvas.line(bottom[n], top[n], color=rising, width=9)
        canvas.line(top[n], bottom[n + 1], color=falling, width=9)
    canvas.line(*top, color=PUSH, width=9)
    canvas.line(*bottom, color=PULL, width=9)
    for x, y in (*bottom, *top):
        canvas.dot(x, y, 9, INK)
        canvas.dot(x, y, 4, PAPER)
    for x in (bottom[0][0], bottom[-1][0]):
        canvas.polygon((x, low + 12), (x - 22, low + 46), (x + 22, low + 46), fill=INK)
    draw_legend(canvas)


def draw_shape(canvas: Canvas, corners: tuple[Point, ...], word: str) -> None:
    """A frame of bars with a word under it."""
    canvas.line(*corners, corners[0], color=INK, width=7)
    for x, y in corners:
        canvas.dot(x, y, 8, INK)
        canvas.dot(x, y, 3.5, PAPER)
    middle = sum(x for x, _ in corners) / len(corners)
    canvas.text(middle, 336, word, 24, SOFT, "ms")


def draw_suspension(canvas: Canvas, seconds: float) -> None:
    """Dots follow the load: up the cable, and from there down the towers or to the ends."""
    bridge = Suspension(left=636, right=1192, towers=(758, 1070), top=236, deck=440, foot=552)
    canvas.box(700, 508, 1130, 568, WATER)
    for edge, bank in ((620, 720), (1108, 1208)):
        canvas.box(edge, bridge.deck + 11, bank, 568, GROUND)
    draw_suspended(canvas, bridge, cable=PULL, tower=PUSH)
    for x in (bridge.left, bridge.right):
        canvas.box(x - 16, bridge.deck - 14, x + 16, bridge.deck + 34, INK)
    for part in range(4):
        draw_load(canvas, bridge, (seconds / 4 + part / 4) % 1)
    draw_legend(canvas)


def draw_load(canvas: Canvas, bridge: Suspension, along: float) -> None:
    """The dots of one load, `along` (0 to 1) its way from mid-span to the ground."""
    center, half = sum(bridge.towers) / 2, (bridge.towers[1] - bridge.towers[0]) / 2
    up, down = min(along / 0.6, 1), max((along - 0.6) / 0.4, 0)
    reach = half * up + (center - half - bridge.left) * down
    for side in (-1, 1):
        x = center + side * reach
        draw_ring(canvas, x, bridge.cable(x), PULL)
        if down:
            height = bridge.top + (bridge.foot - bridge.top) * down
            draw_ring(canvas, center + side * half, height, PUSH)


def draw_ring(canvas: Canvas, x: float, y: float, color: str) -> None:
    canvas.dot(x, y, 12, color)
    canvas.dot(x, y, 6, PAPER)


def draw_summary(canvas: Canvas, seconds: float) -> None:
    """The four bridges again, small."""
    small = {"beam": small_beam, "arch": small_arch, "truss": small_truss, "cable": small_cables}
    for n, (word, draw) in enumerate(small.items()):
        left, top = 620 + 304 * (n % 2), 190 + 222 * (n // 2)
        canvas.card(left, top, left + 284, top + 200, SHADE)
        draw(canvas, left + 142, top + 100)
        canvas.text(left + 142, top + 180, word, 24, SOFT, "ms")


def small_beam(canvas: Canvas, x: float, y: float) -> None:
    for end in (-88, 88):
        canvas.box(x + end - 9, y - 20, x + end + 9, y + 40, GROUND)
    for drop, color in ((0, PUSH), (12, PULL)):
        rows = [n / 24 for n in range(25)]
        curve = [(x - 104 + 208 * at, y - 34 + drop + 20 * sag(at, 0.5)) for at in rows]
        canvas.line(*curve, color=color, width=6)


def small_arch(canvas: Canvas, x: float, y: float) -> None:
    turns = [math.pi * n / 48 for n in range(49)]
    ring = [(x - 88 * math.cos(turn), y + 38 - 74 * math.sin(turn)) for turn in turns]
    canvas.line(*ring, color=PUSH, width=11)
    canvas.line((x - 108, y - 46), (x + 108, y - 46), color=INK, width=7)


def small_truss(canvas: Canvas, x: float, y: float) -> None:
    bottom = [(x + d, y + 28) for d in (-104, -52, 0, 52, 104)]
    top = [(x + d, y - 38) for d in (-78, -26, 26, 78)]
    for n in range(4):
        rising, falling = (PUSH, PULL) if n < 2 else (PULL, PUSH)
        canvas.line(bottom[n], top[n], color=rising, width=6)
        canvas.line(top[n], bottom[n + 1], color=falling, width=6)
    canvas.line(*top, color=PUSH, width=6)
    canvas.line(*bottom, color=PULL, width=6)


def small_cables(canvas: Canvas, x: float, y: float) -> None:
    bridge = Suspension(x - 112, x + 112, (x - 60, x + 60), y - 52, y + 14, y + 40)
    draw_suspended(canvas, bridge, PULL, PUSH, hangers=12)


DIAGRAMS = {
    "skyline": draw_skyline,
    "forces": draw_forces,
    "beam": draw_beam,
    "arch": draw_arch,
    "truss": draw_truss,
    "suspension": draw_suspension,
    "summary": draw_summary,
}


# Voice: eSpeak NG's library, reached through ctypes (names and numbers from its speak_lib.h).


class Voice:
    """A speaker; one per process, because eSpeak NG keeps its state in globals."""

    synchronous_retrieval, characters, utf8 = 2, 1, 1
    rate_parameter, word_gap_parameter = 1, 7

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate = self.library.espeak_Initialize(self.synchronous_retrieval, 0, data, 0)
        if self.rate <= 0 or self.library.espeak_SetVoiceByName(VOICE.encode()):
            raise SystemExit(f"eSpeak NG can't start with the voice {VOICE}")
        self.library.espeak_SetParameter(self.rate_parameter, RATE, 0)
        self.library.espeak_SetParameter(self.word_gap_parameter, WORD_GAP, 0)
        self.pieces: list[bytes] = []
        sample = ctypes.POINTER(ctypes.c_short)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, sample, ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self.keep)  # held here: the library keeps only its address
        self.library.espeak_SetSynthCallback(self.callback)

    def keep(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if samples and count > 0:
            self.pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    def say(self, words: str) -> np.ndarray:
        """The spoken words, mono, at `rate` samples a second, from -1 to 1."""
        import numpy as np

        self.pieces.clear()
        text = words.encode() + b"\0"
        size = ctypes.c_size_t(len(text))
        status = self.library.espeak_Synth(text, size, 0, self.characters, 0, self.utf8, None, None)
        if status or not self.pieces:
            raise SystemExit("eSpeak NG gave no sound")
        return np.frombuffer(b"".join(self.pieces), np.int16).astype(np.float32) / 32768


# Film: pictures and sound into one file.


def make_lecture(out: Path) -> None:
    """Writes the whole lecture to `out`."""
    voice = Voice()
    tracks = []
    start = 0.0
    for number, slide in enumerate(SLIDES, 1):
        tracks.append(padded(voice.say(slide.narration), voice.rate))
        seconds = len(tracks[-1]) / voice.rate
        print(f"slide {number}: {start:5.1f} to {start + seconds:5.1f} s  {slide.title}")
        start += seconds
    frames = [round(len(track) / voice.rate * FRAMES_PER_SECOND) for track in tracks]
    write_film(out, frames, tracks, voice.rate)
    print(f"{out}: {start:.1f} s, {out.stat().st_size / 1e6:.2f} MB")


def padded(sound: np.ndarray, rate: int) -> np.ndarray:
    """The sound with silence around it, as long as a whole number of frames."""
    import numpy as np

    frame = rate // FRAMES_PER_SECOND
    lead, pause = round(LEAD_SECONDS * rate), round(PAUSE_SECONDS * rate)
    length = math.ceil((lead + len(sound) + pause) / frame) * frame
    return np.pad(sound, (lead, length - lead - len(sound)))


def write_film(out: Path, frames: list[int], tracks: list[np.ndarray], rate: int) -> None:
    import av
    import numpy as np

    sound = np.concatenate(tracks)
    sound *= PEAK / np.abs(sound).max()
    options = {"movflags": "faststart", "fflags": "bitexact"}
    with av.open(str(out), "w", format="mp4", container_options=options) as film:
        picture, speech = open_streams(film, rate)
        packets = [*encode_pictures(picture, frames), *encode_sound(speech, sound)]
        for packet in sorted(
            packets, key=lambda packet: Fraction(packet.dts or 0) * (packet.time_base or 0)
        ):
            film.mux(packet)


def open_streams(
    film: av.container.OutputContainer, rate: int
) -> tuple[av.VideoStream, av.AudioStream]:
    """An H.264 and an AAC stream; one thread, so that the bytes don't depend on the cores."""
    picture = film.add_stream("libx264", rate=FRAMES_PER_SECOND)
    picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context = picture.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT_709
    picture.options = {
        "crf": "33",
        "preset": "veryslow",
        "g": str(KEYFRAME_SECONDS * FRAMES_PER_SECOND),
        "threads": "1",
    }
    speech = film.add_stream("aac", rate=rate, layout="mono")
    speech.bit_rate = 32_000
    return picture, speech


def encode_pictures(stream: av.VideoStream, frames: list[int]) -> Iterator[av.Packet]:
    """The packets of all slides; `frames` says how many each one lasts."""
    import av

    at = 0
    for number, count in enumerate(frames, 1):
        print(f"drawing slide {number} of {len(frames)}")
        for image in pictures(number, count):
            frame = av.VideoFrame.from_image(image)
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT_709)
            frame.pts, frame.time_base = at, Fraction(1, FRAMES_PER_SECOND)
            yield from stream.encode(frame)
            at += 1
    yield from stream.encode(None)


def pictures(number: int, count: int) -> Iterator[Image.Image]:
    """The pictures of a slide; a slide on which nothing moves is drawn once."""
    still = draw_slide(number, 0.0)
    for n in range(count):
        moves = SLIDES[number - 1].moves
        yield draw_slide(number, n / FRAMES_PER_SECOND) if moves else still


def encode_sound(stream: av.AudioStream, sound: np.ndarray) -> Iterator[av.Packet]:
    import av
    import numpy as np

    size = 1024  # samples in an AAC frame
    for at in range(0, len(sound), size):
        piece = np.ascontiguousarray(sound[None, at : at + size], np.float32)
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = stream.rate, at
        frame.time_base = Fraction(1, stream.rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample lecture on bridges.")
    here = Path(__file__).parent
    parser.add_argument("--out", type=Path, default=here / "lecture.mp4", metavar="FILE")
    make_lecture(parser.parse_args().out)


if __name__ == "__main__":
    main()
