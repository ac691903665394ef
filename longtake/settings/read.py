"""Settings of all their sources, as one: which value goes before, what follows from it."""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from longtake.errors import UsageError
from longtake.settings.places import (
    IN_CALL,
    IN_OTHERS_VARIABLE,
    Placed,
    home_folder,
    list_lines,
    list_variables,
)
from longtake.settings.table import NAME_ENGINES, SPECS, Settings
from longtake.settings.values import check, convert, shorten, show


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    flag_form: Callable[[str], str] = str,
    used: Collection[str] | None = None,
    pass_over: Callable[[UsageError], object] = lambda error: None,
) -> Settings:
    """Settings from all their sources; UsageError names the place of a value that can't be.

    `flag_form` makes of a setting's name what its flag is called where it was given. Only what is
    `used` (None: all) stops it: another one that can't be is passed over, and has its default. So
    is a file that can't be read where nothing is used.
    """
    try:
        found = find_places(flags, environment, file, flag_form)
    except UsageError as error:
        if used is None or used:
            raise
        pass_over(error)
        found = find_places(flags, environment, Path(os.devnull), flag_form)
    values = {}
    for name, placed in found.items():
        try:
            values[name] = _read(name, placed.value, placed.place)
        except UsageError as error:
            if _is_used(name, used):
                raise
            pass_over(error)
    return Settings(**{**values, **_name_implied(found, values)})


def _is_used(name: str, used: Collection[str] | None) -> bool:
    """Whether the setting of that name matters, or the nearest; where none is near, any may."""
    meant = find_meant(name)
    return used is None or meant in used or (not meant and bool(used))


def find_places(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    flag_form: Callable[[str], str] = str,
) -> dict[str, Placed]:
    """Where each setting stands that isn't left to its default, its value not looked at yet."""
    environment = os.environ if environment is None else environment
    file = home_folder() / "settings.toml" if file is None else file
    given = [Placed(n, v, flag_form(n), IN_CALL) for n, v in (flags or {}).items() if v is not None]
    found = [*list_lines(file), *list_variables(environment), *given]
    return {placed.name: placed for placed in found}


def _name_implied(found: Mapping[str, Placed], values: Mapping[str, Any]) -> dict[str, Any]:
    """The engine that an address is for, and the flow of what only one of them has.

    What is named in a place as good, or names that engine already, stays. Variables of other
    programs imply nothing; nor does what stands for flow II in the file or the environment: it is
    there for the runs that take it.
    """
    named: dict[str, Any] = {}
    for placed in sorted(found.values(), key=lambda placed: -placed.rank):
        if not values.get(placed.name):
            continue
        details = SPECS[placed.name].metadata
        name, of = details["implies"], details["of"]
        may_imply = placed.rank == IN_CALL or (name != "flow" and placed.rank != IN_OTHERS_VARIABLE)
        if name and name not in named and may_imply:
            said = values.get(name)
            is_of = str(said).partition(":")[0] == of
            stays = name in values and (is_of or found[name].rank >= placed.rank)
            named[name] = said if stays else of
    return named


def change_settings(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    """The settings with these values; UsageError names `source` where one can't be."""
    read = {name: _read(name, value, f"{name} in {source}") for name, value in values.items()}
    return dataclasses.replace(settings, **read)


def list_idle(settings: Settings, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Which of these settings have no effect beside the others, and what they would matter to."""
    named = {getattr(settings, n).partition(":")[0] for n in ("flow", *NAME_ENGINES)}
    for name in names:
        of = SPECS[name].metadata["of"]
        if of and of not in named:
            yield name, of


def _read(name: str, value: Any, place: str) -> Any:
    """The value as the setting's own type; UsageError names the place of one that can't be."""
    if name not in SPECS:
        raise _unknown(name, value, place)
    spec = SPECS[name]
    converted = convert(spec, value, place)
    check(spec, converted, place)
    return converted


def _unknown(name: str, value: Any, place: str) -> UsageError:
    hint = "`longtake summarize --help-all` lists all settings, there with `-` in place of `_`."
    if near := find_meant(name):
        hint = f"Did you mean {near}?"
    elif isinstance(value, Mapping):
        hint = 'Settings are lines such as `length = "short"`, in no [table].'
    where = place.removeprefix(shorten(name))
    return UsageError(f"unknown setting {show(name)}{where}", hint)


def find_meant(name: str) -> str:
    """The setting of that name, or the nearest; empty where none is near."""
    name = name.casefold().replace("-", "_")
    return name if name in SPECS else next(iter(get_close_matches(name, SPECS, 1)), "")
