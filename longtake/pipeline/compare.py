"""The arms of a comparison: which they are, and each of them run through the one pipeline.

What differs is measured by `comparing`; engines are opened once for all arms.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from longtake import engines, report
from longtake.ask.engine import Engine
from longtake.ask.scheduler import Sleep
from longtake.engines import DIGEST
from longtake.errors import EngineError, UsageError
from longtake.links.cache import hold
from longtake.links.fetch import Loaded
from longtake.pipeline.run import look_at, run
from longtake.pipeline.sources import Source, bring, check_source, default_folder, make_wish
from longtake.pipeline.summary import Writer, choose_judge, name_other_judge, name_writer
from longtake.records import Arm, Comparison, Progress, Result
from longtake.report.measures import measure_arm, weigh_arms
from longtake.settings import Settings, change_settings, load_settings
from longtake.store import Store, store_path
from longtake.text.safe import hide_secrets, one_line

DEFAULT_ARMS = ("independent: flow=independent", "context: flow=context, context=memory")
OF_CONTEXT = ("context", "memory_tokens", "segments")
"""Settings that only flow II has: an arm that names one is of that flow."""
OF_ENGINES = (
    "base_url", "api_key", "ollama_url", "context_tokens", "frames_as", "quantize", "device",
    "at_once", "timeout_seconds",
)  # fmt: skip
"""Settings that an engine is opened with."""
MOST_NAME = 40

OpenEngine = Callable[[str, Settings], Engine]


@dataclass(frozen=True)
class Plan:
    """An arm before it is run: its name, its settings, and those of them that make it differ."""

    name: str
    settings: Settings
    differs: tuple[tuple[str, object], ...]


@dataclass
class _Opened:
    """The engines that are open, each once for all arms that want the same."""

    open: OpenEngine
    stack: ExitStack
    known: dict[tuple[object, ...], Engine] = field(default_factory=dict)

    def get(self, name: str, settings: Settings) -> Engine:
        key = (name, *(getattr(settings, setting) for setting in OF_ENGINES))
        if key not in self.known:
            self.known[key] = self.stack.enter_context(self.open(name, settings))
        return self.known[key]


def plan_arms(given: Sequence[str], settings: Settings) -> tuple[Plan, ...]:
    """Flow I, flow II, and an arm for each `NAME: key=value, key=value`, upon common settings."""
    plans: list[Plan] = []
    for text in (*DEFAULT_ARMS, *given):
        plan = _plan_arm(text, settings)
        for other in plans:
            if _folder(other.name) == _folder(plan.name):
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


def _plan_arm(text: str, settings: Settings) -> Plan:
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
    if key.endswith("key"):
        return "…"
    return hide_secrets(value) if key.endswith("url") else value


def _make_name(given: str, shown: Mapping[str, object]) -> str:
    """The given one, else one of its settings as they may be shown: `chunk_seconds 12.0`."""
    rest = [f"{key} {value}" for key, value in shown.items() if key != "flow"]
    said = ", ".join(rest) or str(shown["flow"])
    return one_line(given or said)[:MOST_NAME].strip()


def _folder(name: str) -> str:
    """A name that is safe for a folder; two names that make the same one count as one."""
    return re.sub(r"[^\w\-]+", "_", name.casefold()).strip("_") or "_"


def compare(
    source: Source,
    plans: Sequence[Plan],
    store: Store,
    open_engine: OpenEngine = engines.open_engine,
    sleep: Sleep = time.sleep,
) -> Iterator[Progress]:
    """Every arm on the same scan, held against the first; the last Progress holds the comparison.

    Each arm's own files are in arms/NAME. What an arm needs and the store holds is not asked again.
    One whose engine fails is told of; where the first one's does, there is nothing to hold to.
    """
    if not isinstance(source, Loaded):
        check_source(source)
    with ExitStack() as stack:
        opened = _Opened(open_engine, stack)
        describers = [_open_all(opened, plan.settings)[0] for plan in plans]
        side = max(describer.capabilities.frame_side for describer in describers)
        wish = make_wish(plans[0].settings, side)
        loaded = yield from bring(source, plans[0].settings, wish)
        stack.enter_context(hold(loaded.path))
        yield from _compare(loaded, plans, store, opened, sleep)


def _compare(
    loaded: Loaded, plans: Sequence[Plan], store: Store, opened: _Opened, sleep: Sleep
) -> Iterator[Progress]:
    out = plans[0].settings.out
    video, _, _ = yield from look_at(loaded, store)
    folder = Path(out) if out else default_folder(video)
    report.prepare_folder(folder)
    arms: list[Arm] = []
    failed: list[tuple[str, str]] = []
    for plan in plans:
        started = time.monotonic()
        own = replace(plan.settings, out=str(folder / "arms" / _folder(plan.name)))
        try:
            result = yield from _run_arm(loaded, plan.name, own, store, opened, sleep)
        except EngineError as error:
            if not arms:
                raise
            failed.append((plan.name, error.message))
            continue
        seconds = time.monotonic() - started
        base = arms[0].result if arms else None
        arms.append(measure_arm(plan.name, plan.differs, result, seconds, base))
    found = Comparison(video, tuple(arms), weigh_arms(arms), folder, tuple(failed))
    files = tuple(report.write_comparison(folder, found))
    yield Progress("done", 1, 1, comparison=replace(found, files=files))


def _open_all(opened: _Opened, settings: Settings) -> tuple[Engine, Writer, Engine | None]:
    """Describer, reconciler and the judge that is named beside it."""
    describer = opened.get(settings.engine, settings)
    name, _ = name_writer(settings, describer)
    reconciler: Writer = describer if name == describer.name else name
    if name not in (describer.name, DIGEST):
        reconciler = opened.get(name, settings.for_reconciler())
    name = name_other_judge(settings, name)
    other_judge = opened.get(name, settings.for_reconciler()) if name else None
    choose_judge(settings, reconciler, other_judge)
    return describer, reconciler, other_judge


def _run_arm(
    source: Loaded, name: str, settings: Settings, store: Store, opened: _Opened, sleep: Sleep
) -> Generator[Progress, None, Result]:
    """One run of the pipeline, its stages under the arm's name; its result."""
    describer, reconciler, other_judge = _open_all(opened, settings)
    result: Result | None = None
    for step in run(source, settings, store, describer, reconciler, sleep, other_judge):
        result = step.result
        if not result:
            yield replace(step, stage=f"{name}: {step.stage}")
    assert result
    return result


def compare_to_end(
    source: str | Path, arms: Sequence[str], values: Mapping[str, Any]
) -> Comparison:
    """`compare` with the user's store and the engines of the settings; what it found."""
    plans = plan_arms(arms, load_settings(values))
    with Store(store_path()) as store:
        *_, last = compare(source, plans, store)
    assert last.comparison
    return last.comparison
