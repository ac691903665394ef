"""Holds what a request says against the schema that the OpenAPI document shows. Problem else."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

from longtake.door.problem import Problem
from longtake.runs.requests import check_settings
from longtake.settings.values import shorten


def open_validator(schema: Mapping[str, Any]) -> Any:
    """What holds values against the schema."""
    return Draft202012Validator(schema)


def check_against(validator: Any, value: Any, whole: str) -> None:
    """Problem 422 names the member that is wrong; `whole` is what is meant where none is."""
    found = best_match(validator.iter_errors(value))
    if found is None:
        return
    place = _name_place(found.absolute_path) or whole
    if found.validator == "additionalProperties":
        _refuse_unknown(found, place)
    said = shorten(found.message)
    if found.validator == "required":
        said = found.message
    raise Problem(422, f"{place}: {said}", _say_hint(found), {"member": place})


def _refuse_unknown(found: Any, place: str) -> None:
    """Problem for a member that nobody knows; of the settings, as every place says it."""
    known = found.schema["properties"]
    name = next(name for name in found.instance if name not in known)
    if place == "settings":
        check_settings({name: found.instance[name]}, ())
    raise Problem(
        422,
        f"unknown member {shorten(repr(name))}",
        f"Known: {', '.join(known)}.",
        {"member": shorten(name)},
    )


def _say_hint(found: Any) -> str:
    if found.validator == "enum":
        return f"Known: {', '.join(map(str, found.validator_value))}."
    return str(found.schema.get("description", "")) if isinstance(found.schema, Mapping) else ""


def _name_place(path: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in path)
