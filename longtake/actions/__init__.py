"""Temporal models that name what is done in a clip: opened by name, asked chunk by chunk."""

from longtake.actions.recogniser import ActionRecogniser, Sampling
from longtake.errors import UsageError
from longtake.settings import Settings

__all__ = ["ActionRecogniser", "Sampling", "open_recogniser"]


def open_recogniser(settings: Settings) -> ActionRecogniser:
    """The recogniser that `actions` names; UsageError where there is none."""
    raise UsageError(
        f"there is no model of actions {settings.actions!r}", "Leave it out: --actions off."
    )
