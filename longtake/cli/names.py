"""The names that a setting may have, in the order in which they are offered to a shell or a reader.

What a machine has of its own (a server's models, a folder) is not among them.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

ENOUGH = 0.6
"""How alike two names must be, of 1, for one to be meant by the other."""


def find_near(name: str, known: Sequence[str]) -> str:
    """The known name that may have been meant; empty where none is near."""
    return next(iter(get_close_matches(name.casefold(), known, 1, ENOUGH)), "")


def list_models() -> list[str]:
    """All that `longtake models pull` fetches."""
    from longtake.models.table import ALL_MODELS

    return list(ALL_MODELS)


def _list_describers() -> list[str]:
    from longtake.engines import AUTO, ENGINES
    from longtake.models.table import VLMS

    return [AUTO, *ENGINES, *(f"gguf:{model.name}" for model in VLMS)]


def _list_readers(*others: str) -> list[str]:
    """Engines that read text, after what else may stand there."""
    from longtake.engines import ENGINES, WORDLESS
    from longtake.models.table import MODELS

    able = [name for name in ENGINES if name not in WORDLESS]
    return [*others, *able, *(f"gguf:{name}" for name in MODELS)]


def _list_speech() -> list[str]:
    from longtake.models.table import WHISPER_NAMES

    return ["auto", "off", *WHISPER_NAMES]


NAMES: Mapping[str, Callable[[], list[str]]] = {
    "engine": _list_describers,
    "reconciler": lambda: _list_readers("auto", "digest"),
    "judge": lambda: _list_readers("auto", "off"),
    "embedder": lambda: ["auto", "words", "minilm"],
    "speech": _list_speech,
    "actions": lambda: ["off"],
    "subtitles": lambda: ["auto", "off"],
}
"""Settings whose value is a name, and what it can be."""
