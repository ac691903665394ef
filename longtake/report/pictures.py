"""Pictures of a video: the contact sheet, the strip plot, and small ones that a page can hold.

Gets frames and scans from others; knows no video file, no engine and no folder of results.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count as count_from
from math import ceil, sqrt
from typing import TYPE_CHECKING

from longtake.records import Chunk, Frame, Scan, Video
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line
from longtake.timecode import Span, format_tenths, format_time

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

GROUND, INK, DARK, GREY, PALE = "#fafaf8", "#3c4043", "#202124", "#c9ccd0", "#e4e6e8"
MOTION, BLOCKS, MISSING = "#9db8cf", ("#cbd6e0", "#b1c1cf"), ("#cf5f57", "#b84a43")
JOINS = {"cut": ("#3c4043", 1, 0), "fade": ("#d9730d", 6, 4), "dissolve": ("#8a3ffc", 2, 3)}
"""Colour; pixels drawn and left out."""
STILLS = {"black": "#202124", "blank": "#e0b83f", "frozen": "#4fb3bf"}

PIXELS = 40_000_000
"""A sheet has no more: many more are taken for an attack by what opens pictures."""
FEW, FEW_WIDTH, WIDTHS = 60, 240, (160, 128, 96, 64, 48, 32, 16)
"""Width of a cell for so few chunks, and those for more."""

WIDTH, HEIGHT, LEFT, PLOT = 1600, 306, 104, 1464
"""Of the strip; the time runs over `PLOT` pixels from `LEFT` on."""
CUTS, CURVE, LIGHT, PLAIN = (44, 56), (60, 150), (156, 174), (182, 192)
FROZEN, CHUNKS = (194, 204), (212, 236)
"""Rows of the strip, from the first line to the one below the last."""
CROWDED = 10
"""Cuts closer than so many pixels, on average, get no line through the curve."""
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600)
TICK_PIXELS = 90

THUMB_BYTES = 520_000
"""All thumbs of a page together, before they are written as text, which takes a third more."""
THUMB_FORMS = ((240, 75), (208, 70), (176, 65), (144, 60), (112, 55), (80, 50))
"""Longest side and JPEG quality to try, until that is so."""


def draw_sheet(cells: Iterable[tuple[Chunk, Frame | None]], count: int) -> "Image":
    """A cell for each of `count` chunks with its frame; holds one frame at a time."""
    from PIL import Image, ImageDraw, ImageFont

    grid = _plan(count)
    sheet = Image.new("RGB", grid.size, GROUND)
    draw = ImageDraw.Draw(sheet)
    draw.font = ImageFont.load_default(9 + grid.width // 60)
    places = count_from()
    for chunk, frame in cells:
        corner = grid.corner(next(places))
        if frame:
            sheet.paste(_fit(frame, grid.width, grid.height), corner)
        else:
            _draw_missing(draw, grid, corner)
        time = format_tenths(frame.time) if frame else _spell(str(chunk.span))
        _write_caption(draw, grid, corner, str(chunk.number), time)
        del frame  # or it would live on while the next one is made
    return sheet


@dataclass(frozen=True)
class _Grid:
    """How a sheet is laid out; all in pixels but columns and rows."""

    columns: int
    rows: int
    width: int

    @property
    def height(self) -> int:
        return self.width * 9 // 16

    @property
    def gap(self) -> int:
        return self.width // 16

    @property
    def caption(self) -> int:
        return 13 + self.width // 32 if self.width >= 48 else 0

    @property
    def size(self) -> tuple[int, int]:
        right, bottom = self.corner(self.columns * self.rows - 1)
        return right + self.width + self.gap, bottom + self.height + self.caption + self.gap

    def corner(self, place: int) -> tuple[int, int]:
        row, column = divmod(place, self.columns)
        down = self.height + self.caption + self.gap
        return self.gap + column * (self.width + self.gap), self.gap + row * down


def _plan(count: int) -> _Grid:
    """Wide cells for a few; smaller ones for many, on a sheet about as wide as high."""
    if count <= FEW:
        columns = min(6, ceil(sqrt(max(count, 1))))
        return _Grid(columns, ceil(max(count, 1) / columns), FEW_WIDTH)
    columns = max(8, ceil(sqrt(count / 1.5)))
    grids = [_Grid(columns, ceil(count / columns), width) for width in WIDTHS]
    return next((g for g in grids if g.size[0] * g.size[1] <= PIXELS), grids[-1])


def _fit(frame: Frame, width: int, height: int) -> "Image":
    """The frame as large as fits, in its own shape, on a dark ground."""
    from PIL import Image

    with Image.open(BytesIO(frame.jpeg)) as picture:
        scale = min(width / picture.width, height / picture.height)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture.draft("RGB", (size[0] * 2, size[1] * 2))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (width, height), DARK)
    cell.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return cell


def pack_thumbs(thumbs: Mapping[int, Frame]) -> dict[int, Frame]:
    """The thumbs as large as their bound allows for all of them together."""
    packed = dict(thumbs)
    for side, quality in THUMB_FORMS:
        if sum(len(frame.jpeg) for frame in packed.values()) <= THUMB_BYTES:
            break
        packed = {number: _shrink(frame, side, quality) for number, frame in thumbs.items()}
    return packed


def _shrink(frame: Frame, side: int, quality: int) -> Frame:
    from PIL import Image

    file = BytesIO()
    with Image.open(BytesIO(frame.jpeg)) as picture:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        picture.convert("RGB").save(file, "JPEG", quality=quality, optimize=True)
        return Frame(frame.time, file.getvalue(), *picture.size)


def _draw_missing(draw: "ImageDraw", grid: _Grid, corner: tuple[int, int]) -> None:
    (left, top), right, bottom = corner, corner[0] + grid.width - 1, corner[1] + grid.height - 1
    draw.rectangle((left, top, right, bottom), fill=PALE)
    draw.line((left, top, right, bottom), fill=GREY)
    draw.line((left, bottom, right, top), fill=GREY)
    middle = (left + right) / 2, (top + bottom) / 2
    words = draw.textbbox(middle, "no picture", anchor="mm")
    if words[0] > left:
        draw.rectangle((words[0] - 4, words[1] - 3, words[2] + 4, words[3] + 3), fill=PALE)
        draw.text(middle, "no picture", fill=INK, anchor="mm")


def _write_caption(
    draw: "ImageDraw", grid: _Grid, corner: tuple[int, int], number: str, time: str
) -> None:
    """What finds no room is left out, the time first."""
    line = corner[1] + grid.height + grid.caption / 2 + 1
    if grid.caption:
        draw.text((corner[0] + 1, line), number, fill=INK, anchor="lm")
        if draw.textlength(f"{number}  {time}") <= grid.width:
            draw.text((corner[0] + grid.width - 1, line), time, fill=INK, anchor="rm")


def draw_strip(video: Video, scan: Scan, chunks: Sequence[Chunk]) -> "Image":
    """Motion, brightness, cuts, stills and chunks over the time of a video."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(strip)
    draw.font = ImageFont.load_default(12)
    seconds = max(video.duration, 0.001)
    _draw_axis(draw, seconds)
    _draw_curves(draw, scan, seconds)
    _draw_cuts(draw, scan, seconds)
    stills = ((scan.frozen, "frozen", FROZEN), (scan.blank, "blank", PLAIN))
    for spans, kind, row in (*stills, (scan.black, "black", PLAIN)):
        for span in spans:
            _draw_block(draw, span, seconds, row, STILLS[kind])
    _draw_chunks(draw, chunks, seconds)
    _draw_legend(draw)
    counts = f"{say_count(len(scan.shots), 'shot')}, {say_count(len(chunks), 'chunk')}"
    title = f"{format_time(video.duration)}, {counts}"
    draw.text((LEFT + PLOT, 24), title, fill=INK, anchor="rm")
    draw.font = ImageFont.load_default(16)
    name = _spell(one_line(video.name))
    while draw.textlength(name) > PLOT * 0.75:
        name = f"{name[:-4]}..."
    draw.text((LEFT, 24), name, fill=INK, anchor="lm")
    return strip


