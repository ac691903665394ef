"""What the model is shown."""

from pathlib import Path

import pytest

from longtake.errors import (
    EngineRefused,
)
from longtake.inference.engine import Engine, Request
from longtake.records import Frame
from tests.engines.transformers.asked import COLOURS, ask_of, make_frame

pytestmark = pytest.mark.transformers


@pytest.mark.parametrize("kind", ["smolvlm", "gemma3"])
def test_frames_reach_the_model_whole_in_order_and_in_their_colours(
    models: dict[str, Path], kind: str
) -> None:
    from longtake.engines.transformers.chat import open_chat
    from longtake.engines.transformers.hub import find_folder

    chat = open_chat(find_folder(str(models[kind])), True)
    sizes = ((96, 64), (640, 360), (64, 200))
    requests = [
        Request("s", ("one", make_frame(0), "two", make_frame(1, sizes[1])), 4),
        Request("s", (make_frame(2, sizes[2]), "three", make_frame(3)), 4),
    ]
    inputs = chat.encode([chat.render(request) for request in requests])
    seen = inputs["pixel_values"].reshape(-1, 3, 64, 64)
    assert len(seen) == 4
    for turn, values in enumerate(seen):
        shown = ((values * 0.5 + 0.5) * 255).round().clamp(0, 255)
        fields = [shown[:, top + 16, left + 16] for top in (0, 32) for left in (0, 32)]
        expected = COLOURS[turn:] + COLOURS[:turn]
        for field, colour in zip(fields, expected, strict=True):
            assert field.tolist() == pytest.approx(colour, abs=6)
        # Whole: the outermost pixels are there, and nothing was put around them.
        for corner, colour in zip(
            (shown[:, 0, 0], shown[:, 0, 63], shown[:, 63, 0], shown[:, 63, 63]),
            expected,
            strict=True,
        ):
            assert corner.tolist() == pytest.approx(colour, abs=12)


def test_frames_of_qwen_keep_their_shape_and_order(models: dict[str, Path]) -> None:
    from longtake.engines.transformers.chat import open_chat
    from longtake.engines.transformers.hub import find_folder

    chat = open_chat(find_folder(str(models["qwen2_5_vl"])), True)
    prompt = chat.render(ask_of((0, 1)))
    inputs = chat.encode([prompt])
    grids = inputs["image_grid_thw"].tolist()
    assert len(grids) == 2 and all(width > height for _, height, width in grids)
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    first = 0
    for turn, (_, height, width) in enumerate(grids):
        patches = inputs["pixel_values"][first : first + height * width]
        first += height * width
        # The first patch is of the upper left field: channels, two equal moments, 14 by 14.
        patch = patches[0].reshape(3, 2, 14, 14)[:, 0].mean((1, 2)).tolist()
        colour = [(v * d + m) * 255 for v, d, m in zip(patch, deviation, mean, strict=True)]
        assert colour == pytest.approx(COLOURS[turn], abs=6)


def test_broken_frame_is_refused_and_named(smol: Engine) -> None:
    for jpeg in (b"", b"no picture", make_frame().jpeg[:300]):
        with pytest.raises(EngineRefused, match=r"the frame at 7 s is no picture"):
            smol.answer(Request("s", ("a", Frame(7.0, jpeg, 64, 48)), 4))
