"""compare.html: arms side by side, as one file without scripts or outside addresses.

What stands where is in the template beside this file; `templates` fills it, and escapes.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from longtake.records import Arm, Comparison, Description, Worth
from longtake.report.compare import (
    ONE_VIDEO,
    SIGNS,
    arm_values,
    is_same,
    list_figures,
    list_warnings,
    say_context,
    say_failed,
    say_same,
    say_worth,
)
from longtake.report.measures import FEWEST_PAIRS
from longtake.report.templates import fill
from longtake.text.untrusted import join_numbers

KINDS = ("chunks", "context", "reconcile", "check")
"""What input tokens are spent on."""
PLOT_WIDTH, PLOT_EDGE = 220, 6
"""Of the picture of an interval, in pixels; no end of it comes nearer to the picture's own."""


def as_page(comparison: Comparison) -> str:
    """The whole of compare.html."""
    arms = comparison.arms
    return fill(
        "compare.html",
        comparison=comparison,
        arms=arms,
        one_video=ONE_VIDEO,
        kinds=KINDS,
        bars=[*_list_bars(arms)],
        figures=list_figures(list(map(arm_values, arms))),
        contexts=[said for arm in arms if (said := say_context(arm))],
        fewest=FEWEST_PAIRS,
        failed=say_failed(comparison),
        differences=[_differences(comparison, arm) for arm in arms[1:]],
        signs=SIGNS,
        cites=_cites,
        rows=[*_list_rows(arms)],
    )


def _list_bars(arms: Sequence[Arm]) -> Iterator[tuple[Arm, list[tuple[str, int, float]]]]:
    """Each arm's input tokens by kind, and their width in percent of the longest bar."""
    most = max(arm.cost.input_tokens for arm in arms)
    for arm in arms if most else ():
        stages = {stage: cost.input_tokens for stage, cost in arm.stages}
        context = min(arm.context_tokens, stages["describe"])
        parts = (stages["describe"] - context, context, stages["reconcile"], stages["check"])
        yield (
            arm,
            [
                (kind, tokens, 100 * tokens / most)
                for kind, tokens in zip(KINDS, parts, strict=True)
                if tokens
            ],
        )


def _differences(comparison: Comparison, arm: Arm) -> dict[str, Any]:
    """What an arm has more or less of than the first one."""
    worths = [worth for worth in comparison.worths if worth.arm == arm.name]
    return {
        "name": arm.name,
        "warnings": list_warnings(comparison.arms[0], arm),
        "worths": [
            (worth.told, _place(worth), say_worth(worth)) for worth in worths if not is_same(worth)
        ],
        "same": say_same(worths).capitalize(),
    }


def _place(worth: Worth) -> list[float]:
    """Where low end, high end and mean lie on a line whose middle is zero, in pixels."""
    most = max(abs(worth.low), abs(worth.high), abs(worth.mean)) or 1
    middle = PLOT_WIDTH / 2
    return [
        round(middle + value / most * (middle - PLOT_EDGE), 1)
        for value in (worth.low, worth.high, worth.mean)
    ]


def _cites(place: int, numbers: Sequence[int]) -> Markup:
    """`1–3, 7`, each of the numbers a way to its description."""
    link = rf'<a href="#a{place}c\g<0>">\g<0></a>'
    return Markup(re.sub(r"\d+", link, join_numbers(numbers)))  # noqa: S704 - numbers alone


def _list_rows(arms: Sequence[Arm]) -> Iterator[tuple[Description, list[list[Description]]]]:
    """Flow I's chunks, each with what of every arm begins in it."""
    first = arms[0].result.descriptions
    starts = [d.chunk.span.start for d in first]
    columns = [_by_row(starts, arm.result.descriptions) for arm in arms]
    for row, description in enumerate(first):
        yield description, [column[row] for column in columns]


def _by_row(
    starts: Sequence[float], descriptions: Sequence[Description]
) -> list[list[Description]]:
    rows: list[list[Description]] = [[] for _ in starts]
    row = 0
    for description in descriptions:
        while row + 1 < len(starts) and starts[row + 1] <= description.chunk.span.start + 0.0005:
            row += 1
        rows[row].append(description)
    return rows
