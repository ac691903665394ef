"""The contact sheet and the strip plot: what stands where, and that size and time stay bounded."""

import io
import weakref
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageColor, ImageFont

from longtake.records import Chunk, Frame, Join, Overview, Scan, Shot, Video
from longtake.report import OF_OVERVIEW, ResultFolder, pictures, write_pictures
from longtake.report.pictures import draw_sheet, draw_strip
from longtake.timecode import Span, format_tenths

COLOURS = ["#d02020", "#20a020", "#2040d0", "#d0c020", "#8020a0", "#20b0b0", "#e07010"]


def make_frame(
    colour: str = "#d02020", time: float = 0.0, size: tuple[int, int] = (64, 36)
) -> Frame:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG", quality=95)
    return Frame(time, file.getvalue(), *size)


def make_chunks(count: int, seconds: float = 60.0, missing: tuple[int, ...] = ()) -> list[Chunk]:
    edges = [seconds * k / count for k in range(count + 1)]
    return [
        Chunk(n, Span(*span), "cut off" if n in missing else "")
        for n, span in enumerate(pairwise(edges), 1)
    ]


def make_video(seconds: float, name: str = "street.mp4") -> Video:
    return Video(Path(name), "ab" * 32, seconds, seconds)


def make_scan(seconds: float, *cuts: tuple[float, Join], step: float = 0.5) -> Scan:
    starts: list[tuple[float, Join]] = [(0.0, "start"), *cuts]
    ends = [*(time for time, _ in cuts), seconds]
    shots = (Shot(Span(start, end), how) for (start, how), end in zip(starts, ends, strict=True))
    curve = tuple((k % 10) / 10 for k in range(int(seconds / step) + 1))
    return Scan(tuple(shots), step, curve, curve)


