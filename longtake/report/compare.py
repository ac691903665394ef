"""compare.csv, compare.json and what the terminal shows: arms side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from longtake.records import Arm, Comparison, Worth
from longtake.report.csv import write_table
from longtake.report.json import dump, gap_values, summary_values, video_values
from longtake.report.measures import FEWEST_PAIRS, MEASURES
from longtake.report.phrases import join_gaps, name_chunks
from longtake.report.terminal import say_place
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

ONE_VIDEO = "One video tells nothing of others: what holds here may not hold there."
UNITS = {measure.name: measure.unit for measure in MEASURES}
SIGNS = {"supported": "✓", "unsupported": "✗", "unchecked": "?", "quoted": "“"}


def comparison_as_json(
    comparison: Comparison, *, ascii_only: bool = False, placed: bool = False
) -> str:
    """The document of compare.json; times in seconds, shares from 0 to 1.

    `placed`: with the folder in which it lies.
    """
    document = {
        "video": video_values(comparison.video),
        "arms": [arm_values(arm) for arm in comparison.arms],
        "differences": [_worth_values(worth) for worth in comparison.worths],
        "failed": [{"name": name, "error": why} for name, why in comparison.failed],
        "remark": ONE_VIDEO,
        **({"folder": str(comparison.out)} if placed else {}),
    }
    return dump(document, ascii_only=ascii_only)


def arm_values(arm: Arm) -> dict[str, Any]:
    """An arm as compare.json has it."""
    result = arm.result
    sentences = result.summary.sentences if result.summary else ()
    supports = Counter[str](sentence.support for sentence in sentences)
    return {
        "name": arm.name,
        "flow": dict(arm.settings)["flow"],
        "settings": dict(arm.settings),
        **asdict(arm.cost),
        "overhead": arm.overhead and round(arm.overhead, 4),
        "describe_overhead": arm.describe_overhead and round(arm.describe_overhead, 4),
        "gaps": len(result.ledger.gaps),
        **{support: supports[support] for support in SIGNS},
        **summary_values(result.summary),
        "chunks": result.ledger.planned,
        "shown": result.shown,
        "context_tokens": arm.context_tokens,
        "context": result.ledger.context,
        "wall_seconds": arm.seconds,
        "stages": {stage: asdict(cost) for stage, cost in arm.stages},
        "duplicates": arm.duplicates,
        "returning_marks": arm.marks,
        "missing": list(map(gap_values, result.ledger.gaps)),
        "folder": str(result.out),
    }


def _worth_values(worth: Worth) -> dict[str, Any]:
    return {
        "arm": worth.arm,
        "measure": worth.measure,
        "chunks": worth.pairs,
        "mean": round(worth.mean, 4),
        "low": round(worth.low, 4),
        "high": round(worth.high, 4),
        "told": worth.told,
        "said": say_worth(worth),
    }


def say_worth(worth: Worth) -> str:
    """`input tokens: +212 a chunk (95 %: +180 to +240)`, or that it can't be told."""
    name, chunks = worth.measure, say_count(worth.pairs, "chunk")
    if not worth.pairs:
        return f"{name}: no chunk to compare"
    if is_same(worth):
        return f"{name}: the same in {'all ' * (worth.pairs > 1)}{chunks}"
    low, high = (_signed(value, name) for value in (worth.low, worth.high))
    high += f" {UNITS[name]}".rstrip()
    if worth.told:
        return f"{name}: {_signed(worth.mean, name, unit=True)} (95 %: {low} to {high})"
    if worth.pairs < FEWEST_PAIRS:
        return f"{name}: can't tell from {chunks}"
    return f"{name}: can't tell from {chunks} ({low} to {high})"


def is_same(worth: Worth) -> bool:
    """Whether it differs in no chunk."""
    return worth.pairs > 0 and worth.mean == worth.low == worth.high == 0


def say_same(worths: Sequence[Worth]) -> str:
    """What differs in no chunk, in one sentence; empty where there is nothing such."""
    same = [worth.measure for worth in worths if is_same(worth)]
    return f"the same in each chunk: {', '.join(same)}" if same else ""


def _signed(value: float, measure: str, *, unit: bool = False) -> str:
    kind = UNITS[measure]
    value *= 100 if kind == "%" else 1
    size = abs(value)
    shown = f"{size:,.0f}" if size >= 20 else f"{size:.1f}" if size >= 1 else f"{size:.2g}"
    sign = "−" if value < 0 else "+"
    after = {"%": " % of chunks", "s": " s a chunk", "": " a chunk"}[kind] if unit else ""
    return f"{sign if size else ''}{shown}{after}"


