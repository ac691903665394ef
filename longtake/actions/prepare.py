"""Pictures to numbers, as a model's own processor makes them: resized, cropped, normalised.

The processors of `transformers` for video want torchvision; what they do is told by a few facts in
the model's folder, and done here without it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longtake.engines.transformers.hub import Folder
from longtake.errors import UsageError
from longtake.text.untrusted import one_line

FILES = ("video_preprocessor_config.json", "processor_config.json", "preprocessor_config.json")
IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
EVEN = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
VJEPA2_MARGIN = 256 / 224
"""V-JEPA 2's processor makes pictures so much larger than what it crops, whatever its file says."""
LARGEST_EDGE = 4096
BILINEAR = 2


@dataclass(frozen=True)
class Preparation:
    """`size` and `crop` are (height, width); with `edge` the shortest side is brought to that.

    A value v becomes (v · scale + offset - mean) / std.
    """

    edge: int
    size: tuple[int, int] | None
    crop: tuple[int, int] | None
    resample: int
    scale: float
    offset: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, clip: np.ndarray) -> np.ndarray:
        """The clip, uint8 (frames, height, width, 3), as float32 (frames, 3, height, width)."""
        pictures = np.stack([self._resize(picture) for picture in clip])
        if self.crop:
            pictures = crop_middle(pictures, *self.crop)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        values = pictures.astype(np.float32)
        values *= self.scale
        values += self.offset
        values -= mean
        values /= std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))

    def _resize(self, picture: np.ndarray) -> np.ndarray:
        from PIL import Image

        height, width, _ = picture.shape
        wanted = self.size or (height, width)
        if self.edge:  # the longer side rounded down, as transformers does
            shortest = min(height, width)
            wanted = self.edge * height // shortest, self.edge * width // shortest
        if wanted == (height, width):
            return picture
        resample = Image.Resampling(self.resample)
        return np.asarray(Image.fromarray(picture).resize(wanted[::-1], resample))


def crop_middle(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of (frames, height, width, 3); black around where there is less."""
    lack = [max(0, height - pictures.shape[1]), max(0, width - pictures.shape[2])]
    if any(lack):
        around = [(-(-rest // 2), rest // 2) for rest in lack]
        pictures = np.pad(pictures, [(0, 0), *around, (0, 0)])
    top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
    return pictures[:, top : top + height, left : left + width]


def read_processor(folder: Folder) -> dict[str, Any]:
    """What the folder says of the model's processor; empty where it says nothing."""
    for name in FILES:
        file = folder.path / name
        if not file.is_file():
            continue
        facts = _read_json(file, folder)
        if name == "processor_config.json":
            facts = facts.get("video_processor") or facts.get("image_processor")
        if isinstance(facts, dict) and facts:
            return facts
    return {}


def _read_json(file: Path, folder: Folder) -> Any:
    try:
        facts = json.loads(file.read_bytes())
        if not isinstance(facts, dict):
            raise ValueError("it is no table")
        return facts
    except (OSError, ValueError) as error:
        raise _not_understood(folder, f"{file.name}: {error}") from None


def read_preparation(folder: Folder, config: Any, processor: Mapping[str, Any]) -> Preparation:
    """From the model's configuration and its processor's; UsageError where that makes no sense."""
    try:
        return _read_facts({**_usual_facts(config), **processor, **_fixed_facts(config, processor)})
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise _not_understood(folder, str(error)) from None


def _read_facts(facts: Mapping[str, Any]) -> Preparation:
    edge, size = _read_size(facts["size"]) if facts["do_resize"] else (0, None)
    _, crop = _read_size(facts["crop_size"], square=True) if facts["do_center_crop"] else (0, None)
    rescaled, normalised = facts["do_rescale"], facts["do_normalize"]
    return Preparation(
        edge=edge,
        size=size,
        crop=crop,
        resample=int(facts["resample"]),
        scale=float(facts["rescale_factor"]) if rescaled else 1.0,
        offset=-1.0 if rescaled and facts["offset"] else 0.0,
        mean=_read_three(facts["image_mean"]) if normalised else (0.0,) * 3,
        std=_read_three(facts["image_std"]) if normalised else (1.0,) * 3,
    )


def _read_size(facts: Any, square: bool = False) -> tuple[int, tuple[int, int] | None]:
    """The shortest edge, or 0 and height and width; a number alone is the one or the other."""
    if isinstance(facts, int):
        facts = {"height": facts, "width": facts} if square else {"shortest_edge": facts}
    edge = facts.get("shortest_edge")
    sides = [edge] if edge else [facts["height"], facts["width"]]
    if not all(isinstance(side, int) and 0 < side <= LARGEST_EDGE for side in sides):
        raise ValueError(f"a size of {facts}")
    return (sides[0], None) if edge else (0, (sides[0], sides[1]))


def _read_three(values: Any) -> tuple[float, ...]:
    three = tuple(float(value) for value in values)
    if len(three) != 3:
        raise ValueError(f"{len(three)} values for three colours")
    return three


def _usual_facts(config: Any) -> dict[str, Any]:
    """What the family's processor does where its file is silent."""
    side = read_side(config)
    kind = config.model_type
    return {
        "do_resize": True,
        "size": {"shortest_edge": 256 if kind == "vivit" else side},
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "resample": BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 127.5 if kind == "vivit" else 1 / 255,
        "offset": kind == "vivit",
        "do_normalize": True,
        **(EVEN if kind in ("videomae", "vivit") else IMAGENET),
    }


def _fixed_facts(config: Any, processor: Mapping[str, Any]) -> dict[str, Any]:
    """What the family's processor does whatever its file says."""
    side = read_side(config)
    if config.model_type == "vjepa2":
        crop = processor.get("crop_size", side)
        crop = crop["height"] if isinstance(crop, dict) and "height" in crop else crop
        return {"size": {"shortest_edge": int(crop * VJEPA2_MARGIN)}}
    if config.model_type == "videoprism_vision_model":
        square = {"height": side, "width": side}
        return {"size": square, "do_center_crop": False, "do_normalize": False}
    return {}


def read_side(config: Any) -> int:
    """Of the square that the model takes, in pixels."""
    side = getattr(config, "crop_size", None) or config.image_size
    return int(side if isinstance(side, int) else side[0])


def _not_understood(folder: Folder, why: str) -> UsageError:
    return UsageError(
        f"what {folder.name} says of its pictures can't be understood: {one_line(why)[:200]}",
        "Its files may be broken: fetch the model again.",
    )
