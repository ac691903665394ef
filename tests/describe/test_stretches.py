"""Where a video is divided: at strong changes of scene, into about equal stretches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.describe.stretches import plan_stretches
from longtake.records import Chunk, Join, Scan, Shot
from longtake.timecode import Span


def make_chunks(count: int) -> list[Chunk]:
    return [Chunk(n, Span(6 * n - 6, 6 * n)) for n in range(1, count + 1)]


def make_scan(count: int, joins: dict[int, Join] | None = None) -> Scan:
    """A scan of so many chunks; `joins` says how some of them begin."""
    places = {1: "start", **(joins or {})}
    starts = sorted(places)
    ends = [*(6 * n - 6 for n in starts[1:]), 6 * count]
    shots = tuple(
        Shot(Span(6 * n - 6, end), places[n])  # type: ignore[arg-type]
        for n, end in zip(starts, ends, strict=True)
    )
    return Scan(shots, 1.0, (0.0,) * 6 * count, (0.5,) * 6 * count)


def starts(count: int, wanted: int, scan: Scan) -> list[int]:
    return [part[0].number for part in plan_stretches(make_chunks(count), scan, wanted)]


def test_short_video_is_one_stretch() -> None:
    assert starts(20, 0, make_scan(20)) == [1]


def test_long_video_has_a_stretch_for_about_twenty_chunks_but_not_many() -> None:
    assert len(starts(60, 0, make_scan(60))) == 3
    assert len(starts(5000, 0, make_scan(5000))) == 8


def test_stretch_begins_at_the_strongest_change_nearby() -> None:
    joins: dict[int, Join] = {9: "cut", 12: "cut", 13: "fade"}
    assert starts(20, 2, make_scan(20, joins)) == [1, 13]
    assert starts(20, 2, make_scan(20, {10: "cut"})) == [1, 10]
    assert starts(20, 2, make_scan(20, {2: "fade"})) == [1, 11]


@pytest.mark.parametrize(("wanted", "count"), [(1, 5), (5, 5), (9, 5), (3, 1)])
def test_no_more_stretches_than_chunks(wanted: int, count: int) -> None:
    assert len(starts(count, wanted, make_scan(count))) == min(wanted, count)


@given(st.integers(1, 80), st.integers(0, 90), st.sets(st.integers(2, 80)))
def test_every_chunk_is_in_one_stretch_in_order(count: int, wanted: int, cuts: set[int]) -> None:
    scan = make_scan(count, dict.fromkeys((n for n in cuts if n <= count), "cut"))
    parts = plan_stretches(make_chunks(count), scan, wanted)
    assert [chunk.number for part in parts for chunk in part] == [*range(1, count + 1)]
    assert all(parts)