FIGURES = (
    ("chunks", "chunks", "{:,}"),
    ("shown of a chunk, at most", "shown", "{}"),
    ("requests", "requests", "{:,}"),
    ("input tokens", "input_tokens", "{:,}"),
    ("  describe", "describe_input_tokens", "{:,}"),
    ("    carried context", "context_tokens", "{:,}"),
    ("  reconcile", "reconcile_input_tokens", "{:,}"),
    ("  check", "check_input_tokens", "{:,}"),
    ("output tokens", "output_tokens", "{:,}"),
    ("input over flow I", "overhead", "{:.2f}×"),
    ("  describe", "describe_overhead", "{:.2f}×"),
    ("engine time", "seconds", "{:,.1f} s"),
    ("time of this run (the first finds what all share)", "wall_seconds", "{:,.1f} s"),
    ("gaps", "gaps", "{}"),
    ("say the same as the chunk before", "duplicates", "{}"),
    *((f"sentences {support}", support, "{}") for support in SIGNS),
    ("marks in two chunks or more", "returning_marks", "{}"),
)
"""Each figure's name, indented below what it is a part of, its column and its format."""
RARE = ("    carried context", "  check", "marks in two chunks or more")
"""Figures that are left out where all are 0."""


def list_figures(arms: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Each figure's name and its text for every arm of a compare.json; `–` where it has none."""
    columns = [_flat(arm) for arm in arms]
    rows = []
    for name, key, form in FIGURES:
        values = [column.get(key, "") for column in columns]
        cells = ["–" if value == "" else form.format(value) for value in values]
        if name not in RARE or {*cells} != {"0"}:
            rows.append((name, cells))
    return rows


def comparison_as_csv(comparison: Comparison) -> str:
    """The table of arms: a line each, numbers as in compare.json."""
    rows = [_flat(arm_values(arm)) for arm in comparison.arms]
    return write_table(rows[0], (row.values() for row in rows))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """One row: settings as text, a column for each stage's figures, no lists."""
    settings = ", ".join(f"{name}={value}" for name, value in values["settings"].items())
    stages = {
        f"{stage}_{name}": value
        for stage, costs in values["stages"].items()
        for name, value in costs.items()
    }
    cells = {
        name: "" if value is None else value
        for name, value in values.items()
        if not isinstance(value, list | tuple | dict)
    }
    return cells | {"settings": settings} | stages


def say_comparison(comparison: Comparison) -> list[str]:
    """What the terminal shows: the table, what differences are worth, and the files."""
    arms = comparison.arms
    rows = [("", [arm.name for arm in arms]), *list_figures(list(map(arm_values, arms)))]
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[k]) for _, cells in rows) for k in range(len(arms))]
    lines = [
        f"  {name:<{first}}" + "".join(f"  {c:>{w}}" for c, w in zip(cells, widths, strict=True))
        for name, cells in rows
    ]
    for arm in arms[1:]:
        lines += ["", f"{arm.name}, against {arms[0].name}:"]
        lines += [f"  {said}" for said in list_warnings(arms[0], arm)]
        worths = [worth for worth in comparison.worths if worth.arm == arm.name]
        lines += [f"  {say_worth(worth)}" for worth in worths if not is_same(worth)]
        lines += [f"  {same}"] if (same := say_same(worths)) else []
    lines += ["", *say_failed(comparison), ONE_VIDEO]
    judges = dict.fromkeys(arm.result.summary.judge for arm in arms if arm.result.summary)
    lines += [f"checked by {one_line(judge)}" for judge in judges if judge]
    for arm in arms:
        lines += [context] if (context := say_context(arm)) else []
        lines += [
            f"{arm.name}: gap: {span} ({name_chunks(chunks)}): {one_line(reason)}"
            for span, chunks, reason in join_gaps(arm.result.ledger.gaps)
        ]
    return [*lines, "", *say_place(comparison.files)]


def say_failed(comparison: Comparison) -> list[str]:
    """A line for each arm whose engine failed."""
    return [f"{one_line(name)} failed: {one_line(why)}" for name, why in comparison.failed]


def list_warnings(first: Arm, arm: Arm) -> list[str]:
    """What to know before the differences: that there are none, or have other causes."""
    context = arm.result.ledger.context
    shown, before = arm.result.shown, first.result.shown
    warnings = []
    if context.startswith("none:"):
        warnings.append(f"no context was carried ({context.removeprefix('none:').strip()})")
    if shown != before:
        warnings.append(f"its chunks were shown as {shown or 'unknown'}, not as {before}")
    return list(map(one_line, warnings))


def say_context(arm: Arm) -> str:
    """What its chunks knew of earlier ones; empty, of flow I."""
    context = arm.result.ledger.context
    return f"{arm.name}: carried context: {one_line(context)}" if context else ""
