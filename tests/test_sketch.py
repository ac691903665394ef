"""The built-in describer on pictures whose truth is known: movement, light, text and things."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from longtake.engines.base import Request
from longtake.engines.sketch import FRAMES_PER_CHUNK, SketchEngine, open_sketch
from longtake.engines.sketch.changes import Look, Picture, look_at
from longtake.engines.sketch.objects import LABELS, Detection
from longtake.engines.sketch.words import (
    MOST_SPEECH_WORDS,
    MOST_TEXT_WORDS,
    MOST_THINGS,
    SURE_SCORE,
    Sighting,
    count_things,
    count_word,
    join_words,
    name_things,
    say,
)
from longtake.errors import EngineFailed, EngineRefused
from longtake.records import Frame, ScreenText, Segment, Words
from longtake.settings import Settings
from longtake.timecode import Span
from tests.videos import read_jpeg

WIDTH, HEIGHT = 640, 360
STILL = Look((Picture(0, 4),), 0, 0.0, "", "", blank=False, dark=False, colours=())


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


def write(*lines: tuple[str, int, int], ground: np.ndarray | None = None) -> np.ndarray:
    """A slide with (text, top, size) lines."""
    image = Image.fromarray(fill((245, 245, 245)) if ground is None else ground)
    draw = ImageDraw.Draw(image)
    for text, top, size in lines:
        draw.text((40, top), text, fill=(20, 20, 20), font=ImageFont.load_default(size))
    return np.asarray(image)


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


def describe(sketch: SketchEngine, images: Sequence[np.ndarray]) -> str:
    return sketch.answer(Request("s", as_frames(images))).text


# Movement


def test_still_picture_stands_still(sketch: SketchEngine) -> None:
    assert "The picture stands still." in describe(sketch, [cut_out(100, 100)] * 6)


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_noise_of_coding_is_no_movement(quality: int) -> None:
    image = cut_out(100, 100)
    coded = [read_jpeg(frame.jpeg) for frame in as_frames([image], quality)]
    look = look_at([image, *coded, image])
    assert look.pictures == (Picture(0, 3),) and look.changes == 0


@pytest.mark.parametrize(
    ("way", "x", "y"), [("right", 20, 0), ("left", -20, 0), ("down", 0, 20), ("up", 0, -20)]
)
def test_turn_of_the_camera_has_its_direction(way: str, x: int, y: int) -> None:
    look = look_at([cut_out(400 + x * k, 200 + y * k) for k in range(8)])
    assert (look.pan, look.changes, look.fade) == (way, 0, "")
    assert len(look.pictures) == 8


def test_turn_of_the_camera_is_said(sketch: SketchEngine) -> None:
    said = describe(sketch, [cut_out(100 + 20 * k, 200) for k in range(6)])
    assert "The camera turns right." in said and "view changes" not in said


def test_shake_is_no_turn() -> None:
    assert look_at([cut_out(400 + 20 * (k % 2), 200) for k in range(8)]).pan == ""


@pytest.mark.parametrize(("cuts", "said"), [(1, "once"), (2, "two times"), (3, "three times")])
def test_view_that_changes_is_counted(cuts: int, said: str) -> None:
    shots = [make_texture(seed, WIDTH, HEIGHT) for seed in range(10, 11 + cuts)]
    images = [shot for shot in shots for _ in range(3)]
    look = look_at(images)
    assert look.changes == cuts
    assert [picture.first for picture in look.pictures] == list(range(0, 3 * cuts + 3, 3))
    assert say([see()] * 2, look).startswith(f"The view changes {said}; there is")


def test_small_thing_that_moves_is_movement(sketch: SketchEngine) -> None:
    images = []
    for k in range(6):
        image = fill((250, 250, 250)).copy()
        image[150:190, 100 + 60 * k : 140 + 60 * k] = (10, 10, 10)
        images.append(image)
    said = describe(sketch, images)
    assert "There is little movement." in said and "stands still" not in said


def test_one_frame_says_nothing_of_movement(sketch: SketchEngine) -> None:
    said = describe(sketch, [cut_out(100, 100)])
    assert "still" not in said and "movement" not in said and "changes" not in said


# Light and colours


def test_fade_is_said_with_its_direction(sketch: SketchEngine) -> None:
    light = [cut_out(100, 100) * (k / 7) for k in range(8)]
    images = [image.astype(np.uint8) for image in light]
    assert look_at(images).fade == "in" and look_at(images[::-1]).fade == "out"
    assert "The picture fades in from black." in describe(sketch, images)
    assert "The picture fades to black." in describe(sketch, images[::-1])


def test_cut_to_black_and_back_is_no_fade() -> None:
    light, black = cut_out(100, 100), fill((0, 0, 0))
    assert look_at([light, light, black, black, light, light]).fade == ""


def test_dark_picture_is_dark(sketch: SketchEngine) -> None:
    night = (cut_out(100, 100) // 8).astype(np.uint8)
    assert "The picture is dark." in describe(sketch, [night] * 3)
    assert not look_at([cut_out(100, 100)] * 3).dark


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_picture_of_one_colour_is_plain(sketch: SketchEngine, shade: int) -> None:
    said = describe(sketch, [fill((shade, shade, shade))] * 4)
    assert said.startswith("The picture is plain.")
    assert ("The picture is dark." in said) == (shade == 0)
    assert "still" not in said


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((220, 20, 20), "red"),
        ((240, 130, 20), "orange"),
        ((230, 220, 30), "yellow"),
        ((30, 160, 40), "green"),
        ((30, 200, 200), "cyan"),
        ((30, 60, 220), "blue"),
        ((130, 40, 200), "purple"),
        ((230, 60, 170), "pink"),
        ((230, 20, 60), "red"),
        ((0, 0, 0), "black"),
        ((128, 128, 128), "grey"),
        ((255, 255, 255), "white"),
        ((20, 0, 0), "black"),
    ],
)
def test_colour_has_its_name(colour: tuple[int, int, int], name: str) -> None:
    assert look_at([fill(colour)]).colours == (name,)


def test_larger_colour_is_named_first_and_small_ones_are_not(sketch: SketchEngine) -> None:
    image = fill((30, 60, 220)).copy()
    image[: HEIGHT * 3 // 10] = (30, 160, 40)
    image[:40, :40] = (220, 20, 20)
    assert look_at([image]).colours == ("blue", "green")
    assert "Mostly blue and green." in describe(sketch, [image] * 2)


# Words


def make_line(text: str, top: float = 0.1, height: float = 0.05) -> ScreenText:
    return ScreenText(Span(0, 2), text, top, height)


def say_lines(*lines: ScreenText) -> str:
    return say([Sighting(4, ())], STILL, Words(text=lines))


def say_speech(*sentences: str) -> str:
    said = tuple(Segment(Span(k, k + 1), text) for k, text in enumerate(sentences))
    return say([Sighting(4, ())], STILL, Words(speech=said))


def test_larger_line_above_the_others_is_the_heading() -> None:
    said = say_lines(make_line("Opening hours", 0.1, 0.1), make_line("Monday to Friday", 0.5))
    assert said.startswith('The heading reads "Opening hours". Text reads "Monday to Friday".')


def test_lines_of_one_size_have_no_heading() -> None:
    said = say_lines(make_line("First line here"), make_line("Second line here"))
    assert said.startswith('Text reads "First line here / Second line here".')


def test_line_that_comes_twice_is_said_once() -> None:
    assert say_lines(make_line("Exit"), make_line("Exit")).count("Exit") == 1


def test_what_is_said_is_quoted_as_a_voice_s() -> None:
    said = say_speech("Stone is strong.", "Steel is stronger.")
    assert 'A voice says "Stone is strong. Steel is stronger.".' in said


def test_heading_things_voice_text_and_movement_come_in_this_order(sketch: SketchEngine) -> None:
    words = Words(
        (Segment(Span(0, 2), "It is open."),),
        (make_line("Opening hours", 0.1, 0.1), make_line("Monday", 0.5)),
    )
    said = say([see("clock")] * 3, STILL, words)
    places = [said.index(part) for part in ("heading", "clock", "voice", "Text reads", "still")]
    assert places == sorted(places)


def test_words_of_a_request_are_said(sketch: SketchEngine) -> None:
    words = Words(speech=(Segment(Span(0, 2), "Mind the gap."),))
    reply = sketch.answer(Request("s", as_frames([cut_out(0, 0)] * 2), words=words))
    assert 'A voice says "Mind the gap.".' in reply.text


@pytest.mark.parametrize("mark", '"“”«»„')
def test_quotation_marks_in_a_text_can_not_break_the_quotation(mark: str) -> None:
    for said in (
        say_lines(make_line(f"He said {mark}stop{mark}. A cat")),
        say_speech(f"He said {mark}stop{mark}. A cat"),
    ):
        assert "\"He said 'stop'. A cat\"." in said
        assert said.count('"') == 2


def test_long_words_are_cut_at_a_readable_length_inside_their_quotation() -> None:
    said = say_lines(*[make_line(f"word{n} " * 10) for n in range(20)])
    assert len(said.split('"')[1].split()) <= MOST_TEXT_WORDS + 1
    assert ' …". The picture' in said
    said = say_speech("so it goes " * 200)
    assert len(said.split('"')[1].split()) <= MOST_SPEECH_WORDS + 1
    assert ' …". The picture' in said


# Things


def see(*things: str, frames: int = 1, score: float = SURE_SCORE) -> Sighting:
    box = (0.1, 0.1, 0.5, 0.5)
    return Sighting(frames, [Detection(thing, score, box) for thing in things])


def test_thing_in_one_frame_alone_is_not_said() -> None:
    assert count_things([see("cat"), see(), see()]) == []
    assert count_things([see("cat"), see(), see("cat")]) == [("cat", 1)]


def test_unsure_thing_must_be_shown_by_three_frames() -> None:
    weak = see("cat", score=0.35)
    assert count_things([weak, weak, see()]) == []
    assert count_things([weak, weak, weak]) == [("cat", 1)]
    assert count_things([weak, see("cat"), see()]) == [("cat", 1)]


def test_weak_ones_are_not_counted() -> None:
    parts = [Detection("car", score, (0.1, 0.1, 0.5, 0.5)) for score in (0.7, 0.5, 0.35, 0.3)]
    assert count_things([Sighting(1, parts)] * 2) == [("car", 2)]


def test_number_is_the_largest_that_two_frames_show() -> None:
    sightings = [see("car"), see("car", "car", "car"), see("car", "car"), see("car", "car")]
    assert count_things(sightings) == [("car", 2)]


def test_commonest_things_come_first_and_not_too_many() -> None:
    seen = [see("dog", "cat"), see("dog", "cat"), see("dog")]
    assert count_things(seen) == [("dog", 1), ("cat", 1)]
    crowd = [see(*LABELS[:20])] * 2
    assert len(count_things(crowd)) == MOST_THINGS


def test_in_a_still_picture_the_score_must_confirm() -> None:
    assert count_things([see("cat", frames=9, score=SURE_SCORE - 0.01)]) == []
    assert count_things([see("cat", "cat", frames=9, score=SURE_SCORE)]) == [("cat", 2)]


def test_nothing_seen_is_nothing_said() -> None:
    assert count_things([]) == count_things([see(), see()]) == []
    assert say([see(), see()], STILL) == "The picture stands still."


def test_things_make_a_sentence() -> None:
    seen = [see("person", "person", "bicycle", "tv")] * 2
    assert say(seen, STILL).startswith("Two people, a bicycle and a TV. ")
    assert say([see("tv")] * 2, STILL).startswith("A TV. ")


NAMES = """
people, bicycles, cars, motorcycles, airplanes, buses, trains, trucks, boats, traffic lights,
fire hydrants, stop signs, parking meters, benches, birds, cats, dogs, horses, sheep, cows,
elephants, bears, zebras, giraffes, backpacks, umbrellas, handbags, ties, suitcases, frisbees,
pairs of skis, snowboards, sports balls, kites, baseball bats, baseball gloves, skateboards,
surfboards, tennis rackets, bottles, wine glasses, cups, forks, knives, spoons, bowls, bananas,
apples, sandwiches, oranges, pieces of broccoli, carrots, hot dogs, pizzas, donuts, cakes, chairs,
couches, potted plants, beds, dining tables, toilets, TVs, laptops, mice, remotes, keyboards,
cell phones, microwaves, ovens, toasters, sinks, refrigerators, books, clocks, vases,
pairs of scissors, teddy bears, hair driers, toothbrushes
"""


def test_each_label_has_its_plural() -> None:
    plurals = [" ".join(name.split()) for name in NAMES.split(",")]
    assert [name_things(label, 3) for label in LABELS] == [f"three {name}" for name in plurals]


def test_each_label_has_its_article() -> None:
    odd = {
        "skis": "a pair of skis",
        "scissors": "a pair of scissors",
        "broccoli": "a piece of broccoli",
        "tv": "a TV",
    }
    an = {"airplane", "elephant", "umbrella", "apple", "orange", "oven"}
    for label in LABELS:
        wanted = odd.get(label) or ("an " if label in an else "a ") + label
        assert name_things(label, 1) == wanted


def test_numbers_and_lists_are_words() -> None:
    assert [count_word(number) for number in (2, 10, 11, 80)] == ["two", "ten", "11", "80"]
    lists = [join_words(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    assert lists == ["", "a", "a and b", "a, b and c"]


# Odd frames, and the promise as a whole


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (7, 3)])
def test_tiny_frames_have_an_answer(sketch: SketchEngine, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    assert describe(sketch, [image] * 3).startswith("The picture is plain.")


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
            words=Words(text=(make_line(f"Slide number {n} of four"),)),
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
    look_at(images)
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


def test_flicker_and_plain_colours_are_told(sketch: SketchEngine) -> None:
    flicker = [np.full((90, 160, 3), 255 * (n % 2), np.uint8) for n in range(8)]
    assert describe(sketch, flicker).startswith("The picture is plain and changes seven times.")


def test_fade_to_black_changes_no_view(sketch: SketchEngine) -> None:
    ramp = np.tile(np.linspace(60, 250, 160, dtype=np.float32)[None, :, None], (90, 1, 3))
    frames = [(ramp * max(0.0, 1 - n / 8)).astype(np.uint8) for n in range(10)]
    text = describe(sketch, frames)
    assert "fades to black" in text
    assert "view changes" not in text


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
