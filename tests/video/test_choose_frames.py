"""Few frames that miss nothing, and nothing asked twice."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longtake.describe.budget import plan_frames
from longtake.errors import EngineFailed
from longtake.inference.engine import Reply, Request
from longtake.inference.frame_tokens import frame_tokens
from longtake.pipeline.summarize import run
from longtake.records import Chunk, Result, Scan, Shot
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.choose_frames import (
    AFTER_CUT,
    Slot,
    choose_frame,
    group_repeats,
    is_still,
    plan_slots,
    plan_still,
)
from longtake.video.frame_similarity import make_look
from longtake.video.frames import _encode, open_frames, shrink_frame
from longtake.video.probe import probe
from longtake.video.same_chunks import ChunkLook, Repeats, make_coarse
from tests.captions import survey
from tests.scripted import Said, ScriptedEngine, finish, say_time
from tests.videos import Draw, make_video

STEP = 0.5


def see(seconds: float, cuts: tuple[float, ...] = (), frozen: tuple[Span, ...] = ()) -> Scan:
    """A scan of these findings; motion is 0.2."""
    edges = [0.0, *cuts, seconds]
    motion = [0.2] * (int(seconds / STEP) + 1)
    shots = tuple(Shot(Span(a, b), "cut") for a, b in pairwise(edges))
    return Scan(shots, STEP, tuple(motion), (), frozen=frozen)


def times_of(chunk: Chunk, scan: Scan, most: int = 6, spacing: float = 3.0) -> list[float]:
    return [slot.times[0] for slot in plan_slots(chunk, scan, most, spacing)]


def test_first_and_last_frame_lie_at_the_edges_and_others_evenly_between() -> None:
    assert times_of(Chunk(1, Span(6, 12)), see(20)) == [6.1, 9, 11.9]
    assert times_of(Chunk(1, Span(6, 12)), see(20), most=2) == [6.1, 11.9]
    assert times_of(Chunk(1, Span(6, 12)), see(20), spacing=1.5) == [6.1, 7.55, 9, 10.45, 11.9]


def test_frame_that_is_all_lies_in_the_middle_or_after_the_cut_of_the_longest_shot() -> None:
    assert times_of(Chunk(1, Span(6, 12)), see(20), most=1) == [9]
    assert times_of(Chunk(1, Span(6, 12)), see(20, (6.0, 12.0)), most=1) == [9]
    assert times_of(Chunk(1, Span(0, 6), cuts=(2.0,)), see(6, (2.0,)), most=1) == [2 + AFTER_CUT]


def test_a_frame_lies_just_after_each_cut() -> None:
    times = times_of(Chunk(1, Span(0, 6), cuts=(2.0, 4.5)), see(6, (2.0, 4.5)))
    assert times == [AFTER_CUT, 2 + AFTER_CUT, 4.5 + AFTER_CUT, 6 - AFTER_CUT]


def test_frames_at_edges_that_are_cuts_keep_well_away_from_them() -> None:
    times = times_of(Chunk(2, Span(6, 12)), see(20, (6.0, 12.0)))
    assert times == [6 + AFTER_CUT, 9, 12 - AFTER_CUT]


def test_a_chunk_that_seems_to_stand_still_is_looked_at_more_than_once() -> None:
    frozen = (Span(0, 30),)
    assert times_of(Chunk(2, Span(6, 12)), see(30, frozen=frozen)) == [6.1, 9, 11.9]


def test_no_two_frames_are_much_farther_apart_than_wanted() -> None:
    times = times_of(Chunk(1, Span(0, 20), cuts=(19.0,)), see(20, (19.0,)), most=30)
    assert max(b - a for a, b in pairwise([0, *times, 20])) <= 3


@given(
    start=st.floats(0, 1000).map(lambda s: round(s, 3)),
    length=st.floats(0.001, 60).map(lambda s: round(s, 3)),
    shares=st.lists(st.floats(0.01, 0.99), max_size=12),
    most=st.integers(1, 24),
    spacing=st.floats(0.1, 10),
)
def test_slots_keep_their_order_their_chunk_and_their_budget(
    start: float,
    length: float,
    shares: list[float],
    most: int,
    spacing: float,
) -> None:
    span = Span(start, round(start + length, 3))
    cuts = tuple(sorted({round(start + s * length, 3) for s in shares} - {span.start, span.end}))
    slots = plan_slots(Chunk(1, span, cuts=cuts), see(span.end, cuts), most, spacing)
    assert 1 <= len(slots) <= most
    times = [time for slot in slots for time in slot.times]
    assert times == sorted(times)
    assert span.start <= times[0] and times[-1] <= span.end


def eased(chunk: Chunk, scan: Scan, keys: list[float]) -> list[float]:
    return [slot.times[0] for slot in plan_slots(chunk, scan, 6, 3.0, keys)]


EVERY_TWO = [float(time) for time in range(0, 40, 2)]


def test_frames_lie_at_key_frames_nearby_and_those_at_an_edge_stay_near_it() -> None:
    assert eased(Chunk(2, Span(6, 12)), see(20), EVERY_TWO) == [6.1, 8, 11.9]
    assert eased(Chunk(2, Span(7, 13)), see(20), [0.0, 7.4, 9.0, 12.6]) == [7.4, 9, 12.6]


def test_last_frame_of_a_group_has_fewer_others_to_choose_from() -> None:
    slots = plan_slots(Chunk(2, Span(6, 12)), see(20), 6, 3.0, [0.0, 6.0, 9.3])
    assert [slot.times for slot in slots] == [(6.1, 6.3), (9.3, 9.5, 9.7), (11.9,)]


def test_no_frame_moves_where_nothing_is_saved() -> None:
    chunk, scan = Chunk(2, Span(6, 12)), see(20)
    usual = times_of(chunk, scan)
    for keys in ([], [0.0], [0.0, 30.0], [n / 25 for n in range(500)], [0.0, 6.0, 8.9, 11.8]):
        assert eased(chunk, scan, keys) == usual


def test_frames_at_cuts_stay_where_they_are() -> None:
    times = eased(Chunk(1, Span(0, 6), cuts=(2.0,)), see(6, (2.0,)), [0.0, 1.9, 2.6])
    assert 2.0 + AFTER_CUT in times


def test_no_frame_passes_a_movement_on_its_way_to_a_key_frame() -> None:
    chunk = Chunk(1, Span(6, 12))
    still = replace(see(20), motion=(0.0,) * 41)
    assert eased(chunk, still, [0.0, 8.0, 20.0]) == [6.1, 9, 11.9]  # the last needs that group
    assert eased(chunk, still, [0.0, 8.0, 11.6, 20.0]) == [6.1, 8, 11.6]
    changed = replace(still, motion=tuple(0.1 * (n == 17) for n in range(41)))  # at 8.5 to 9
    assert eased(chunk, changed, [0.0, 8.0, 11.6, 20.0]) == [6.1, 9, 11.6]


@given(
    start=st.floats(0, 1000).map(lambda s: round(s, 3)),
    length=st.floats(0.5, 60).map(lambda s: round(s, 3)),
    shares=st.lists(st.floats(0.01, 0.99), max_size=6),
    keys=st.lists(st.floats(-0.2, 1.2), max_size=20),
    most=st.integers(1, 24),
    spacing=st.floats(0.5, 10),
)
def test_preferring_key_frames_keeps_number_order_and_shots(
    start: float,
    length: float,
    shares: list[float],
    keys: list[float],
    most: int,
    spacing: float,
) -> None:
    span = Span(start, round(start + length, 3))
    cuts = tuple(sorted({round(start + s * length, 3) for s in shares} - {span.start, span.end}))
    chunk, scan = Chunk(1, span, cuts=cuts), see(span.end, cuts)
    places = sorted(max(0.0, start + key * length) for key in keys)
    usual = [slot.times[0] for slot in plan_slots(chunk, scan, most, spacing)]
    times = [slot.times[0] for slot in plan_slots(chunk, scan, most, spacing, places)]
    assert len(times) == len(usual) and times == sorted(times)
    for time, before in zip(times, usual, strict=True):
        assert span.start <= time <= span.end
        assert abs(time - before) <= spacing / 2 + 0.001
        assert [cut <= time for cut in cuts] == [cut <= before for cut in cuts]


NOISE = np.random.default_rng(1).integers(0, 255, (90, 160, 3)).astype(np.uint8)
BLACK = np.zeros((90, 160, 3), np.uint8)


def test_a_black_picture_gives_way_to_a_better_neighbour() -> None:
    assert choose_frame([make_look(BLACK), make_look(NOISE)], [0.0, 50.0]) == 1
    assert choose_frame([make_look(BLACK), make_look(BLACK)], [0.0, 0.0]) == 0


def test_a_blurred_picture_gives_way_to_a_sharp_neighbour() -> None:
    look = make_look(NOISE)
    assert choose_frame([look, look, look], [10.0, 12.0, 90.0]) == 2
    assert choose_frame([look, look], [60.0, 90.0]) == 0


def test_pictures_like_the_one_before_are_of_its_group_and_one_is_always_kept() -> None:
    one, other = make_look(NOISE), make_look(NOISE[::-1])
    assert group_repeats([one, one, other, other, one]) == [[0, 1], [2, 3], [4]]
    assert group_repeats([make_look(BLACK)] * 3) == [[0, 1, 2]]
    assert group_repeats([make_look(BLACK), one]) == [[1]]


def test_an_empty_picture_before_something_comes_is_kept() -> None:
    empty, something = make_look(np.full_like(BLACK, 235)), make_look(NOISE)
    assert group_repeats([empty, empty, something, empty]) == [[0, 1], [2], [3]]
    assert choose_frame([empty, something], [0.0, 0.0]) == 0


@pytest.mark.parametrize(
    ("model", "side", "tokens"),
    [
        ("server:Qwen/Qwen2.5-VL-7B-Instruct", 560, 400),
        ("Qwen3-VL-4B", 512, 256),
        ("SmolVLM2-500M-Video-Instruct", 512, 64),
        ("google/gemma-3-4b-it", 896, 256),
        ("Qwen3-VL-4B", 64, 64),
        ("unheard-of", 512, 1369),
        ("unheard-of", 64, 576),
    ],
)
def test_a_frame_costs_what_the_model_card_says(model: str, side: int, tokens: int) -> None:
    assert frame_tokens(model, side, side) == tokens


def fail_at_first(request: Request) -> Reply | EngineFailed:
    """No description of the first chunk."""
    return EngineFailed("boom") if request.frames[0].time < 6 else say_time(request)


def make_engine(say: Callable[[Request], Said] = say_time, **able: object) -> ScriptedEngine:
    """Chooses its frames, unless it measures movement as `sketch` does."""
    return ScriptedEngine(
        say, frame_tokens=lambda *size: 100, **({"frame_side": 160, "repeats": False} | able)
    )


def test_asking_for_more_frames_gives_more() -> None:
    slots = plan_frames(Settings(frames=12), make_engine(), Chunk(1, Span(0, 6)), see(6), 12)
    assert len(slots) == 12


@pytest.mark.parametrize(
    ("frozen", "keys", "times"),
    [
        (Span(0, 60), [0, 10, 20, 30], [10, 20]),
        (Span(0, 60), [0, 12, 18], [12, 18]),
        (Span(0, 60), [13, 14], [12, 17.999]),
        (Span(11, 19), [0, 10, 20, 30], [12, 17.999]),
        (Span(11, 19), [0, 11, 18.5, 19], [11, 18.5]),
        (Span(0, 60), [], [12, 17.999]),
    ],
)
def test_key_frames_before_and_after_a_still_chunk_prove_it(
    frozen: Span, keys: list[float], times: list[float]
) -> None:
    slots = plan_still(Chunk(3, Span(12, 18)), see(60, frozen=(frozen,)), keys)
    assert [slot.times[0] for slot in slots] == times


@pytest.mark.parametrize(
    ("frozen", "still"),
    [
        ((Span(0, 60),), True),
        ((Span(12, 18),), True),
        ((Span(0, 17.9),), False),
        ((Span(0, 9), Span(10, 20), Span(30, 40)), True),
        ((Span(0, 12), Span(12.1, 20)), False),
        ((), False),
    ],
)
def test_chunk_stands_still_that_lies_in_one_frozen_stretch(
    frozen: tuple[Span, ...], still: bool
) -> None:
    assert is_still(Chunk(3, Span(12, 18)), see(60, frozen=frozen)) is still


def test_chunk_of_which_the_scan_is_wrong_has_all_its_frames(tmp_path: Path, store: Store) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=12)
    assert survey(path)[
        2
    ].frozen  # packets as small as these may hold another picture, where it is small
    engine = make_engine(repeats=True, frames_per_chunk=12)
    finish(path, store, engine)
    assert [len(request.frames) for request in engine.asked] == [12, 12]


def test_still_video_is_read_at_its_key_frames_alone(tmp_path: Path, store: Store) -> None:
    path = make_video(
        tmp_path / "a.mp4",
        seconds=60,
        draw=draw_pages(1),
        options={"g": "100"},
    )
    engine = make_engine(repeats=True, frames_per_chunk=12)
    result = finish(path, store, engine)
    assert statuses(result) == [("described", 0), *[("reused", 1)] * 9]
    assert [len(request.frames) for request in engine.asked] == [2]
    _, index = probe(path, "")
    with open_frames(path, index) as reader:
        spans = [Span(6.0 * k, 6.0 * k + 6) for k in range(3)]
        found = [reader.read(s, [Slot((0.0,)), Slot((10.0,))], 64) for s in spans]
    # What is kept of the last ones is no other picture, and is due where the chunk begins.
    assert [[p.time for p in pictures] for pictures in found] == [[0, 10], [6, 10], [12, 12]]
    assert len({id(p.pixels) for pictures in found for p in pictures}) == 2


def test_frame_that_is_made_smaller_knows_when_it_is_shown_again() -> None:
    frame = _encode(Image.fromarray(NOISE), 1.0, 5.0)
    assert (shrink_frame(frame, 64).width, shrink_frame(frame, 64).again) == (64, 5.0)


def draw_pages(*seeds: int, pictures: int = 120) -> Draw:
    """Pages of noise, each for so many pictures; 0 is a page whose noise changes all the time."""

    def draw(number: int, width: int, height: int) -> np.ndarray:
        seed = seeds[min(number // pictures, len(seeds) - 1)]
        random = np.random.default_rng(seed or 1000 + number)
        coarse = random.integers(0, 255, (6, 8, 3)).astype(np.uint8)
        return np.kron(coarse, np.ones((height // 6, width // 8, 1), np.uint8))

    return draw


def describe(path: Path, store: Store, engine: ScriptedEngine) -> Result:
    """A run whose chunks follow the shots."""
    return finish(path, store, engine, chunking="shots")


def statuses(result: Result) -> list[tuple[str, int]]:
    return [(d.status, d.same_as) for d in result.descriptions]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages of 12 s, then the first again."""
    folder = tmp_path_factory.mktemp("pages")
    return make_video(folder / "a.mp4", seconds=36, size=(160, 96), draw=draw_pages(1, 2, 1))