def as_png(image: "Image") -> bytes:
    """The picture as a file's content."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _x(time: float, seconds: float) -> int:
    """Where a time stands, in a video of so many seconds."""
    return LEFT + round(min(max(time / seconds, 0), 1) * PLOT)


def _draw_axis(draw: "ImageDraw", seconds: float) -> None:
    names = {CUTS: "cuts", CURVE: "motion", LIGHT: "brightness", CHUNKS: "chunks"}
    for row, name in {**names, (PLAIN[0], FROZEN[1]): "still or plain"}.items():
        draw.text((LEFT - 10, sum(row) / 2), name, fill=INK, anchor="rm")
    for time, label in _ticks(seconds):
        x = _x(time, seconds)
        draw.line((x, CURVE[0], x, CHUNKS[1] + 5), fill=PALE)
        draw.text((x, CHUNKS[1] + 15), label, fill=INK, anchor="mm")


def _ticks(seconds: float) -> list[tuple[float, str]]:
    """Round times, so far apart that their labels don't touch."""
    least = seconds * TICK_PIXELS / PLOT
    step = next((t for t in TICKS if t >= least), 21600 * ceil(least / 21600))
    write = format_tenths if step < 1 else format_time
    times = (round(k * step, 3) for k in range(int(seconds / step + 1e-6) + 1))
    return [(time, write(time)) for time in times]


