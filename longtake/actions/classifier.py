"""Models for video classification in Hugging Face's form, by `transformers` and PyTorch."""

import importlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from longtake.actions.prepare import Preparation, read_preparation, read_processor, read_side
from longtake.actions.recogniser import MOST_LABELS, ActionRecogniser, Sampling
from longtake.actions.sampling import count_frames, read_sampling
from longtake.engines.transformers.hub import EXAMPLES as DESCRIBERS
from longtake.engines.transformers.hub import Folder, check_name, find_folder
from longtake.engines.transformers.library import call_library, import_libraries
from longtake.engines.transformers.model import (
    Placement,
    choose_placement,
    empty_caches,
    load_config,
    load_weights,
    pick_device,
)
from longtake.errors import EngineRefused, LongtakeError, OutOfMemory, UsageError
from longtake.settings import Settings
from longtake.text.untrusted import one_line

LOG = logging.getLogger("longtake")

PREFIX = "transformers:"
EXAMPLES = (
    "Name a model of the hub that classifies video, such as facebook/vjepa2-vitl-fpc16-256-ssv2 or"
    " google/vivit-b-16x2-kinetics400, or a folder that holds one."
)
NO_LABEL = re.compile(r"(LABEL_)?\d*")
"""What stands for a label where nobody named it."""
SMALLER = "Take a smaller model, or --device cpu."
LONGEST_LABEL, MOST_FRAMES = 120, 512
BATCH, BATCH_ON_CPU = 8, 1


class VideoClassifier(ActionRecogniser):
    """One model; loaded when it is first asked."""

    def __init__(
        self,
        folder: Folder,
        config: Any,
        placement: Placement,
        preparation: Preparation,
        sampling: Sampling,
    ) -> None:
        super().__init__(
            name=PREFIX + folder.name,
            sampling=sampling,
            batch=BATCH_ON_CPU if placement.device == "cpu" else BATCH,
            options={
                "weights": folder.fingerprint,
                "dtype": placement.dtype,
                "frames": sampling.frames,
                "seconds": sampling.seconds,
            },
        )
        self._folder, self._placement = folder, placement
        self._preparation = preparation
        self._labels = read_labels(folder, config.id2label)
        self._several = config.problem_type == "multi_label_classification"
        self._model: Any = None
        self._failure: tuple[str, str] | None = None

    def classify(self, clips: Sequence[np.ndarray]) -> list[list[tuple[str, float]]]:
        """As many clips at once as memory is found to suffice for."""
        self._load()
        scores, self.batch = score_in_batches(self._score, clips, self.batch)
        return [self._rank(row) for row in scores]

    def close(self) -> None:
        """Free the weights and the device's caches."""
        if self._model is not None:
            self._model = None
            empty_caches(self._placement)

    def _load(self) -> None:
        """Load the weights once; after a failure each call raises the same error again."""
        if self._failure:
            raise EngineRefused(*self._failure)
        if self._model is not None:
            return
        import transformers

        loader = transformers.AutoModelForVideoClassification
        try:
            self._model = load_weights(self._folder, loader, self._placement, SMALLER)
        except EngineRefused as error:
            self._failure = (error.message, error.hint)
            raise

    def _score(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        try:
            return call_library(self._folder.name, "name actions", lambda: self._ask(clips))
        except OutOfMemory as error:
            empty_caches(self._placement)
            raise OutOfMemory(error.message, SMALLER) from None

    def _ask(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Of each clip the scores of all labels: (clips, labels)."""
        import torch

        prepared = np.stack([self._preparation.apply(clip) for clip in clips])
        pixels = torch.from_numpy(prepared).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            logits = self._model(**{self._model.main_input_name: pixels}).logits.float()
            logits = logits.view(len(clips), -1)  # VideoPrism's are (clips, 1, labels)
            scores = logits.sigmoid() if self._several else logits.softmax(-1)
        if not scores.isfinite().all():
            raise EngineRefused(
                f"{self._folder.name} gives scores that are no numbers",
                "Its weights may be broken: fetch them again, or use another model.",
            )
        return np.asarray(scores.cpu().numpy())

    def _rank(self, scores: np.ndarray) -> list[tuple[str, float]]:
        best = np.argsort(-scores, kind="stable")[:MOST_LABELS]
        return [(self._labels[place], float(scores[place])) for place in best]


def score_in_batches(
    score: Callable[[Sequence[np.ndarray]], np.ndarray], clips: Sequence[np.ndarray], batch: int
) -> tuple[list[np.ndarray], int]:
    """The scores of each clip, and how many clips at once memory sufficed for in the end.

    Where it doesn't, the batch is halved; OutOfMemory where it doesn't for a single clip.
    """
    found: list[np.ndarray] = []
    while len(found) < len(clips):
        some = clips[len(found) : len(found) + batch]
        try:
            found += list(score(some))
        except OutOfMemory as error:
            if len(some) == 1:
                raise
            batch = len(some) // 2
            LOG.warning("%s Stepping down to %d clips at once.", error.message, batch)
    return found, batch


def open_classifier(model: str, settings: Settings) -> VideoClassifier:
    """A model of the hub (fetched where its cache lacks it), or of a folder; loaded when asked."""
    model = model.removeprefix(PREFIX)
    try:
        check_name(model)
        import_libraries(model)
        folder = find_folder(model)
    except LongtakeError as error:
        if error.hint != DESCRIBERS:
            raise
        raise type(error)(error.message, EXAMPLES) from None
    device = pick_device(replace(settings, quantize="none"))
    config = read_video_config(folder)
    processor = read_processor(folder)
    preparation = read_preparation(folder, config, processor)
    edge = preparation.edge or max(preparation.size or preparation.crop or (read_side(config),))
    placement = call_library(
        folder.name, "be placed", lambda: choose_placement(folder, device, "none")
    )
    sampling = read_sampling(config, processor, edge)
    return VideoClassifier(folder, config, placement, preparation, sampling)


def read_video_config(folder: Folder) -> Any:
    """The configuration of a model for video classification; UsageError for any other."""
    config = load_config(folder)
    auto = importlib.import_module("transformers.models.auto.modeling_auto")
    if config.model_type not in auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES:
        raise UsageError(
            f"{folder.name} is of the kind {config.model_type!r}, which names no actions in video",
            EXAMPLES,
        )
    if not 1 <= (frames := count_frames(config)) <= MOST_FRAMES:
        raise UsageError(
            f"{folder.name} says that its clips have {frames} pictures",
            "Its files may be broken: fetch the model again.",
        )
    return config


def read_labels(folder: Folder, labels: Mapping[Any, Any]) -> list[str]:
    """The model's labels in order; UsageError where it has none that say anything."""
    found = [one_line(str(labels[place]))[:LONGEST_LABEL] for place in sorted(labels)]
    if all(NO_LABEL.fullmatch(label) for label in found):
        raise UsageError(
            f"{folder.name} has no labels that name actions"
            f" ({', '.join(found[:2]) or 'none'}): it was not trained to tell them",
            EXAMPLES,
        )
    return found