AS_PAGES = [("described", 0), ("reused", 1), ("described", 0), ("reused", 3)] + [("reused", 1)] * 2


def test_a_page_that_stands_or_comes_back_is_asked_about_once(pages: Path, store: Store) -> None:
    engine = make_engine()
    result = describe(pages, store, engine)
    assert statuses(result) == AS_PAGES
    assert len(engine.asked) == 2
    assert [[(f.time, f.again) for f in request.frames] for request in engine.asked] == [
        [(0.2, 5.9)], [(12.2, 17.9)],
    ]  # fmt: skip
    texts = [d.text for d in result.descriptions]
    assert texts[0] == texts[1] == texts[4] == texts[5] != texts[2] == texts[3]
    assert result.ledger.described == 2 and result.ledger.reused == 4
    assert result.ledger.reuses == ((2, 1), (4, 3), (5, 1), (6, 1))


def test_a_second_run_asks_nothing_and_tells_the_same(pages: Path, store: Store) -> None:
    first = describe(pages, store, make_engine())
    again = make_engine()
    second = describe(pages, store, again)
    assert not again.asked
    assert statuses(second) == statuses(first)
    assert [d.text for d in second.descriptions] == [d.text for d in first.descriptions]


@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_a_killed_run_goes_on_and_comes_to_the_same(pages: Path, store: Store, kept: int) -> None:
    settings = Settings(out=str(pages.parent / "out"), read_text="off")
    steps = run(pages, settings, store, make_engine(), None)
    for _ in range(kept):
        next(step for step in steps if step.description)
    steps.close()  # type: ignore[attr-defined]
    engine = make_engine()
    result = describe(pages, store, engine)
    assert statuses(result) == AS_PAGES
    assert len(engine.asked) <= 1


