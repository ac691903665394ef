"""An error that shows a setting's value: where that stands, and which name may have been meant.

What raises it knows the value alone. One from the command line is before the user's eyes; one from
the environment or the settings file is not.
"""

import re
from collections.abc import Collection
from pathlib import Path

from longtake.cli.names import NAMES, find_near
from longtake.errors import (
    EngineError,
    LongtakeError,
    ModelError,
    OutputError,
    SourceError,
    UsageError,
)
from longtake.settings import IN_CALL, Placed, name_flag

ERRORS: dict[str, tuple[type[LongtakeError], ...]] = {
    "out": (OutputError,),
    "subtitles": (SourceError, UsageError),
    "base_url": (EngineError, UsageError),
    "reconciler_base_url": (EngineError, UsageError),
    "ollama_url": (EngineError, UsageError),
    **dict.fromkeys(
        ("engine", "reconciler", "judge", "embedder", "speech", "actions", "cookies", "device"),
        (ModelError, UsageError),
    ),
}
"""Settings whose value is looked at only when it is used, and what can come of that."""
ALWAYS_RIGHT = ("", "auto", "off", "digest", "words")


def explain(error: LongtakeError, placed: Collection[Placed]) -> None:
    """Have the error say where the value stands that it is about, and which was meant perhaps."""
    blamed = [found for found in placed if _is_about(error, found)]
    near = next((near for found in blamed if (near := _find_meant(found, error.message))), "")
    if near and "Did you mean" not in error.hint:
        error.hint = f"Did you mean {near}? {error.hint}"
    if blamed and all(found.rank != IN_CALL for found in blamed):
        places = " or ".join(found.place for found in blamed)
        error.message = f"{places}: {error.message}"


def _is_about(error: LongtakeError, found: Placed) -> bool:
    """Whether the error shows the setting's value or names its flag, and says not where from."""
    if not isinstance(error, ERRORS.get(found.name, ())) or found.place in error.message:
        return False
    flag = rf"{name_flag(found.name)}(?![\w-])"
    return bool(re.search(flag, error.message)) or _is_shown(found, error.message)


def _is_shown(found: Placed, message: str) -> bool:
    """Whether the message has the value, or the engine or the model of it, as a word."""
    value = str(found.value).strip()
    if value in ALWAYS_RIGHT:
        return False
    kind, _, model = value.partition(":")
    parts = {value, *value.split(","), kind, model, str(Path(value).expanduser())} - {""}
    end = r"(?![\w-]|\.\w)" if found.name == "out" else r"(?![\w/-]|\.\w)"
    return any(re.search(rf"(?<![\w./-]){re.escape(part)}{end}", message) for part in parts)


def _find_meant(found: Placed, message: str) -> str:
    """The known name that is nearest to one that nobody knows."""
    names, value = NAMES.get(found.name, list)(), str(found.value).strip()
    unknown = value not in names and re.search(r"there is no (?!file)", message)
    return find_near(value, names) if unknown else ""
