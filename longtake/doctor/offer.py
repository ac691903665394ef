"""The vision-language model that would describe better than what is here, offered before a run.

Fetches nothing: who asks the user does.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from longtake.doctor.estimate import estimate
from longtake.engines import AUTO, needed_bytes, suggest_vlm
from longtake.machine import free_disk, read_memory
from longtake.models.fetch import is_reachable
from longtake.models.table import Model, find_vlms_here
from longtake.settings import Settings, home_folder, make_home
from longtake.store import Store


@dataclass(frozen=True)
class Offer:
    """A model to fetch, and how many seconds a run would take with it; None: not known."""

    model: Model
    seconds: float | None

    @property
    def what(self) -> str:
        """Its name, size and licence."""
        return f"{self.model.name} ({self.model.bytes / 1e9:.1f} GB, {self.model.licence})"


def find_offer(duration: float, settings: Settings, store: Store) -> Offer | None:
    """What would describe a video of so many seconds better; None where nothing is to be offered.

    That is: a describer is named or here, the user said never, memory or disk don't suffice, or the
    hub does not answer within seconds.
    """
    if settings.engine != AUTO or find_vlms_here() or _never_file().exists():
        return None
    model = suggest_vlm()
    free = read_memory().free
    if (free and needed_bytes(model) > free) or free_disk(home_folder()) < model.bytes:
        return None
    if not is_reachable(model):
        return None
    reckoned = estimate(duration, replace(settings, engine=f"gguf:{model.name}"), store)
    return Offer(model, reckoned.seconds)


def never_offer() -> None:
    """Remember that the user wants no offers."""
    make_home()
    _never_file().touch()


def _never_file() -> Path:
    return home_folder() / "no-offers"