def test_where_the_first_of_its_look_fails_the_others_are_asked_about(
    pages: Path, store: Store
) -> None:
    engine = make_engine(fail_at_first)
    result = describe(pages, store, engine)
    assert statuses(result) == [
        ("failed", 0), ("described", 0), ("described", 0), ("reused", 3), ("described", 0),
        ("described", 0),
    ]  # fmt: skip
    # Mended, the first is asked about again; what the others were told stands.
    mended = make_engine()
    assert statuses(describe(pages, store, mended))[:2] == [("described", 0), ("described", 0)]
    assert len(mended.asked) == 1


def test_a_moving_picture_is_never_taken_for_another_chunk(tmp_path: Path, store: Store) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=24, size=(160, 96), draw=draw_pages(0))
    engine = make_engine()
    result = finish(path, store, engine)
    assert {d.status for d in result.descriptions} == {"described"}
    assert len(engine.asked) == 4


def test_a_small_change_on_a_page_is_asked_about(tmp_path: Path, store: Store) -> None:
    page = draw_pages(1)

    def draw(number: int, width: int, height: int) -> np.ndarray:
        pixels = page(0, width, height).copy()
        if number >= 60:
            pixels[40:52, 60:100] = 255 - pixels[40:52, 60:100]
        return pixels

    path = make_video(tmp_path / "a.mp4", seconds=12, size=(640, 384), draw=draw)
    result = finish(path, store, make_engine())
    assert statuses(result) == [("described", 0), ("described", 0)]


