"""Where settings stand: lines of the settings file, variables of the environment.

Their values are not looked at here.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from longtake.errors import UsageError
from longtake.files import check_regular
from longtake.settings.table import SPECS
from longtake.settings.values import shorten

MOST_FILE_BYTES = 1 << 20
"""A settings file has a few lines; more is not read."""

IN_FILE, IN_OTHERS_VARIABLE, IN_VARIABLE, IN_CALL = range(4)
"""Where a value can stand: what comes later goes before."""


@dataclass(frozen=True)
class Placed:
    """A setting's value as it stands somewhere, perhaps one that can't be, and what to call that.

    `rank` is one of IN_FILE to IN_CALL.
    """

    name: str
    value: Any
    place: str
    rank: int


def home_folder() -> Path:
    """Where store, models and settings file live: LONGTAKE_HOME, else ~/.longtake."""
    named = os.environ.get("LONGTAKE_HOME", "").strip()
    try:
        return Path(named).expanduser().absolute() if named else Path.home() / ".longtake"
    except RuntimeError as error:
        raise UsageError(
            f"no home folder is known here: {error}", "Set LONGTAKE_HOME to a folder."
        ) from None


def make_home() -> Path:
    """The home folder, made for the user alone where it is missing; OSError."""
    home = home_folder()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def list_lines(file: Path) -> Iterator[Placed]:
    """The lines of the settings file."""
    data = b""
    try:
        check_regular(file)
        with file.open("rb") as opened:
            data = opened.read(MOST_FILE_BYTES + 1)
        text = data.decode("utf-8-sig")  # editors on Windows put a mark before it
        if len(data) > MOST_FILE_BYTES:
            raise ValueError(f"it has more than {MOST_FILE_BYTES >> 20} MiB")
        values = tomllib.loads(text)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise UsageError(
            f"{file.parent} is no folder", "Set LONGTAKE_HOME to one, or move the file away."
        ) from None
    except (OSError, RecursionError, ValueError) as error:  # of TOML, and of numbers without end
        raise UsageError(
            f"the settings file {file} can't be read: {_say_damage(error, data)}",
            'Mend it, or move it away. Its lines are such as `length = "short"`, text in quotes.',
        ) from None
    lines = text.splitlines()
    for name, value in values.items():
        starts = re.compile(rf"""\s*["'\[]?{re.escape(name)}\b""")
        number = next((n for n, line in enumerate(lines, 1) if starts.match(line)), 1)
        yield Placed(name, value, f"{shorten(name)} in {file}, line {number}", IN_FILE)


def _say_damage(error: Exception, data: bytes) -> str:
    """What is wrong with a settings file of these bytes."""
    if isinstance(error, UnicodeDecodeError):
        line = data.count(b"\n", 0, error.start) + 1
        return f"line {line} is not UTF-8; save it with that encoding"
    if isinstance(error, RecursionError):
        return "its brackets are nested too deep"
    return shorten(getattr(error, "strerror", None) or str(error))


def list_variables(environment: Mapping[str, str]) -> Iterator[Placed]:
    """The variables that other programs read too, then settings' own: those go before."""
    for rank in (IN_OTHERS_VARIABLE, IN_VARIABLE):
        for name, spec in SPECS.items():
            of_others = spec.metadata["environment"]
            variable = f"LONGTAKE_{name.upper()}" if rank == IN_VARIABLE else of_others
            if variable and (value := environment.get(variable, "").strip()):
                yield Placed(name, value, f"{variable} in the environment", rank)


def list_unknown_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that are named like a setting's and are none's, each with the nearest one."""
    known = ("HOME", *map(str.upper, SPECS))
    for variable in environment:
        name = variable.removeprefix("LONGTAKE_")
        if name != variable and name not in known:
            near = get_close_matches(name, known, 1)
            yield variable, f"LONGTAKE_{near[0]}" if near else ""
