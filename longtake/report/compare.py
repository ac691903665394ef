"""compare.csv, compare.json and what the terminal shows: arms side by side."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from longtake.records import Arm, Comparison, Worth
from longtake.report.csv import guard
from longtake.report.json import summary_values, video_values
from longtake.report.measures import FEWEST_PAIRS, MEASURES
from longtake.report.phrases import join_gaps, name_chunks
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

ONE_VIDEO = "One video tells nothing of others: what holds here may not hold there."
UNITS = {measure.name: measure.unit for measure in MEASURES}
SIGNS = {"supported": "✓", "unsupported": "✗", "unchecked": "?", "quoted": "“"}


def comparison_as_json(comparison: Comparison, *, ascii_only: bool = False) -> str:
    """The document of compare.json; times in seconds, shares from 0 to 1."""
    document = {
        "video": video_values(comparison.video),
        "arms": [_arm_values(arm) for arm in comparison.arms],
        "differences": [_worth_values(worth) for worth in comparison.worths],
        "failed": [{"name": name, "error": why} for name, why in comparison.failed],
        "remark": ONE_VIDEO,
    }
    text = json.dumps(document, ensure_ascii=ascii_only, indent=2) + "\n"
    return text.encode("utf-8", "replace").decode()


def _arm_values(arm: Arm) -> dict[str, Any]:
    result, cost = arm.result, arm.cost
    return {
        "name": arm.name,
        "flow": dict(arm.settings)["flow"],
        "settings": dict(arm.settings),
        "requests": cost.requests,
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "seconds": cost.seconds,
        "overhead": _round(arm.overhead),
        "describe_overhead": _round(arm.describe_overhead),
        "gaps": len(result.ledger.gaps),
        "unsupported": count(arm, "unsupported"),
        **summary_values(result.summary),
        "supported": count(arm, "supported"),
        "unchecked": count(arm, "unchecked"),
        "chunks": result.ledger.planned,
        "context_tokens": arm.context_tokens,
        "context": result.ledger.context,
        "wall_seconds": arm.seconds,
        "stages": {
            stage: {
                "requests": part.requests,
                "input_tokens": part.input_tokens,
                "output_tokens": part.output_tokens,
                "seconds": part.seconds,
            }
            for stage, part in arm.stages
        },
        "duplicates": arm.duplicates,
        "returning_marks": arm.marks,
        "missing": [
            {"chunk": g.chunk, "start": g.span.start, "end": g.span.end, "reason": g.reason}
            for g in result.ledger.gaps
        ],
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


def count(arm: Arm, support: str) -> int:
    """The sentences of an arm's summary that are so."""
    sentences = arm.result.summary.sentences if arm.result.summary else ()
    return sum(sentence.support == support for sentence in sentences)


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


Cells = list[tuple[str, list[str]]]
RARE = ("    carried context", "  check", "marks in two chunks or more")
"""Figures that are left out where all are 0."""


def list_figures(arms: Sequence[Arm]) -> Cells:
    """Each figure's name and what it is for every arm, as text."""
    rows: Cells = [
        ("chunks", [f"{arm.result.ledger.planned:,}" for arm in arms]),
        ("shown of a chunk, at most", [arm.result.shown or "–" for arm in arms]),
        ("requests", [f"{arm.cost.requests:,}" for arm in arms]),
        ("input tokens", [f"{arm.cost.input_tokens:,}" for arm in arms]),
    ]
    for stage in dict(arms[0].stages):
        costs = [dict(arm.stages)[stage] for arm in arms]
        rows.append((f"  {stage}", [f"{cost.input_tokens:,}" for cost in costs]))
        if stage == "describe":
            rows.append(("    carried context", [f"{arm.context_tokens:,}" for arm in arms]))
    rows += [
        ("output tokens", [f"{arm.cost.output_tokens:,}" for arm in arms]),
        ("input over flow I", [_times(arm.overhead) for arm in arms]),
        ("  describe", [_times(arm.describe_overhead) for arm in arms]),
        ("engine time", [f"{arm.cost.seconds:,.1f} s" for arm in arms]),
        (
            "time of this run (the first finds what all share)",
            [f"{arm.seconds:,.1f} s" for arm in arms],
        ),
        ("gaps", [str(len(arm.result.ledger.gaps)) for arm in arms]),
        ("say the same as the chunk before", [str(arm.duplicates) for arm in arms]),
        *((f"sentences {name}", [str(count(arm, name)) for arm in arms]) for name in SIGNS),
        ("marks in two chunks or more", [str(arm.marks) for arm in arms]),
    ]
    return [(name, cells) for name, cells in rows if name not in RARE or {*cells} != {"0"}]


def _round(overhead: float | None) -> float | None:
    return None if overhead is None else round(overhead, 4)


def _times(overhead: float | None) -> str:
    return "–" if overhead is None else f"{overhead:.2f}×"


def comparison_as_csv(comparison: Comparison) -> str:
    """The table of arms: a line each, numbers as in compare.json."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    rows = [_flat(_arm_values(arm)) for arm in comparison.arms]
    writer.writerow(rows[0])
    writer.writerows([guard(cell) for cell in row.values()] for row in rows)
    return file.getvalue()


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """One row: settings as text, a column for each stage's figures, no lists."""
    settings = ", ".join(f"{name}={value}" for name, value in values["settings"].items())
    stages = {
        f"{stage}_{name}": value
        for stage, costs in values["stages"].items()
        for name, value in costs.items()
    }
    kept = {k: v for k, v in values.items() if not isinstance(v, list | dict)}
    shown = {k: "" if v is None else v for k, v in kept.items()}
    return shown | {"settings": settings} | stages


def say_comparison(comparison: Comparison) -> list[str]:
    """What the terminal shows: the table, what differences are worth, and the files."""
    arms = comparison.arms
    rows = [("", [arm.name for arm in arms]), *list_figures(arms)]
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
    return [*lines, *(f"files: {one_line(str(path))}" for path in comparison.files)]


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
