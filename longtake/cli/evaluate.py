"""`longtake evaluate`: how well an engine understands films whose truth is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from longtake.cli.bars import note
from longtake.cli.flags import Command, take_settings, take_switch
from longtake.cli.front import EXIT_GAPS, Given, open_front, read_settings
from longtake.settings import OF_RUN

FOLDER = "longtake-evaluation"
OF_ARMS = ("flow", "context")
"""What the arms differ in from the start."""


@click.command(
    cls=Command,
    params=[
        click.Option(["--levels"], metavar="1,2,…", default="1,2,3",
                     help="how hard the films are, 1 to 5"),
        click.Option(["--count"], type=click.IntRange(1, 1000), default=6, metavar="N",
                     help="films of each level"),
        click.Option(["--seed"], type=click.IntRange(0), default=0, metavar="N",
                     help="that of the first film: others are other films"),
        click.Option(["--films"], metavar="DIR", default="",
                     help="your own films, each with NAME.truth.csv beside it, and no others"),
        click.Option(["arms", "--arm"], multiple=True, metavar='"NAME: KEY=VALUE, …"',
                     help="one more way: settings that differ (may be given again)"),
        take_switch("--save", "save", "write the settings that suit into settings.toml"),
        take_switch("--json", "as_json", "print one JSON document"),
        take_switch("-q/--quiet", "quiet", "print nothing but the result and errors"),
        *take_settings([name for name in OF_RUN if name not in OF_ARMS],
                       {"out": f"folder for films and results (default: {FOLDER})"}),
    ],
)  # fmt: skip
def evaluate(
    given: Given, *, arms: Sequence[str], save: bool, as_json: bool, quiet: bool, **options: Any
) -> int:
    """Measure what an engine understands: flows, chunk lengths and frames, on films whose truth is
    known.

    \b
    longtake evaluate --engine ollama:qwen3-vl:4b
    longtake evaluate --films mine/ --arm "long: chunk_seconds=30"

    What is stopped goes on where it was when it is run again.
    """  # noqa: D301 - click's mark for lines that are not joined
    from longtake.evaluate.kit import EvaluationPlan, evaluate_engine, save_best
    from longtake.evaluate.write import as_json as say_json
    from longtake.evaluate.write import say_evaluation

    settings = read_settings(given, quiet=quiet)
    plan = EvaluationPlan(
        settings, Path(settings.out or FOLDER), options["levels"], options["count"],
        options["seed"], options["films"], tuple(arms),
    )  # fmt: skip
    with open_front(quiet=quiet, store_file=plan.folder / "store.sqlite") as front:
        found, files = front.finish(evaluate_engine(plan, front.session))
    if as_json:
        print(say_json(found), end="")
    else:
        print("\n".join(say_evaluation(found)))
        print(f"{files[0]}: the table and a picture")
    if save and found.best:
        note(f"written into {save_best(plan, found.best)}")
    return EXIT_GAPS if any(one.error or one.gaps for one in found.measured) else 0
