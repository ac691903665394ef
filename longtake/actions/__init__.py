"""What is done in a video: a temporal model sees clips of each chunk, and names it.

The models are those that `transformers` knows for video classification: V-JEPA 2, VideoMAE,
TimeSformer, ViViT and VideoPrism, each with labels of its own.
"""

from longtake.actions.recognise import list_times, plan_clips, recognise_chunk
from longtake.actions.recogniser import ActionRecogniser, Sampling
from longtake.settings import Settings

__all__ = [
    "ActionRecogniser",
    "Sampling",
    "list_times",
    "open_recogniser",
    "plan_clips",
    "recognise_chunk",
]


def open_recogniser(settings: Settings) -> ActionRecogniser:
    """The model that `settings.actions` names: a folder, or a model of the hub.

    UsageError where it can't name actions here; its weights are loaded when it is first asked.
    """
    from longtake.actions.classifier import open_classifier

    return open_classifier(settings.actions, settings)