def same(pixel: object, colour: str, least: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    wanted = ImageColor.getrgb(colour)
    return all(abs(a - b) <= least for a, b in zip(pixel, wanted, strict=True))


def center(place: int, count: int) -> tuple[int, int]:
    grid = pictures._plan(count)
    left, top = grid.corner(place)
    return left + grid.width // 2, top + grid.height // 2


def columns_with(image: Image.Image, colour: str, row: int) -> list[int]:
    wanted = ImageColor.getrgb(colour)
    return [x for x in range(image.width) if image.getpixel((x, row)) == wanted]


def has_ink(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return min(image.crop(box).convert("L").tobytes()) < 120


def test_each_cell_shows_its_own_frame() -> None:
    chunks = make_chunks(len(COLOURS))
    sheet = draw_sheet(
        ((c, make_frame(k)) for c, k in zip(chunks, COLOURS, strict=True)), len(chunks)
    )
    for place, colour in enumerate(COLOURS):
        assert same(sheet.getpixel(center(place, len(chunks))), colour)


def test_one_chunk_makes_a_sheet_of_one_cell() -> None:
    sheet = draw_sheet([(Chunk(1, Span(0, 6)), make_frame())], 1)
    assert 240 < sheet.width < 300 and 135 < sheet.height < 200


def test_a_sheet_holds_no_frame_while_the_next_one_is_made() -> None:
    alive: list[weakref.ref[Frame]] = []

    def note(frame: Frame) -> Frame:
        assert not any(older() for older in alive)
        alive.append(weakref.ref(frame))
        return frame

    draw_sheet(((chunk, note(make_frame())) for chunk in make_chunks(5)), 5)
    assert len(alive) == 5


def test_a_chunk_without_a_frame_is_grey_and_keeps_its_place() -> None:
    one, two, three = make_chunks(3, missing=(2,))
    sheet = draw_sheet([(one, make_frame()), (two, None), (three, make_frame(COLOURS[2]))], 3)
    left, top = pictures._plan(3).corner(1)
    assert same(sheet.getpixel((left + 20, top + 60)), pictures.PALE)
    assert same(sheet.getpixel((left, top)), pictures.GREY)
    x, y = center(1, 3)
    assert has_ink(sheet, (x - 40, y - 8, x + 40, y + 8))
    assert same(sheet.getpixel(center(2, 3)), COLOURS[2])


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((360, 640), (76, 135)),
        ((640, 360), (240, 135)),
        ((64, 64), (135, 135)),
        ((640, 64), (240, 24)),
    ],
)
def test_a_frame_of_any_shape_fits_and_is_not_stretched(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    sheet = draw_sheet([(Chunk(1, Span(0, 6)), make_frame(size=size))], 1)
    left, top = pictures._plan(1).corner(0)
    cell = sheet.crop((left, top, left + 240, top + 135))
    across = sum(same(cell.getpixel((x, 67)), "#d02020", 40) for x in range(240))
    down = sum(same(cell.getpixel((120, y)), "#d02020", 40) for y in range(135))
    assert (across, down) == shown
    if shown != (240, 135):
        assert same(cell.getpixel((0, 0)), pictures.DARK)


def test_a_caption_tells_the_number_and_the_frame_s_own_time() -> None:
    def caption(number: int, time: float, start: float) -> Image.Image:
        sheet = draw_sheet([(Chunk(number, Span(start, start + 6)), make_frame(time=time))], 1)
        grid = pictures._plan(1)
        return sheet.crop((0, grid.corner(0)[1] + grid.height, *sheet.size))

    assert caption(1, 3723.4, 3720) == caption(1, 3723.4, 3723)
    assert caption(1, 3723.4, 3720) != caption(1, 3723.5, 3720)
    assert caption(1, 3723.4, 3720) != caption(2, 3723.4, 3720)
    middle = caption(1, 3723.4, 3720).crop((60, 0, 150, 20))
    assert not has_ink(middle, (0, 0, *middle.size))


@pytest.mark.parametrize(
    ("time", "text"),
    [(0, "0:00.0"), (59.96, "0:59.9"), (0.3, "0:00.3"), (3723.4, "1:02:03.4"), (60, "1:00.0")],
)
def test_tenths_are_cut_and_not_rounded_up(time: float, text: str) -> None:
    assert format_tenths(time) == text


@pytest.mark.parametrize("count", [0, 1, 7, 60, 61, 400, 3_000, 5_000, 50_000, 1_000_000])
def test_no_number_of_chunks_makes_a_sheet_too_large(count: int) -> None:
    grid = pictures._plan(count)
    assert grid.columns * grid.rows >= count
    assert max(grid.size) < 32_000
    if count <= 100_000:
        assert grid.size[0] * grid.size[1] <= pictures.PIXELS
    if count <= 60:
        assert (grid.width, grid.height) == (240, 135) and grid.columns <= 6


def test_thousands_of_chunks_are_drawn_each_in_its_place() -> None:
    frames = [make_frame(colour) for colour in COLOURS]
    cells = ((c, frames[c.number % 7]) for c in make_chunks(3_000))
    sheet = draw_sheet(cells, 3_000)
    assert max(sheet.size) < 32_000
    for place in (0, 1_234, 2_999):
        assert same(sheet.getpixel(center(place, 3_000)), COLOURS[(place + 1) % 7])


@pytest.mark.parametrize("join", ["cut", "fade", "dissolve"])
def test_a_cut_stands_at_its_time_in_the_colour_of_its_kind(join: Join) -> None:
    strip = draw_strip(make_video(60), make_scan(60, (15.0, join)), make_chunks(4))
    found = columns_with(strip, pictures.JOINS[join][0], pictures.CUTS[0])
    assert found == [pictures.LEFT + pictures.PLOT // 4]


def test_black_blank_and_frozen_stretches_stand_at_their_times() -> None:
    scan = Scan(
        (Shot(Span(0, 60)),),
        0.5,
        (),
        (),
        (Span(0, 15),),
        (Span(30, 45),),
        (Span(15, 30), Span(59, 59)),
    )
    strip = draw_strip(make_video(60), scan, [])
    left, quarter = pictures.LEFT, pictures.PLOT // 4
    for kind, row, first in (("black", "PLAIN", 0), ("blank", "PLAIN", 2), ("frozen", "FROZEN", 1)):
        found = columns_with(strip, pictures.STILLS[kind], getattr(pictures, row)[0])
        expected = range(left + first * quarter, left + (first + 1) * quarter)
        assert found[:quarter] == [*expected]
        assert len(found) == quarter + (kind == "frozen")


def test_a_chunk_without_pictures_is_red_over_its_span() -> None:
    strip = draw_strip(make_video(60), make_scan(60), make_chunks(4, missing=(2,)))
    quarter = pictures.PLOT // 4
    first = pictures.LEFT + quarter
    found = columns_with(strip, pictures.MISSING[0], pictures.CHUNKS[0])
    assert found == [*range(first, first + quarter)]


def test_motion_is_as_high_as_its_largest_value_there() -> None:
    top, bottom = pictures.CURVE
    motion = (0.0,) * 5_003 + (1.0,) + (0.0,) * 4_996
    strip = draw_strip(make_video(5_000), Scan((Shot(Span(0, 5_000)),), 0.5, motion, motion), [])
    assert columns_with(strip, pictures.MOTION, top) == [pictures.LEFT + pictures.PLOT // 2]
    assert columns_with(strip, pictures.MOTION, bottom - 1) == [pictures.LEFT + pictures.PLOT // 2]


def test_the_band_is_as_bright_as_the_video_there() -> None:
    scan = Scan((Shot(Span(0, 60)),), 15, (0.0,) * 4, (0.0, 0.25, 0.5, 1.0))
    strip = draw_strip(make_video(60), scan, [])
    quarter = pictures.PLOT // 4
    for place, level in enumerate((0, 64, 128, 255)):
        for x in (place * quarter + 1, (place + 1) * quarter - 1):
            assert strip.getpixel((pictures.LEFT + x, pictures.LIGHT[0])) == (level,) * 3


def test_a_dissolve_is_not_hidden_by_hard_cuts_at_its_pixel() -> None:
    scan = make_scan(3_600, (1_799.9, "cut"), (1_800.0, "dissolve"), (1_800.1, "cut"))
    strip = draw_strip(make_video(3_600), scan, [])
    found = columns_with(strip, pictures.JOINS["dissolve"][0], pictures.CUTS[0])
    assert found == [pictures.LEFT + pictures.PLOT // 2]


@pytest.mark.parametrize(
    "scan",
    [
        Scan((Shot(Span(0, 0.04)),), 0.5, (0.0,), (0.0,)),
        Scan((Shot(Span(0, 0.04)),), 0.5, (), ()),
        Scan((), 0.5, (1.0,) * 9, (1.0,) * 9),
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 0.04, 1.0])
def test_a_video_with_next_to_nothing_in_it_is_drawn(scan: Scan, seconds: float) -> None:
    assert draw_strip(make_video(seconds), scan, make_chunks(1, seconds)).width == 1600


def test_more_cuts_than_pixels_leave_the_curve_free() -> None:
    cuts: list[tuple[float, Join]] = [(k * 7.0, "cut") for k in range(1, 5_000)]
    scan = make_scan(36_000, *cuts)
    strip = draw_strip(make_video(36_000), scan, make_chunks(5_000, 36_000, missing=(17,)))
    hard = pictures.JOINS["cut"][0]
    assert len(columns_with(strip, hard, pictures.CUTS[0])) > 1_300
    assert columns_with(strip, hard, pictures.CURVE[0] + 5) == []
    assert len(columns_with(strip, pictures.MISSING[0], pictures.CHUNKS[0])) == 1


@pytest.mark.parametrize(
    ("seconds", "first", "last"),
    [
        (1, "0:00.1", "0:01.0"),
        (20, "0:02", "0:20"),
        (754, "1:00", "12:00"),
        (36_000, "1:00:00", "10:00:00"),
        (1_000_000, "18:00:00", "270:00:00"),
    ],
)
def test_ticks_are_round_and_from_end_to_end(seconds: float, first: str, last: str) -> None:
    labels = [label for _, label in pictures._ticks(seconds)]
    assert (labels[1], labels[-1]) == (first, last)


@pytest.mark.parametrize("seconds", [0.04, 0.9, 1, 3, 10, 61, 600, 3_599, 36_000, 359_000])
def test_tick_labels_don_t_touch_and_stay_on_the_picture(seconds: float) -> None:
    font = ImageFont.load_default(12)
    ends = [
        (pictures._x(time, seconds) - font.getlength(label) / 2, font.getlength(label))
        for time, label in pictures._ticks(seconds)
    ]
    assert all(a + width + 10 < b for (a, width), (b, _) in pairwise(ends))
    assert ends[-1][0] + ends[-1][1] < pictures.WIDTH


def test_a_name_of_any_letters_and_length_leaves_room_for_the_counts() -> None:
    plain = draw_strip(make_video(60), make_scan(60), make_chunks(4))
    odd = draw_strip(make_video(60, "W\n通り\u202e" + "W" * 250), make_scan(60), make_chunks(4))
    right = (pictures.LEFT + pictures.PLOT * 3 // 4 + 1, 0, pictures.WIDTH, 40)
    assert odd.crop(right) == plain.crop(right)
    assert odd.crop((0, 40, *odd.size)) == plain.crop((0, 40, *plain.size))


def write(folder: Path) -> tuple[Path, ...]:
    overview = Overview(make_video(6), make_scan(6), tuple(make_chunks(1, 6)))
    result = ResultFolder(folder, "", {name: {} for name in OF_OVERVIEW})
    write_pictures(result, overview, [make_frame()])
    return result.files


def test_pictures_are_written_as_png_with_nothing_beside_them(tmp_path: Path) -> None:
    files = write(tmp_path)
    for path in files:
        with Image.open(path) as read:
            assert read.format == "PNG" and read.width > 240
    assert {*tmp_path.glob("[!.]*")} == {*files}
