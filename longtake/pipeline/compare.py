"""The arms of a comparison: which they are, and each of them run through the one pipeline.

What differs is measured by `report.measures`; engines are opened once for all arms.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from longtake import report
from longtake.errors import EngineError, UsageError
from longtake.inference.scheduler import Sleep
from longtake.links.cache import hold
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.sources import (
    Source,
    bring,
    check_source,
    choose_needs,
    look_at,
    open_folder,
)
from longtake.pipeline.summarize import Assistants, run
from longtake.records import Arm, Comparison, Result, SourceFile, Steps
from longtake.report.measures import measure_arm, weigh_arms
from longtake.settings import SECRET, Settings, change_settings, list_group
from longtake.store import Store
from longtake.text.untrusted import hide_secrets, one_line

DEFAULT_ARMS = ("independent: flow=independent", "context: flow=context, context=memory")
OF_CONTEXT = list_group("context")
"""Settings that only flow II has: an arm that names one is of that flow."""
MOST_NAME = 40


@dataclass(frozen=True)
class Plan:
    """An arm before it is run: its name, its settings, and those of them that make it differ."""

    name: str
    settings: Settings
    differs: tuple[tuple[str, object], ...]


def plan_arms(given: Sequence[str], settings: Settings) -> tuple[Plan, ...]:
    """Flow I, flow II, and an arm for each `NAME: key=value, key=value`, upon common settings."""
    plans: list[Plan] = []
    for text in (*DEFAULT_ARMS, *given):
        plan = plan_arm(text, settings)
        for other in plans:
            if arm_folder(other.name) == arm_folder(plan.name):
                raise UsageError(
                    f"two arms are named {plan.name!r}",
                    'Name one of them: --arm "NAME: key=value".',
                )
            if other.settings == plan.settings:
                raise UsageError(
                    f"the arms {other.name!r} and {plan.name!r} have the same settings",
                    "Leave one of them out, or change a setting of it.",
                )
        plans.append(plan)
    return tuple(plans)


def plan_arm(text: str, settings: Settings) -> Plan:
    """The arm of `NAME: key=value, key=value`, upon common settings."""
    named = re.match(r"([^=]*?):(?=[^:=]*=)", text)
    values = _read_pairs(text[named.end() :] if named else text, text)
    flow = "context" if any(name in values for name in OF_CONTEXT) else "independent"
    values = {"flow": flow, **values}
    if values["flow"] == "independent" and flow == "context":
        raise UsageError(
            f"--arm {text!r} is of flow independent, which carries no context",
            f"Leave out {', '.join(OF_CONTEXT)}, or set flow=context.",
        )
    if "out" in values:
        raise UsageError(
            f"--arm {text!r} can't set out", "Each arm has a folder of its own under --out."
        )
    arm = change_settings(settings, values, f"--arm {text!r}")
    shown = {key: _shown(arm, key) for key in values}
    name = _make_name(named[1] if named else "", shown)
    if not name:
        raise UsageError(f"--arm {text!r} has no name", 'Write "NAME: key=value".')
    if arm.flow == "context":
        shown["context"] = arm.context
    return Plan(name, arm, tuple(shown.items()))


def _read_pairs(text: str, whole: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in re.split(r",(?=\s*[\w-]+\s*=)", text):
        key, equals, value = part.partition("=")
        name = key.strip().replace("-", "_")
        if not equals or not name:
            raise UsageError(
                f"--arm {whole!r}: {part.strip()!r} is not key=value",
                'Write "NAME: key=value, key=value", with settings as keys.',
            )
        if name in pairs:
            raise UsageError(f"--arm {whole!r} sets {name} twice", "Leave one of them out.")
        pairs[name] = value.strip()
    return pairs


def _shown(settings: Settings, key: str) -> object:
    value = getattr(settings, key)
    if key in SECRET:
        return "…"
    return hide_secrets(value) if key.endswith("url") else value


def _make_name(given: str, shown: Mapping[str, object]) -> str:
    """The given one, else one of its settings as they may be shown: `chunk_seconds 12.0`."""
    rest = [f"{key} {value}" for key, value in shown.items() if key != "flow"]
    said = ", ".join(rest) or str(shown["flow"])
    return one_line(given or said)[:MOST_NAME].strip()


def arm_folder(name: str) -> str:
    """A name that is safe for a folder; two names that make the same one count as one."""
    return re.sub(r"[^\w\-]+", "_", name.casefold()).strip("_") or "_"


def compare_arms(
    source: Source, plans: Sequence[Plan], store: Store, engines: Engines, sleep: Sleep = time.sleep
) -> Steps[Comparison]:
    """Every arm on the same scan, held against the first.

    Each arm's own files are in arms/NAME. What an arm needs and the store holds is not asked again.
    One whose engine fails is told of; where the first one's does, there is nothing to hold to.
    """
    source = check_source(source)
    describers = [engines.open_describer(plan.settings) for plan in plans]
    for plan, describer in zip(plans, describers, strict=True):
        engines.open_writer(plan.settings, describer)
        engines.open_recogniser(plan.settings)
    side = max(describer.capabilities.frame_side for describer in describers)
    needs = choose_needs(plans[0].settings, side)
    file = yield from bring(source, plans[0].settings, needs)
    with hold(file.path):
        return (yield from _compare(file, plans, store, engines, sleep))


def _compare(
    file: SourceFile, plans: Sequence[Plan], store: Store, engines: Engines, sleep: Sleep
) -> Steps[Comparison]:
    video, _, _ = yield from look_at(file, store)
    own_settings = {plan.name: plan.settings for plan in plans}
    folder = open_folder(video, plans[0].settings, report.OF_COMPARISON, own_settings)
    arms: list[Arm] = []
    failed: list[tuple[str, str]] = []
    for plan in plans:
        started = time.monotonic()
        own = replace(plan.settings, out=str(folder.path / "arms" / arm_folder(plan.name)))
        describer = engines.open_describer(own)
        writer, judge = engines.open_writer(own, describer)
        beside = Assistants(judge, engines.open_recogniser(own))
        steps = run(file, own, store, describer, writer, sleep, beside)
        try:
            result = yield from _name_arm(plan.name, steps)
        except EngineError as error:
            if not arms:
                raise
            failed.append((plan.name, error.message))
            continue
        seconds = time.monotonic() - started
        base = arms[0].result if arms else None
        arms.append(measure_arm(plan.name, plan.differs, result, seconds, base))
    found = Comparison(video, tuple(arms), weigh_arms(arms), folder.path, tuple(failed))
    report.write_comparison(folder, found)
    return replace(found, out=folder.path, files=folder.files)


def _name_arm(name: str, steps: Steps[Result]) -> Steps[Result]:
    """Pass on the steps under the arm's name, and return the result."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield replace(step, arm=name)
