"""Models of each family from their folders, and folders that hold no such model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtake.actions import ActionRecogniser, open_recogniser
from longtake.errors import EngineFailed, EngineRefused, LongtakeError, ModelError, UsageError
from longtake.settings import Settings

pytestmark = pytest.mark.transformers

KINDS = ("videomae", "timesformer", "vivit", "vjepa2", "videoprism")


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for a tiny model of each family."""
    from tests.tiny_video_classifiers import build_classifier

    folder = tmp_path_factory.mktemp("classifiers")
    return {kind: build_classifier(kind, folder / f"tiny-{kind}") for kind in KINDS}


def open_folder(folder: Path, **settings: Any) -> ActionRecogniser:
    return open_recogniser(Settings(actions=str(folder), **settings))


def make_clips(recogniser: ActionRecogniser, count: int, size: tuple[int, int]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shape = (recogniser.sampling.frames, *size, 3)
    return [random.integers(0, 256, shape, np.uint8) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_model_of_each_family_names_its_labels(classifiers: dict[str, Path], kind: str) -> None:
    from tests.tiny_video_classifiers import FRAMES, LABELS

    with open_folder(classifiers[kind]) as recogniser:
        assert recogniser.name == f"transformers:tiny-{kind}"
        assert recogniser.sampling.frames == FRAMES[kind]
        clips = make_clips(recogniser, 3, (40, 60))
        found = recogniser.classify(clips)
        assert len(found) == 3 and recogniser.classify([]) == []
        for labels in found:
            assert {label for label, _ in labels} == set(LABELS)
            scores = [score for _, score in labels]
            assert scores == sorted(scores, reverse=True)
            assert sum(scores) == pytest.approx(1) and 0 <= scores[-1] < scores[0] <= 1
        alone = [recogniser.classify([clip])[0] for clip in clips]
        recogniser.batch = 3
        together = recogniser.classify(clips)
        for one, other in zip(alone, together, strict=True):
            assert dict(one) == pytest.approx(dict(other), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_pictures_changes_what_is_said(classifiers: dict[str, Path], kind: str) -> None:
    with open_folder(classifiers[kind]) as recogniser:
        [clip] = make_clips(recogniser, 1, (32, 32))
        [one], [other] = recogniser.classify([clip]), recogniser.classify([clip[::-1]])
        assert dict(one) != pytest.approx(dict(other), abs=1e-6)


def test_pictures_of_any_size_are_taken(classifiers: dict[str, Path]) -> None:
    with open_folder(classifiers["timesformer"]) as recogniser:
        for size in ((1, 1), (7, 300), (2160, 3840)):
            clip = np.zeros((recogniser.sampling.frames, *size, 3), np.uint8)
            assert len(recogniser.classify([clip])[0]) == 3


def test_values_are_those_of_the_library_s_own_processors(tmp_path: Path) -> None:
    from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil
    from transformers.models.vivit.image_processing_vivit import VivitImageProcessor

    from longtake.actions.prepare import read_preparation, read_processor
    from longtake.engines.transformers.hub import find_folder
    from longtake.engines.transformers.model import load_config
    from tests.tiny_video_classifiers import build_classifier

    clip = np.random.default_rng(1).integers(0, 256, (2, 90, 161, 3), np.uint8)
    size = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}
    for kind, own in (
        ("videomae", VideoMAEImageProcessorPil(**size, image_mean=[0.4, 0.5, 0.6])),
        ("videomae", VideoMAEImageProcessorPil(**size, resample=3, do_normalize=False)),
        ("vivit", VivitImageProcessor(**size)),
        ("vivit", VivitImageProcessor(**size, offset=False, rescale_factor=1 / 255)),
    ):
        folder = find_folder(str(build_classifier(kind, tmp_path / kind)))
        own.save_pretrained(folder.path)
        made = read_preparation(folder, load_config(folder), read_processor(folder)).apply(clip)
        wanted = np.stack(own([list(clip)], return_tensors="np")["pixel_values"])[0]
        assert made.shape == wanted.shape and np.abs(made - wanted).max() < 0.02


def test_several_labels_of_a_clip_have_scores_of_their_own(tmp_path: Path) -> None:
    from tests.tiny_video_classifiers import build_classifier

    several = {"problem_type": "multi_label_classification"}
    with open_folder(build_classifier("videomae", tmp_path / "several", **several)) as recogniser:
        [labels] = recogniser.classify(make_clips(recogniser, 1, (32, 32)))
        assert sum(score for _, score in labels) != pytest.approx(1, abs=1e-3)
        assert all(0 <= score <= 1 for _, score in labels)


def test_only_the_likeliest_of_many_labels_are_told(tmp_path: Path) -> None:
    from tests.tiny_video_classifiers import build_classifier

    labels = tuple(f"does {n}" for n in range(400))
    with open_folder(build_classifier("videomae", tmp_path / "many", labels=labels)) as recogniser:
        assert len(recogniser.classify(make_clips(recogniser, 1, (32, 32)))[0]) == 5


def test_rate_of_the_model_s_own_files_comes_first(tmp_path: Path) -> None:
    from tests.tiny_video_classifiers import build_classifier

    folder = build_classifier("videomae", tmp_path / "rated", processor={"fps": 8})
    with open_folder(folder) as recogniser:
        assert recogniser.sampling.seconds == 2.0 and recogniser.options["seconds"] == 2.0


def test_other_weights_have_other_options(classifiers: dict[str, Path], tmp_path: Path) -> None:
    from tests.tiny_video_classifiers import build_classifier

    other = build_classifier("videomae", tmp_path / "other", layer_norm_eps=1e-3)
    with open_folder(classifiers["videomae"]) as one, open_folder(other) as two:
        assert one.options != two.options
    with open_folder(classifiers["videomae"]) as again:
        assert again.options == one.options and again.name == one.name


def test_bits_of_the_describer_are_not_those_of_the_recogniser(
    classifiers: dict[str, Path],
) -> None:
    with open_folder(classifiers["videomae"], quantize="4bit") as recogniser:
        assert recogniser.classify(make_clips(recogniser, 1, (32, 32)))


def test_clip_of_too_few_pictures_is_an_error_of_ours(classifiers: dict[str, Path]) -> None:
    with open_folder(classifiers["videomae"]) as recogniser:
        [clip] = make_clips(recogniser, 1, (32, 32))
        with pytest.raises(EngineFailed, match="can't name actions"):
            recogniser.classify([clip[:6]])
        assert len(recogniser.classify([clip])) == 1


def lose(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def set_config(**facts: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | facts))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose("config.json"), "holds no model"),
        (lose("model.safetensors"), "holds no weights"),
        (write("model.safetensors", "x" * 99), "can't be read"),
        (write("config.json", "{"), "is no model that transformers"),
        (write("config.json", "[]"), "is no model that transformers"),
        (set_config(model_type="llama"), "names no actions in video"),
        (set_config(model_type="none-such"), "none-such"),
        (set_config(id2label={"0": "LABEL_0", "1": "LABEL_1"}), "has no labels"),
        (set_config(id2label=None), "has no labels"),
        (set_config(id2label="x"), "is no model that transformers"),
        (set_config(num_frames=0), "have 0 pictures"),
        (set_config(num_frames=10**9), "have 1000000000 pictures"),
        (set_config(image_size="large"), ""),
        (write("preprocessor_config.json", "{"), "says of its pictures"),
        (write("preprocessor_config.json", '{"size": 0}'), "says of its pictures"),
    ],
)
def test_folder_that_is_no_whole_model_shows_when_it_is_opened(
    classifiers: dict[str, Path], tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = shutil.copytree(classifiers["videomae"], tmp_path / "broken")
    change(folder)
    with pytest.raises((ModelError, UsageError)) as caught:
        open_folder(folder)
    assert said in caught.value.message and "broken" in caught.value.message
    assert caught.value.hint and "SmolVLM" not in caught.value.hint


def test_weights_of_another_shape_are_refused_each_time(
    classifiers: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(classifiers["videomae"], tmp_path / "other")
    set_config(hidden_size=64)(folder)
    with open_folder(folder) as recogniser:
        for _ in range(2):
            with pytest.raises(EngineRefused, match="can't be loaded"):
                recogniser.classify(make_clips(recogniser, 1, (32, 32)))


def test_scores_that_are_no_numbers_are_refused(
    classifiers: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(classifiers["videomae"], tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = weights["classifier.bias"] * float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with (
        open_folder(folder) as recogniser,
        pytest.raises(EngineRefused, match="no numbers"),
    ):
        recogniser.classify(make_clips(recogniser, 1, (32, 32)))


@pytest.mark.parametrize("name", ["", "no such", "/no/such/folder", "a/b/c"])
def test_what_is_neither_folder_nor_name_is_bad_usage(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_recogniser(Settings(actions=name))
    assert "vjepa2" in caught.value.hint


def test_text_model_is_refused(tmp_path: Path) -> None:
    from tests.tiny_transformers import build_model

    with pytest.raises(UsageError, match="'llama', which names no actions"):
        open_folder(build_model("llama", tmp_path / "llama"))


def test_model_of_the_hub_that_is_not_here_is_told_without_a_network() -> None:
    with pytest.raises(LongtakeError, match="org/tiny is not in the hub's cache"):
        open_recogniser(Settings(actions="transformers:org/tiny"))
