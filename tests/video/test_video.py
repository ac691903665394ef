"""From a file to frames: the right picture at the right time, whatever the file is like."""

import os
import struct
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.errors import SourceError
from longtake.records import Frame, Scan, Shot, Video
from longtake.timecode import Span
from longtake.video.choose_frames import Slot, spread_evenly
from longtake.video.chunks import LONGEST, MOST_CHUNKS, SHORTEST, cut_evenly, plan_chunks
from longtake.video.container import open_container
from longtake.video.frames import FrameReader, open_frames
from longtake.video.probe import Index, probe
from tests.kinds import KINDS, TENTH, make_kind
from tests.videos import (
    draw_grey,
    draw_noisy,
    draw_still,
    make_video,
    read_grey,
    read_jpeg,
    read_number,
    smash,
)


def look(path: Path) -> tuple[Video, Index]:
    return probe(path, "0" * 64)


def read_one(reader: FrameReader, time: float, side: int = 64) -> Frame:
    frames = read_at(reader, [time + 0.005], Span(time, time + 0.01), side)
    assert len(frames) == 1, f"no picture at {time}"
    return frames[0]


def read_at(reader: FrameReader, times: list[float], span: Span, side: int = 64) -> list[Frame]:
    pictures = reader.read(span, [Slot((time,)) for time in times], side)
    return [picture.as_frame() for picture in pictures]


def numbers(frames: list[Frame]) -> list[int]:
    return [read_number(read_jpeg(frame.jpeg)) for frame in frames]


def read_all(path: Path, times: list[float], span: Span | None = None) -> list[Frame]:
    video, index = look(path)
    with open_frames(path, index) as reader:
        return read_at(reader, times, span or Span(0, video.duration))


@pytest.mark.parametrize("name", KINDS)
def test_frames_come_in_time_order_with_their_true_times(name: str, kinds: Path) -> None:
    path, due = make_kind(name, kinds)
    video, index = look(path)
    assert len(index.times) == len(due)
    assert video.readable == video.duration
    assert video.duration == pytest.approx(
        due[-1] + (due[-1] - due[-2] if due[1:] else 0.1), abs=11
    )
    with open_frames(path, index) as reader:
        frames = [read_one(reader, time) for time in due]
    assert numbers(frames) == list(range(len(due)))
    assert [frame.time for frame in frames] == pytest.approx(due, abs=0.006)


@pytest.mark.parametrize("name", KINDS)
def test_a_picture_is_the_same_in_whatever_order_it_is_read(name: str, kinds: Path) -> None:
    path, due = make_kind(name, kinds)
    _, index = look(path)
    with open_frames(path, index) as reader:
        in_order = [read_one(reader, time) for time in due]
    places = [Random(name).randrange(len(due)) for _ in range(3)] + [len(due) - 1, 0, len(due) // 2]
    with open_frames(path, index) as reader:
        for place in places:
            assert read_one(reader, due[place]) == in_order[place]


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Index]:
    path = make_video(tmp_path_factory.mktemp("grouped") / "a.mp4", seconds=40, options={"g": "30"})
    return path, look(path)[1]


