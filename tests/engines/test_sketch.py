"""The built-in describer on pictures whose truth is known: what it measures, and what it tags."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.describe.replies import read_description
from longtake.engines.sketch import FRAMES_PER_CHUNK, SketchEngine, open_sketch
from longtake.engines.sketch.changes import StillRun, compare_frames
from longtake.engines.sketch.objects import KEPT, LABELS, CachedDetector, Detection
from longtake.engines.sketch.tags import (
    COMMON,
    COMMON_SCORE,
    LARGE,
    LARGE_SCORE,
    MOST_TAGS,
    SEEN_SCORE,
    Sighting,
    make_tags,
)
from longtake.errors import EngineFailed, EngineRefused
from longtake.inference.engine import Request
from longtake.records import Frame, Tag
from longtake.settings import Settings
from tests.videos import read_jpeg

WIDTH, HEIGHT = 640, 360


def make_texture(seed: int = 1, width: int = 1600, height: int = 900) -> np.ndarray:
    """Soft blotches without a pattern."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


TEXTURE = make_texture()


def cut_out(x: int, y: int) -> np.ndarray:
    """What a camera sees of the texture at this place."""
    return TEXTURE[y : y + HEIGHT, x : x + WIDTH]


def fill(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def as_frames(images: Sequence[np.ndarray], quality: int = 90) -> tuple[Frame, ...]:
    frames = []
    for number, image in enumerate(images):
        data = io.BytesIO()
        Image.fromarray(image).save(data, "JPEG", quality=quality)
        frames.append(Frame(number / 2, data.getvalue(), image.shape[1], image.shape[0]))
    return tuple(frames)


@pytest.fixture(scope="module")
def sketch() -> SketchEngine:
    return open_sketch("", Settings())


def describe(sketch: SketchEngine, images: Sequence[np.ndarray], cuts: int | None = None) -> str:
    """Its text, which any engine's must be fit to be."""
    reply = sketch.answer(Request("s", as_frames(images), cuts=cuts))
    read_description(reply)
    return reply.text


# Movement


def test_still_picture_stands_still(sketch: SketchEngine) -> None:
    assert describe(sketch, [cut_out(100, 100)] * 6) == "Measured: the picture stands still."


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_noise_of_coding_is_no_movement(quality: int) -> None:
    image = cut_out(100, 100)
    coded = [read_jpeg(frame.jpeg) for frame in as_frames([image], quality)]
    look = compare_frames([image, *coded, image])
    assert look.pictures == (StillRun(0, 3),)


@pytest.mark.parametrize(("cuts", "said"), [(1, "one cut"), (2, "two cuts"), (12, "12 cuts")])
def test_cuts_of_the_request_are_counted_and_are_no_movement(
    sketch: SketchEngine, cuts: int, said: str
) -> None:
    shots = [make_texture(seed, WIDTH, HEIGHT) for seed in range(10, 11 + cuts)]
    images = [shot for shot in shots for _ in range(3)]
    assert describe(sketch, images, cuts) == f"Measured: {said}, little movement."
    assert describe(sketch, images).startswith("Measured: ")
    assert "cut" not in describe(sketch, images)


def test_picture_that_is_the_same_after_a_cut_does_not_stand_still(sketch: SketchEngine) -> None:
    said = describe(sketch, [cut_out(100, 100)] * 4, 1)
    assert said == "Measured: one cut, little movement."


def test_turn_of_the_camera_is_much_movement(sketch: SketchEngine) -> None:
    said = describe(sketch, [cut_out(100 + 60 * k, 200) for k in range(6)])
    assert said == "Measured: much movement."


def test_small_thing_that_moves_is_movement(sketch: SketchEngine) -> None:
    images = []
    for k in range(6):
        image = fill((250, 250, 250)).copy()
        image[150:190, 100 + 60 * k : 140 + 60 * k] = (10, 10, 10)
        images.append(image)
    assert describe(sketch, images) == "Measured: little movement."


def test_one_frame_says_nothing_of_movement(sketch: SketchEngine) -> None:
    assert describe(sketch, [cut_out(100, 100)]) == "Measured: one picture."


# Light


def test_fade_is_said_with_its_direction(sketch: SketchEngine) -> None:
    light = [cut_out(100, 100) * (k / 7) for k in range(8)]
    images = [image.astype(np.uint8) for image in light]
    assert compare_frames(images).fade == "in" and compare_frames(images[::-1]).fade == "out"
    assert describe(sketch, images) == "Measured: fades in from black."
    assert describe(sketch, images[::-1]) == "Measured: fades to black."


def test_cut_to_black_and_back_is_no_fade() -> None:
    light, black = cut_out(100, 100), fill((0, 0, 0))
    assert compare_frames([light, light, black, black, light, light]).fade == ""


def test_dark_picture_is_dark(sketch: SketchEngine) -> None:
    night = (cut_out(100, 100) // 8).astype(np.uint8)
    assert describe(sketch, [night] * 3) == "Measured: dark, the picture stands still."
    assert not compare_frames([cut_out(100, 100)] * 3).dark


@pytest.mark.parametrize(("shade", "name"), [(0, "black"), (128, "plain"), (255, "plain")])
def test_picture_of_one_colour_is_plain(sketch: SketchEngine, shade: int, name: str) -> None:
    for frames in (1, 4):
        images = [fill((shade, shade, shade))] * frames
        assert describe(sketch, images) == f"Measured: a {name} picture."


def test_plain_pictures_are_not_searched_for_objects(sketch: SketchEngine) -> None:
    flicker = as_frames([np.full((90, 160, 3), 255 * (n % 2), np.uint8) for n in range(8)])
    reply = sketch.answer(Request("s", flicker))
    assert reply.text == "Measured: plain pictures that change." and reply.tags == ()


# Tags


def see(*things: str, frames: int = 1, score: float = LARGE_SCORE) -> Sighting:
    box = (0.1, 0.1, 0.5, 0.5)
    return Sighting(frames, [Detection(thing, score, box) for thing in things])


def test_tag_has_the_share_of_the_frames_that_show_it() -> None:
    assert make_tags([see("cat", frames=3), see(), see("cat")]) == (Tag("cat", 0.8),)
    unseen = see("person", score=SEEN_SCORE - 0.01)
    assert make_tags([see("person", frames=2), unseen]) == (Tag("person", 0.667),)


def test_common_thing_must_be_sure_once_and_in_two_frames() -> None:
    weak = see("car", score=SEEN_SCORE)
    sure = see("car", score=COMMON_SCORE)
    assert make_tags([weak, weak, weak]) == ()
    assert make_tags([sure, see(), see(), see()]) == ()
    assert make_tags([weak, sure, see(), see(), see()]) == (Tag("car", 0.4),)


def test_other_thing_must_be_surer_and_in_half_of_the_frames() -> None:
    weak = see("dog", score=LARGE_SCORE - 0.01)
    assert make_tags([weak, weak]) == ()
    assert make_tags([see("dog"), weak, see(), see(), see()]) == ()
    assert make_tags([see("dog"), weak, see(), see()]) == (Tag("dog", 0.5),)


@pytest.mark.parametrize("label", sorted(set(LABELS) - set(COMMON) - set(LARGE)))
def test_small_thing_is_never_told(label: str) -> None:
    assert make_tags([see(label, frames=12, score=1.0)]) == ()


def test_several_of_a_thing_are_one_tag() -> None:
    assert make_tags([see("car", "car")] * 2) == (Tag("car", 1.0),)


def test_commonest_tags_come_first_and_not_too_many() -> None:
    seen = [see("dog", "person"), see("dog", "person"), see("dog")]
    assert make_tags(seen) == (Tag("dog", 1.0), Tag("person", 0.667))
    assert len(make_tags([see(*LARGE)] * 2)) == MOST_TAGS


def test_one_picture_is_told_by_its_scores() -> None:
    assert make_tags([see("cat", frames=9)]) == (Tag("cat", 1.0),)
    assert make_tags([see("cat")]) == (Tag("cat", 1.0),)


def test_picture_that_comes_back_is_not_searched_again() -> None:
    searched: list[np.ndarray] = []

    def detect(image: np.ndarray) -> list[Detection]:
        searched.append(image)
        return [Detection(LABELS[len(searched)], 0.9, (0.0, 0.0, 1.0, 1.0))]

    memory = CachedDetector(detect)
    slides = [make_texture(seed, WIDTH, HEIGHT) for seed in (1, 2)]
    coded = [read_jpeg(frame.jpeg) for frame in as_frames(slides)]
    found = [memory.detect(image)[0].label for image in (*slides, *coded, *slides)]
    assert found == [LABELS[1], LABELS[2]] * 3 and len(searched) == 2
    for seed in range(3, 3 + KEPT):
        memory.detect(make_texture(seed, WIDTH, HEIGHT))
    assert len(searched) == 2 + KEPT
    memory.detect(slides[0])
    assert len(searched) == 3 + KEPT


def test_nothing_seen_is_no_tag() -> None:
    assert make_tags([]) == make_tags([see(), see()]) == ()


# Odd frames, and the promise as a whole


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (7, 3)])
def test_tiny_frames_have_an_answer(sketch: SketchEngine, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    assert describe(sketch, [image] * 3) == "Measured: a plain picture."


def test_frames_of_different_sizes_are_compared_all_the_same(sketch: SketchEngine) -> None:
    image = cut_out(100, 100)
    small = np.asarray(Image.fromarray(image).resize((320, 180)))
    upright = np.ascontiguousarray(make_texture(5, WIDTH, HEIGHT).swapaxes(0, 1))
    assert "stands still" in describe(sketch, [image, small, image])
    assert describe(sketch, [image, small, upright, np.zeros((1, 1, 3), np.uint8)])


def test_same_frames_have_the_same_answer_from_many_threads(sketch: SketchEngine) -> None:
    requests = [
        Request(
            "s",
            as_frames([cut_out(30 * k, 50 * n) for k in range(2)]),
            cuts=n,
        )
        for n in range(4)
    ] * 2
    alone = [sketch.answer(request).text for request in requests]
    with ThreadPoolExecutor(4) as pool:
        at_once = [reply.text for reply in pool.map(sketch.answer, requests)]
    assert at_once == alone and len(set(alone)) == 4


def test_comparing_does_not_touch_the_frames() -> None:
    images = [cut_out(20 * k, 0).copy() for k in range(3)]
    before = [image.copy() for image in images]
    compare_frames(images)
    assert all((a == b).all() for a, b in zip(images, before, strict=True))


def test_what_is_asked_is_of_no_matter(sketch: SketchEngine) -> None:
    frames = as_frames([cut_out(0, 0)] * 2)
    plain = sketch.answer(Request("s", frames)).text
    told = Request("Obey the text.", ("Say that a dog sings.", *frames), 1, (("Q", "A"),), 2)
    assert sketch.answer(told).text == plain


def test_request_without_frames_is_refused(sketch: SketchEngine) -> None:
    with pytest.raises(EngineRefused, match="only looks at frames"):
        sketch.answer(Request("s", ("text",)))


@pytest.mark.parametrize("data", [b"", b"no picture", as_frames([cut_out(0, 0)])[0].jpeg[:500]])
def test_frame_that_is_no_jpeg_is_named(sketch: SketchEngine, data: bytes) -> None:
    with pytest.raises(EngineFailed, match="no JPEG"):
        sketch.answer(Request("s", (Frame(0.0, data, 4, 4),)))


def test_engine_says_that_it_is_no_model(sketch: SketchEngine) -> None:
    assert "no vision-language model" in sketch.why
    assert sketch.capabilities.frames_per_chunk == FRAMES_PER_CHUNK
    assert set(sketch.options) == {"version", "weights"}


def test_fade_to_black_is_no_movement(sketch: SketchEngine) -> None:
    ramp = np.tile(np.linspace(60, 250, 160, dtype=np.float32)[None, :, None], (90, 1, 3))
    frames = [(ramp * max(0.0, 1 - n / 8)).astype(np.uint8) for n in range(10)]
    assert describe(sketch, frames) == "Measured: fades to black."


def test_onnx_runtime_reports_to_nobody(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from longtake.engines.sketch import SketchEngine\n"
        "SketchEngine()._detector.detect(np.zeros((64, 64, 3), np.uint8))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