def _draw_curves(draw: "ImageDraw", scan: Scan, seconds: float) -> None:
    """Motion as an area that keeps its peaks; brightness as a band of greys."""
    top, bottom = CURVE
    for x in range(LEFT, LEFT + PLOT):
        first = int((x - LEFT) * seconds / PLOT / scan.step + 1e-6)
        last = max(first + 1, ceil((x - LEFT + 1) * seconds / PLOT / scan.step - 1e-6))
        motion, light = max(scan.motion[first:last], default=0), scan.brightness[first:last]
        if motion > 0:
            draw.line((x, bottom - round(motion * (bottom - top)), x, bottom), MOTION)
        if light:
            grey = round(255 * sum(light) / len(light))
            draw.line((x, LIGHT[0], x, LIGHT[1] - 1), (grey, grey, grey))
    draw.line((LEFT, bottom, LEFT + PLOT, bottom), GREY)
    draw.rectangle((LEFT - 1, LIGHT[0] - 1, LEFT + PLOT, LIGHT[1]), outline=GREY)


def _draw_cuts(draw: "ImageDraw", scan: Scan, seconds: float) -> None:
    """A tick for each, and a line through the curve where they leave room for it."""
    shots = sorted(scan.shots[1:], key=lambda shot: shot.begins != "cut")  # the rare ones win
    joins = {_x(shot.span.start, seconds): shot.begins for shot in shots}
    for x, join in joins.items():
        draw.line((x, CUTS[0], x, CUTS[1] - 1), JOINS[join][0])
        if len(joins) * CROWDED <= PLOT:
            _draw_join(draw, x, (CUTS[1], CURVE[1]), join)


def _draw_join(draw: "ImageDraw", x: int, row: tuple[int, int], join: str) -> None:
    colour, drawn, left_out = JOINS[join]
    for y in range(*row, drawn + left_out):
        draw.line((x, y, x, min(y + drawn, row[1]) - 1), colour)


def _draw_block(
    draw: "ImageDraw", span: Span, seconds: float, row: tuple[int, int], colour: str
) -> None:
    """A rectangle in that row over the span, at least a pixel wide."""
    left, right = _x(span.start, seconds), _x(span.end, seconds)
    draw.rectangle((left, row[0], max(left, right - 1), row[1] - 1), fill=colour)


def _draw_chunks(draw: "ImageDraw", chunks: Sequence[Chunk], seconds: float) -> None:
    """In turns light and dark, with their numbers where there is room; missing ones on top."""
    narrow = len(chunks) * 3 > PLOT
    for chunk in sorted(chunks, key=lambda chunk: bool(chunk.missing)):
        colours, ink = (MISSING, GROUND) if chunk.missing else (BLOCKS, INK)
        _draw_block(draw, chunk.span, seconds, CHUNKS, colours[not narrow and chunk.number % 2])
        left, right = _x(chunk.span.start, seconds), _x(chunk.span.end, seconds)
        if draw.textlength(str(chunk.number)) + 6 <= right - left:
            middle = (left + right) / 2, sum(CHUNKS) / 2
            draw.text(middle, str(chunk.number), fill=ink, anchor="mm")


def _draw_legend(draw: "ImageDraw") -> None:
    """Of the colours; the rows have their names beside them."""
    left, top = LEFT, HEIGHT - 28
    for name, colour in {**dict.fromkeys(JOINS, ""), **STILLS, "no picture": MISSING[0]}.items():
        if name in JOINS:
            _draw_join(draw, left + 5, (top - 2, top + 14), name)
        else:
            draw.rectangle((left, top, left + 11, top + 11), fill=colour)
        label = "hard cut" if name == "cut" else name
        draw.text((left + 18, top + 6), label, fill=INK, anchor="lm")
        left += 46 + round(draw.textlength(label))


def _spell(text: str) -> str:
    """With a question mark for each letter that the built-in font lacks."""
    return text.replace("–", "-").encode("ascii", "replace").decode()
