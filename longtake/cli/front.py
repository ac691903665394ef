"""What commands that run have in common: settings read, a session opened, the run watched."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.cli.bars import fetch_with_bar, note, open_bars
from longtake.cli.flags import list_own_flags, list_used
from longtake.settings import (
    Settings,
    list_idle,
    list_unknown_variables,
    load_settings,
    name_flag,
)

if TYPE_CHECKING:
    from longtake.pipeline.session import Session
    from longtake.records import Found, Progress, Result, Steps

EXIT_GAPS = 3

Given = Mapping[str, Any]
"""The settings that stand on the command line, by name."""
NO_MODEL = {"sketch": "no vision-language model", "digest": "no language model"}


@dataclass
class Front:
    """A session, and who watches it: how much is told on standard error while it works."""

    session: "Session"
    quiet: bool = False
    plan: dict[str, str] = field(default_factory=dict)
    """Who serves in which role, until that is told."""

    def finish(self, steps: "Steps[Found]") -> "Found":
        """Go on to the end, with bars where a person watches; what came of it."""
        from longtake.pipeline.session import run_to_end

        with open_bars(quiet=self.quiet) as advance:

            def watch(step: "Progress") -> None:
                self._tell_plan()
                advance(step)

            return run_to_end(steps, watch)

    def _tell_plan(self) -> None:
        """Say who describes and who summarises, once, before anything is done."""
        if self.plan and not self.quiet:
            said = ", ".join(f"{role} {name}" for role, name in self.plan.items())
            lacks = [NO_MODEL[name] for name in self.plan.values() if name in NO_MODEL]
            if lacks:
                said += f" ({' and '.join(lacks)} here: see `longtake doctor`)"
            note(said)
        self.plan = {}


@contextmanager
def open_front(
    *, quiet: bool = False, verbose: bool = False, store_file: Path | None = None
) -> Iterator[Front]:
    """The user's session, perhaps with another store than the user's.

    `verbose` has each engine told with the reason why it serves.
    """
    from longtake.pipeline.open_engines import Engines
    from longtake.pipeline.session import open_session

    plan: dict[str, str] = {}
    if quiet:
        logging.getLogger("longtake").setLevel(logging.ERROR)

    def tell(role: str, name: str, why: str) -> None:
        if verbose:
            note(f"{role}: {name} ({why})")
        elif role in ROLES:
            plan[ROLES[role]] = name

    with open_session(Engines(fetch=fetch_with_bar, tell=tell), store_file) as session:
        yield Front(session, quiet, plan)


ROLES = {
    "describer": "described by",
    "summary by": "summarised by",
    "answer by": "answered by",
}


def read_settings(given: Given, *, quiet: bool = False) -> Settings:
    """The settings, and a note of each flag or variable that changes nothing.

    Of those that can't be, only what the command takes stops it.
    """
    settings = load_settings(given, flag_form=name_flag, used=list_used())
    if not quiet:
        for name, of in list_idle(settings, given):
            note(f"note: {name_flag(name)} has no effect here: it is for {of}")
        own = list_own_flags()
        for variable, near in list_unknown_variables(os.environ):
            meant = f"; did you mean {near}?" if near else ""
            flag = name_flag(variable.removeprefix("LONGTAKE_").lower())
            meant = f": {flag} is a flag alone" if flag in own else meant
            note(f"note: {variable} in the environment is no setting{meant}")
    return settings


def show_result(
    result: "Result", *, as_json: bool, verbose: bool = False, descriptions: bool = False
) -> int:
    """The result on standard output, as text or as one document; the exit status."""
    from longtake.report import as_json as say_json
    from longtake.report.terminal import say_result

    if as_json:
        print(say_json(result, descriptions=descriptions, ascii_only=True, placed=True), end="")
    else:
        if sys.stdout.isatty():
            print()
        print(say_result(result, verbose=verbose), end="")
    return EXIT_GAPS if result.ledger.gaps else 0
