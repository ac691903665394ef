"""What a request costs, and how much less of a chunk fits: arithmetic with known answers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.describe.frame_limits import SMALLEST_SIDE, View, fit_view, steps_down
from longtake.models.memory_need import Shape, cache_bytes
from longtake.video.frames import scale


def test_cache_holds_a_key_and_a_value_for_each_layer_and_head() -> None:
    # Qwen2.5-VL-3B: 36 layers, 2 heads of 128: 36 KiB a token in half precision.
    shape = Shape(layers=36, kv_heads=2, head_size=128, context_tokens=128_000)
    assert cache_bytes(shape, 1) == 36 * 1024
    assert cache_bytes(shape, 8192) == 288 << 20
    assert cache_bytes(shape, 8192, value_bytes=1) == 144 << 20


@pytest.mark.parametrize(
    ("size", "side", "scaled"),
    [
        ((1920, 1080), 512, (512, 288)),
        ((1080, 1920), 512, (288, 512)),
        ((320, 240), 512, (320, 240)),
        ((4000, 1), 100, (100, 1)),
    ],
)
def test_longest_side_is_brought_down_and_never_up(
    size: tuple[int, int], side: int, scaled: tuple[int, int]
) -> None:
    assert scale(*size, side) == scaled


@given(st.integers(1, 64), st.integers(64, 2048))
def test_each_step_shows_less_down_to_a_single_small_frame(frames: int, side: int) -> None:
    views = list(steps_down(View(frames, side)))
    assert views[0] == View(frames, side)
    assert views[-1].frames == 1 and views[-1].side <= max(SMALLEST_SIDE, side)
    for view, less in pairwise(views):
        assert less != view and less.frames <= view.frames and less.side <= view.side
    assert all(view.side >= min(side, SMALLEST_SIDE) for view in views)


@given(st.integers(1, 12), st.integers(128, 1024), st.integers(0, 20_000))
def test_view_that_is_found_fits_and_the_one_before_it_does_not(
    frames: int, side: int, room: int
) -> None:
    def cost(side: int) -> int:
        return (side // 28) ** 2

    def taken(view: View) -> int:
        return view.frames * (cost(view.side) + 16)

    found = fit_view(View(frames, side), room, cost)
    views = list(steps_down(View(frames, side)))
    if found is None:
        assert all(taken(view) > room for view in views)
    else:
        assert taken(found) <= room
        assert all(taken(view) > room for view in views[: views.index(found)])
