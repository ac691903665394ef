"""What a model's files say of its pictures, and what becomes of a picture by that."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from longtake.actions.classifier import read_labels, score_in_batches
from longtake.actions.prepare import Preparation, crop_middle, read_preparation, read_processor
from longtake.actions.sampling import read_sampling
from longtake.engines.transformers.hub import Folder
from longtake.errors import OutOfMemory, UsageError

GREY = np.full((2, 90, 160, 3), 51, np.uint8)


def config(kind: str, side: int = 224, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(model_type=kind, image_size=side, num_labels=400, **more)


def folder(path: Path) -> Folder:
    return Folder("model", path, "", 0)


def prepare(kind: str, processor: dict[str, Any], side: int = 224) -> Preparation:
    return read_preparation(folder(Path()), config(kind, side), processor)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("videomae", (51 / 255 - 0.5) / 0.5),
        ("timesformer", (51 / 255 - 0.485) / 0.229),
        ("vivit", (51 / 127.5 - 1 - 0.5) / 0.5),
        ("vjepa2", (51 / 255 - 0.485) / 0.229),
        ("videoprism_vision_model", 51 / 255),
    ],
)
def test_values_are_those_that_the_family_learned_from(kind: str, value: float) -> None:
    made = prepare(kind, {}).apply(GREY)
    assert made.shape == (2, 3, 224, 224) and made.dtype == np.float32
    assert made[:, 0] == pytest.approx(value, abs=1e-4)


def test_files_of_the_model_say_otherwise() -> None:
    facts = {
        "size": {"height": 20, "width": 30},
        "do_center_crop": False,
        "rescale_factor": 0.01,
        "do_normalize": False,
    }
    made = prepare("videomae", facts).apply(GREY)
    assert made.shape == (2, 3, 20, 30) and made == pytest.approx(0.51)


def test_middle_of_a_picture_is_shown_in_its_own_proportions() -> None:
    picture = np.zeros((1, 100, 200, 3), np.uint8)
    picture[:, :, 50:150] = 255
    facts = {"size": 50, "crop_size": 50, "do_normalize": False}
    made = prepare("timesformer", facts).apply(picture)
    assert made.shape == (1, 3, 50, 50) and made.mean() > 0.97


def test_v_jepa_2_sees_a_margin_less_than_its_picture_whatever_its_file_says() -> None:
    read = prepare("vjepa2", {"size": {"shortest_edge": 999}, "crop_size": 256})
    assert read.edge == 292 and read.crop == (256, 256)


def test_picture_smaller_than_what_is_cut_out_has_black_around_it() -> None:
    made = crop_middle(GREY[:, :3, :4], 6, 4)
    assert made.shape == (2, 6, 4, 3) and made[0, :, 0, 0].tolist() == [0, 0, 51, 51, 51, 0]


@pytest.mark.parametrize("size", [(1, 1), (4000, 3000), (3, 2000)])
def test_pictures_of_any_size_become_the_model_s(size: tuple[int, int]) -> None:
    made = prepare("videomae", {}).apply(np.zeros((1, *size, 3), np.uint8))
    assert made.shape == (1, 3, 224, 224)


@pytest.mark.parametrize(
    "facts",
    [
        {"size": {}},
        {"size": {"shortest_edge": -4}},
        {"size": {"shortest_edge": 10**9}},
        {"size": "large"},
        {"size": None},
        {"crop_size": {"height": 3}},
        {"image_mean": [0.5]},
        {"image_std": "x"},
        {"resample": "bicubic"},
        {"rescale_factor": None},
    ],
)
def test_facts_that_make_no_sense_are_said_to_be_so(facts: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="what model says of its pictures") as caught:
        prepare("videomae", facts)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_file_that_can_t_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(UsageError, match=r"preprocessor_config\.json"):
        read_processor(folder(tmp_path))


def test_facts_are_found_in_each_of_the_files_that_may_hold_them(tmp_path: Path) -> None:
    assert read_processor(folder(tmp_path)) == {}
    for name, facts in (
        ("preprocessor_config.json", {"fps": 1}),
        ("processor_config.json", {"video_processor": {"fps": 2}}),
        ("video_preprocessor_config.json", {"fps": 3}),
    ):
        (tmp_path / name).write_text(json.dumps(facts))
        assert read_processor(folder(tmp_path))["fps"] == facts.get("fps", 2)


@pytest.mark.parametrize(
    ("kind", "facts", "processor", "frames", "seconds"),
    [
        ("videomae", {"num_frames": 16}, {}, 16, 2.1333),
        ("videomae", {"num_frames": 16, "labels": 174}, {}, 16, 4.0),
        ("timesformer", {"num_frames": 8}, {}, 8, 8.5333),
        ("vivit", {"num_frames": 32}, {}, 32, 2.56),
        ("vjepa2", {"frames_per_clip": 16, "labels": 174}, {}, 16, 5.3333),
        ("vjepa2", {"frames_per_clip": 64, "labels": 174}, {}, 64, 10.6667),
        ("videoprism_vision_model", {"num_frames": 16}, {}, 16, 4.0),
        ("videomae", {"num_frames": 12}, {"fps": 6}, 12, 2.0),
        ("videomae", {"num_frames": 16}, {"fps": 0}, 16, 2.1333),
    ],
)
def test_clip_spans_what_the_model_was_trained_with(
    kind: str, facts: dict[str, int], processor: dict[str, Any], frames: int, seconds: float
) -> None:
    known = config(kind)
    known.num_labels = facts.pop("labels", 400)
    known.__dict__.update(facts)
    sampling = read_sampling(known, processor, 224)
    assert (sampling.frames, sampling.seconds, sampling.side) == (frames, seconds, 398)


def test_labels_are_the_model_s_own_in_order_and_harmless() -> None:
    labels = {1: "pours\nwater", 0: "opens a door\x1b[31m", 2: "x" * 999}
    found = read_labels(folder(Path()), labels)
    assert found[1] == "pours water" and "\x1b" not in found[0] and len(found[2]) < 200


@pytest.mark.parametrize("labels", [{}, {0: "LABEL_0", 1: "LABEL_1"}, {0: "0"}, {0: ""}])
def test_model_without_labels_is_refused(labels: dict[int, str]) -> None:
    with pytest.raises(UsageError, match="has no labels") as caught:
        read_labels(folder(Path()), labels)
    assert "vjepa2" in caught.value.hint


@pytest.mark.parametrize(("most", "asked", "left"), [(8, [5], 8), (3, [5, 2, 2, 1], 2)])
def test_batch_that_memory_does_not_suffice_for_is_halved(
    most: int, asked: list[int], left: int
) -> None:
    sizes: list[int] = []

    def score(clips: Sequence[np.ndarray]) -> np.ndarray:
        sizes.append(len(clips))
        if len(clips) > most:
            raise OutOfMemory("model has not the memory for this.")
        return np.stack([clip.mean(keepdims=True) for clip in clips])

    scores, batch = score_in_batches(score, [np.array([n]) for n in range(5)], 8)
    assert [float(row[0]) for row in scores] == [0, 1, 2, 3, 4]
    assert sizes == asked and batch == left


def test_memory_that_does_not_suffice_for_one_clip_is_an_error() -> None:
    def score(clips: Sequence[np.ndarray]) -> np.ndarray:
        raise OutOfMemory("no")

    with pytest.raises(OutOfMemory):
        score_in_batches(score, [GREY, GREY, GREY], 2)