def look(number: int, **values: object) -> ChunkLook:
    known = ChunkLook(number, 6.0, False, 0.5, make_coarse([make_look(NOISE)]))
    return replace(known, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, 1),
        ({"seconds": 5.0}, None),
        ({"motion": 0.9}, None),
        ({"still": True}, None),
        ({"coarse": make_coarse([make_look(NOISE)] * 2)}, None),
        ({"coarse": make_coarse([make_look(BLACK)])}, None),
    ],
)
def test_in_doubt_a_chunk_is_no_repeat(change: dict[str, object], found: int | None) -> None:
    repeats = Repeats(lambda number: [make_look(NOISE)])
    repeats.add(look(1))
    assert repeats.find(look(2, **change), [make_look(NOISE)]) == found


def test_frames_are_compared_whole_before_a_chunk_counts_as_a_repeat() -> None:
    almost = NOISE.copy()
    almost[40:46, 60:70] ^= 127
    repeats = Repeats(lambda number: [make_look(NOISE)])
    repeats.add(look(1))
    assert look(2, coarse=make_coarse([make_look(almost)])).may_equal(look(1))
    assert repeats.find(look(2), [make_look(almost)]) is None


def test_look_is_the_mean_of_red_green_and_blue_to_the_last_bit() -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    look = make_look(image)
    assert look.dtype == np.float32 and look.shape == (90, 160)
    assert np.array_equal(look, image.astype(np.float32).mean(axis=2))
