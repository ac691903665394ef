"""Tiny models for video classification with random weights, in the families' own architectures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

SIDE, PATCH = 32, 16
LABELS = ("opens a door", "closes a door", "pours water")
WIDTH, SPREAD = 32, 0.5

FRAMES = {"videomae": 16, "timesformer": 8, "vivit": 32, "vjepa2": 16, "videoprism": 16}
"""As many as the families' published models take."""
_EYE = {
    "hidden_size": WIDTH,
    "num_attention_heads": 2,
    "initializer_range": SPREAD,
}
_DEEP = {**_EYE, "num_hidden_layers": 2, "intermediate_size": 2 * WIDTH, "image_size": SIDE}


def _config(kind: str, **more: Any) -> Any:
    frames = FRAMES[kind]
    if kind == "videomae":
        return transformers.VideoMAEConfig(
            **_DEEP, patch_size=PATCH, num_frames=frames, tubelet_size=2, **more
        )
    if kind == "timesformer":
        return transformers.TimesformerConfig(**_DEEP, patch_size=PATCH, num_frames=frames, **more)
    if kind == "vivit":
        return transformers.VivitConfig(
            **_DEEP, num_frames=frames, tubelet_size=(2, PATCH, PATCH), **more
        )
    if kind == "vjepa2":
        return transformers.VJEPA2Config(
            **_EYE,
            num_hidden_layers=2,
            mlp_ratio=2,
            patch_size=PATCH,
            crop_size=SIDE,
            frames_per_clip=frames,
            num_pooler_layers=1,
            pred_hidden_size=12,
            pred_num_attention_heads=1,
            pred_num_hidden_layers=1,
            **more,
        )
    return transformers.VideoPrismVisionConfig(
        **_EYE,
        intermediate_size=2 * WIDTH,
        image_size=SIDE,
        num_frames=frames,
        tubelet_size=(1, PATCH, PATCH),
        num_spatial_layers=1,
        num_temporal_layers=1,
        **more,
    )


def build_classifier(
    kind: str,
    folder: Path,
    *,
    labels: tuple[str, ...] | None = LABELS,
    processor: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """A model of that family in that folder; without `labels` it has only numbers for them."""
    torch.manual_seed(3)
    known = {"id2label": dict(enumerate(labels))} if labels else {"num_labels": 2}
    config = _config(kind, **known, **more)
    model = transformers.AutoModelForVideoClassification.from_config(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1 and not weights.any():
                weights.normal_(std=SPREAD)  # TimeSformer's sense of time begins at naught
    model.save_pretrained(folder)
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(processor)))
    return folder