@given(
    spans=st.lists(
        st.tuples(st.integers(0, 399), st.integers(1, 60), st.integers(1, 8)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=50)
def test_any_spans_in_any_order_give_the_frames_that_are_due(
    grouped: tuple[Path, Index], spans: list[tuple[int, int, int]]
) -> None:
    path, index = grouped
    with open_frames(path, index) as reader:
        for first, length, count in spans:
            span = Span(first / 10, min(first + length, 400) / 10)
            times = spread_evenly(span, count)
            due = sorted({int(time * 10 + 0.005) for time in times})
            frames = read_at(reader, times, span)
            assert numbers(frames) == due
            assert [frame.time for frame in frames] == pytest.approx([n / 10 for n in due])


def test_pictures_of_h264_in_avi_come_in_order_and_near_their_times(tmp_path: Path) -> None:
    # AVI knows only the order of decoding: ffmpeg's times are wrong by a picture or two.
    path = make_video(tmp_path / "a.avi", tick=TENTH, options={"bf": "2", "g": "20"})
    times = [n / 10 + 0.05 for n in range(100)]
    frames = read_all(path, times)
    found = numbers(frames)
    assert found == sorted(found) and len(found) > 50
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    assert all(abs(f.time - number / 10) < 0.25 for f, number in zip(frames, found, strict=True))


def test_a_picture_that_stands_since_before_the_span_is_shown_at_its_start(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", times=[Fraction(0), Fraction(10), Fraction(20)])
    frames = read_all(path, [12.5, 13.5, 15.5], Span(12, 18))
    assert numbers(frames) == [1]
    assert frames[0].time == 12


def test_a_still_video_gives_its_pictures(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", draw=draw_still)
    frames = read_all(path, [1, 3, 5])
    assert [frame.time for frame in frames] == [1, 3, 5]
    assert len(set(numbers(frames))) == 1


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_sound_that_goes_on_after_the_pictures_is_no_gap(ending: str, tmp_path: Path) -> None:
    path = make_video(tmp_path / f"a.{ending}", seconds=5, sound_seconds=15)
    video, _ = look(path)
    assert video.duration == video.readable == pytest.approx(15, abs=0.2)
    assert not any(chunk.missing for chunk in plan_chunks(video, see(video), 6, "fixed"))


def draw_corners(number: int, width: int, height: int) -> np.ndarray:
    """Top left is white, top right grey, what is below is black."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[: height // 2, : width // 2] = 210
    pixels[: height // 2, width // 2 :] = 125
    return pixels


def corners(pixels: np.ndarray) -> list[str]:
    """The names of the four corners' shades, row by row."""
    height, width = pixels.shape[:2]
    places = [(y * height // 4, x * width // 4) for y in (1, 3) for x in (1, 3)]
    return ["black grey white".split()[round((int(pixels[p].mean()) - 40) / 85)] for p in places]


def filtered(path: Path, filters: list[tuple[str, str]]) -> list[str]:
    """The corners of the first picture after these filters of ffmpeg."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        picture = next(container.decode(stream))
        graph = av.filter.Graph()
        nodes = [graph.add_buffer(template=stream, time_base=stream.time_base)]
        nodes += [graph.add(name, argument) for name, argument in filters]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        graph.push(picture)
        return corners(graph.vpull().to_ndarray(format="rgb24"))


# By ffmpeg's rule for its `autorotate`: the turn that a file's matrix asks for, as filters.
TURNS = {
    0: [],
    90: [("transpose", "cclock")],
    180: [("hflip", ""), ("vflip", "")],
    270: [("transpose", "clock")],
}


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_video_is_shown_upright(turn: int, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    make_video(path, seconds=1, size=(96, 48), draw=draw_corners, rotation=turn)
    frame = read_all(path, [0.5])[0]
    pixels = read_jpeg(frame.jpeg)
    assert pixels.shape[:2] == (frame.height, frame.width)
    assert (frame.width > frame.height) == (turn in (0, 180))
    assert corners(pixels) == filtered(path, TURNS[turn])


# A phone held upright stores (x, y) as shown at (-y, x): a quarter to the right; then the mirrors.
MATRICES = {
    (0, 1, -1, 0): "black white black grey",
    (-1, 0, 0, 1): "grey white black black",
    (1, 0, 0, -1): "black black white grey",
    (0, 1, 1, 0): "white black grey black",
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_matrix_of_a_phone_is_obeyed_with_its_mirrors(
    matrix: tuple[int, int, int, int], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=1, size=(96, 48), draw=draw_corners, rotation=90)
    a, b, c, d = (value << 16 for value in matrix)
    old, new = struct.pack(">5i", 0, -65536, 0, 65536, 0), struct.pack(">5i", a, b, 0, c, d)
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    assert corners(read_jpeg(read_all(path, [0.5])[0].jpeg)) == MATRICES[matrix].split()


@pytest.mark.parametrize(("aspect", "size"), [("2", (128, 48)), ("1/2", (32, 48))])
def test_pixels_that_are_not_square_are_made_square(
    aspect: str, size: tuple[int, int], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=1, aspect=Fraction(aspect))
    _, index = look(path)
    with open_frames(path, index) as reader:
        frame = read_one(reader, 0.5, side=512)
    assert (frame.width, frame.height) == size
    assert read_number(read_jpeg(frame.jpeg)) == 5


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1, 1), (32, 32)), ((3, 5), (19, 32)), ((2, 2000), (1, 512)), ((2000, 2), (512, 1))],
)
def test_odd_sizes_are_read(size: tuple[int, int], shown: tuple[int, int], tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mkv", seconds=1, size=size, codec="ffv1", pixels="yuv444p", draw=draw_grey
    )
    _, index = look(path)
    with open_frames(path, index) as reader:
        frames = [read_one(reader, time, side=512) for time in (0.2, 0.7)]
    assert [(f.width, f.height) for f in frames] == [shown, shown]
    assert [read_grey(read_jpeg(f.jpeg)) for f in frames] == [2, 7]


def test_8k_is_read(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mp4", seconds=0.2, size=(7680, 4320), options={"preset": "ultrafast"}
    )
    frames = read_all(path, [0, 0.15])
    assert numbers(frames) == [0, 1]
    assert (frames[0].width, frames[0].height) == (64, 36)


def test_size_may_change_in_the_middle(tmp_path: Path) -> None:
    plain = {"bf": "0"}
    first = make_video(tmp_path / "1.ts", seconds=4, options=plain)
    times = [4 + n * TENTH for n in range(40)]
    second = make_video(tmp_path / "2.ts", size=(48, 96), times=times, options=plain)
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    frames = read_all(path, [1.05, 6.05])
    assert numbers(frames) == [10, 20]
    assert [(f.width, f.height) for f in frames] == [(64, 48), (32, 64)]


def test_two_pictures_at_one_time_are_one_frame(tmp_path: Path) -> None:
    times = [Fraction(n // 2 * 2, 10) for n in range(40)]
    path = make_video(tmp_path / "a.mkv", codec="ffv1", times=times)
    frames = read_all(path, [n / 10 for n in range(40)])
    assert [frame.time for frame in frames] == pytest.approx([n / 5 for n in range(20)])


def test_the_rest_of_a_file_with_a_hole_keeps_its_times(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mkv", seconds=30, options={"g": "10"}, draw=draw_noisy)
    smash(path, 0.4, 0.6)
    video, index = look(path)
    with open_frames(path, index) as reader:
        for time in (1.05, 9.05, 23.05, 28.05):
            assert read_number(read_jpeg(read_one(reader, time).jpeg)) == int(time * 10)
        assert read_at(reader, [14.5, 15.5], Span(14, 16)) == []
    assert video.duration == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        "ü日本.mp4",
        "http:x.mp4",
        "concat:a|b.mp4",
        "%d.mp4",
        "%03d.png",
        "-i.mp4",
        "~nobody.mp4",
        "new\nline.mp4",
        "no ending",
        "wrong.m3u8",
        os.fsdecode(b"not utf-8 \xff\xfe.mp4"),
    ],
)
def test_a_name_means_nothing(name: str, numbered: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(numbered.read_bytes())
    assert numbers(read_all(path, [3.05])) == [30]


LOCK = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "aabbccddeeff00112233445566778899",
}


@pytest.mark.parametrize("more", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_an_encrypted_mp4_is_said_to_be_encrypted_and_not_to_need_another_codec(
    more: dict[str, str], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "locked.mp4", seconds=2, file_options=LOCK | more)
    with pytest.raises(SourceError, match=r"locked\.mp4 is encrypted \(DRM\)") as caught:
        look(path)
    assert "H.264" not in caught.value.hint and "not protected" in caught.value.hint


@pytest.mark.parametrize("entry", [b"drmi", b"encv"])
@pytest.mark.parametrize("more", [{}, {"movflags": "faststart"}])
def test_pictures_whose_codec_only_the_key_tells_are_encrypted_too(
    entry: bytes, more: dict[str, str], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=2, file_options=more)
    content = path.read_bytes()
    assert content.count(b"avc1\0\0\0\0") == 1
    path.write_bytes(content.replace(b"avc1\0\0\0\0", entry + bytes(4)))
    with pytest.raises(SourceError, match="is encrypted"):
        look(path)
    path.write_bytes(content.replace(b"avc1\0\0\0\0", b"zzzz" + bytes(4)))
    with pytest.raises(SourceError, match="format that this build can't decode"):
        look(path)


def test_no_codec_reads_more_pixels_than_memory_can_hold(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.gif", seconds=1, codec="gif", pixels="rgb8", tick=TENTH)
    content = bytearray(path.read_bytes())
    content[6:10] = b"\x80\x3e" * 2  # 16000 × 16000
    path.write_bytes(content)
    with pytest.raises(SourceError, match="says that they have more than 134 million"):
        read_all(path, [0.05])


def test_only_pyav_errors_and_disk_errors_are_mapped(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=1)
    with pytest.raises(ZeroDivisionError), open_container(path):
        raise ZeroDivisionError


VIDEO = Video(Path("a.mp4"), "", 0, 0)
SECONDS = st.floats(0.001, 1e5).map(lambda s: round(s, 3))


def see(video: Video, cuts: list[float] | None = None) -> Scan:
    """A scan that found these cuts, and nothing else."""
    edges = [0.0, *(cuts or []), video.readable]
    shots = tuple(Shot(Span(start, end)) for start, end in pairwise(edges))
    return Scan(shots, 0.5, (), ())


@given(
    seconds=SECONDS,
    chunk_seconds=st.floats(0.1, 1000).map(lambda s: round(s, 3)),
    lost=st.sampled_from([0, 1.5, 100]),
    shares=st.lists(st.floats(0.0001, 0.9999), max_size=40),
    chunking=st.sampled_from(["shots", "fixed"]),
)
def test_chunks_cover_the_whole_video_without_overlap_within_their_limits(
    seconds: float, chunk_seconds: float, lost: float, shares: list[float], chunking: str
) -> None:
    video = replace(VIDEO, readable=seconds, duration=round(seconds + lost, 3))
    if seconds / chunk_seconds > 10_000:
        return
    cuts = sorted({round(share * seconds, 3) for share in shares} - {0.0, seconds})
    chunks = plan_chunks(video, see(video, cuts), chunk_seconds, chunking)
    assert [chunk.number for chunk in chunks] == list(range(1, len(chunks) + 1))
    edges = [chunk.span.start for chunk in chunks] + [video.duration]
    assert edges[0] == 0
    assert edges[1:] == [chunk.span.end for chunk in chunks]
    lengths = [chunk.span.seconds for chunk in chunks if not chunk.missing]
    assert [bool(chunk.missing) for chunk in chunks] == [False] * len(lengths) + [True] * bool(lost)
    assert max(lengths) < chunk_seconds * LONGEST + 0.003
    assert len(lengths) == 1 or min(lengths) > chunk_seconds * SHORTEST - 0.003
    inside = [cut for chunk in chunks for cut in chunk.cuts]
    starts = {chunk.span.start for chunk in chunks}
    assert inside == [cut for cut in cuts if cut not in starts]
    for chunk in chunks:
        assert all(chunk.span.start < cut < chunk.span.end for cut in chunk.cuts)


@pytest.mark.parametrize(
    ("cuts", "seconds", "ends"),
    [
        ([], 5, [5]),
        ([], 12, [6, 12]),
        ([], 13, [4.333, 8.667, 13]),
        ([2, 4], 6, [6]),
        ([2, 4, 7], 10, [4, 10]),
        ([7], 14, [3.5, 7, 10.5, 14]),
        ([9], 10, [4.5, 10]),
        ([6, 6.5], 12.5, [6.5, 12.5]),
    ],
)
def test_chunks_follow_shots(cuts: list[float], seconds: float, ends: list[float]) -> None:
    video = replace(VIDEO, readable=seconds, duration=seconds)
    chunks = plan_chunks(video, see(video, cuts), 6, "shots")
    assert [chunk.span.end for chunk in chunks] == ends


@given(seconds=SECONDS, shares=st.lists(st.floats(0.0001, 0.9999), max_size=40))
def test_a_chunk_holds_a_cut_only_next_to_a_shot_that_is_short(
    seconds: float, shares: list[float]
) -> None:
    video = replace(VIDEO, readable=seconds, duration=seconds)
    cuts = sorted({round(share * seconds, 3) for share in shares} - {0.0, seconds})
    if seconds > 60_000:
        return
    scan = see(video, cuts)
    for chunk in plan_chunks(video, scan, 6, "shots"):
        for cut in chunk.cuts:
            beside = [s.span for s in scan.shots if cut in (s.span.start, s.span.end)]
            assert min(span.seconds for span in beside) < 6 * LONGEST


@pytest.mark.parametrize(
    ("seconds", "ends"), [(5, [5]), (7.4, [7.4]), (7.6, [6, 7.6]), (12, [6, 12]), (13.4, [6, 13.4])]
)
def test_a_short_rest_is_joined_to_the_chunk_before(seconds: float, ends: list[float]) -> None:
    assert [span.end for span in cut_evenly(seconds, 6)] == ends


def test_times_that_can_not_be_are_refused_before_they_fill_the_memory() -> None:
    video = replace(VIDEO, readable=6.0 * (MOST_CHUNKS + 1), duration=1e12)
    with pytest.raises(SourceError, match="too many chunks"):
        plan_chunks(video, see(video), 6, "shots")
