"""How far apart the pictures of a clip are: what each family of models was trained with."""

from collections.abc import Mapping
from typing import Any

from longtake.actions.recogniser import Sampling

KINETICS_RATE, SSV2_RATE = 30, 12
"""Pictures a second of the films that most models were trained on; Something-Something V2's."""
INTERVALS = {
    ("videomae", 16): 4 / KINETICS_RATE,  # FINETUNE.md of VideoMAE: --sampling_rate 4
    ("timesformer", 8): 32 / KINETICS_RATE,  # names in TimeSformer's model zoo: 8x32, 16x16, 96x4
    ("timesformer", 16): 16 / KINETICS_RATE,
    ("timesformer", 96): 4 / KINETICS_RATE,
    ("vivit", 32): 2 / 25,  # scenic, vivit_base_k400.py: stride 2, films of 250 pictures in 10 s
    ("vjepa2", 16): 4 / SSV2_RATE,  # V-JEPA 2, configs/inference/vitl/ssv2.yaml: frame_step 4
    ("vjepa2", 32): 2 / KINETICS_RATE,  # …/diving48.yaml: frame_step 2
    ("vjepa2", 64): 2 / SSV2_RATE,  # …/vitg-384/ssv2.yaml: frame_step 2
}
"""Seconds between two pictures, by the model's type and the pictures of a clip."""
WHOLE_SECONDS = 4.0
"""What a clip spans where nothing is known: models that were trained on whole films, their pictures
spread evenly, saw Something-Something's, which are some four seconds long."""
SPREAD, SSV2_LABELS = ("videomae", "timesformer"), 174
"""Families that were trained so on that data set, which its number of labels tells."""
WIDEST_SHAPE = 16 / 9
"""Up to this shape a picture's shortest side is as long as the model wants it."""


def count_frames(config: Any) -> int:
    """The pictures of a clip."""
    return int(getattr(config, "frames_per_clip", 0) or getattr(config, "num_frames", 0))


def read_sampling(config: Any, processor: Mapping[str, Any], edge: int) -> Sampling:
    """From the model's configuration and its processor's; `edge`: the shortest side it wants.

    Where the processor names pictures a second (`fps`), that is what the model was trained with.
    """
    frames = count_frames(config)
    rate = processor.get("fps")
    if isinstance(rate, int | float) and rate > 0:
        interval = 1 / rate
    elif config.model_type in SPREAD and config.num_labels == SSV2_LABELS:
        interval = WHOLE_SECONDS / frames
    else:
        interval = INTERVALS.get((config.model_type, frames), WHOLE_SECONDS / frames)
    return Sampling(frames, round(frames * interval, 4), round(edge * WIDEST_SHAPE))
