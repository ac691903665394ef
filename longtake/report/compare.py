"""compare.html, compare.csv, compare.json and what the terminal shows: arms side by side.

The page is one file without scripts or outside addresses; all that comes from a video is escaped.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from longtake.records import Arm, Comparison, Description, Sentence, Worth
from longtake.report.csv import guard
from longtake.report.json import summary_values, video_values
from longtake.report.measures import FEWEST_PAIRS, MEASURES
from longtake.report.phrases import join_gaps, name_chunks, say
from longtake.text.marks import MARKED
from longtake.text.plurals import say_count
from longtake.text.safe import join_numbers, one_line
from longtake.timecode import Span, format_time

ONE_VIDEO = "One video tells nothing of others: what holds here may not hold there."
UNITS = {measure.name: measure.unit for measure in MEASURES}
SIGNS = {"supported": "✓", "unsupported": "✗", "unchecked": "?", "quoted": "“"}
PLOT = (220, 20)
"""Width and height of an interval's picture."""


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
        "named_again": round(arm.named_again, 4),
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
    if _is_same(worth):
        return f"{name}: the same in {'all ' * (worth.pairs > 1)}{chunks}"
    low, high = (_signed(value, name) for value in (worth.low, worth.high))
    high += f" {UNITS[name]}".rstrip()
    if worth.told:
        return f"{name}: {_signed(worth.mean, name, unit=True)} (95 %: {low} to {high})"
    if worth.pairs < FEWEST_PAIRS:
        return f"{name}: can't tell from {chunks}"
    return f"{name}: can't tell from {chunks} ({low} to {high})"


def _is_same(worth: Worth) -> bool:
    return worth.pairs > 0 and worth.mean == worth.low == worth.high == 0


def say_same(worths: Sequence[Worth]) -> str:
    """What differs in no chunk, in one sentence; empty where there is nothing such."""
    same = [worth.measure for worth in worths if _is_same(worth)]
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
        ("names something in earlier words", [f"{arm.named_again:.0%}" for arm in arms]),
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
        lines += [f"  {say_worth(worth)}" for worth in worths if not _is_same(worth)]
        lines += [f"  {same}"] if (same := say_same(worths)) else []
    lines += ["", *_say_failed(comparison), ONE_VIDEO]
    judges = dict.fromkeys(arm.result.summary.judge for arm in arms if arm.result.summary)
    lines += [f"checked by {one_line(judge)}" for judge in judges if judge]
    for arm in arms:
        ledger = arm.result.ledger
        lines += [f"{arm.name}: {_say_context(arm)}"] if ledger.context else []
        lines += [
            f"{arm.name}: gap: {span} ({name_chunks(chunks)}): {one_line(reason)}"
            for span, chunks, reason in join_gaps(ledger.gaps)
        ]
    return [*lines, *(f"files: {one_line(str(path))}" for path in comparison.files)]


def _say_failed(comparison: Comparison) -> list[str]:
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


def _say_context(arm: Arm) -> str:
    return f"carried context: {one_line(arm.result.ledger.context)}"


def as_page(comparison: Comparison) -> str:
    """The whole of compare.html."""
    video = comparison.video
    name = _safe(video.name)
    body = [
        f"<header><p class=eyebrow>Longtake · comparison</p><h1>{name}</h1>",
        f"<p>{_lead(comparison)}</p></header><main>",
        "<section><h2>What each way costs and finds</h2>",
        *_bars(comparison.arms),
        *_figures(comparison.arms),
        "</section>",
        "<section><h2>What a difference is worth</h2>",
        *_worths(comparison),
        "</section><section><h2>Summaries</h2>",
        f"<p class=note>{_legend()}</p><div class=cards>",
        *(_summary(place, arm) for place, arm in enumerate(comparison.arms)),
        "</div></section><section><h2>Descriptions</h2>",
        *_descriptions(comparison.arms),
        "</section></main>",
    ]
    page = files(__package__).joinpath("compare.html").read_text(encoding="utf-8")
    before, after = page.split("{{body}}")
    return "\n".join([before.replace("{{title}}", name), *body, after])


def _lead(comparison: Comparison) -> str:
    names = [f"<b>{_safe(arm.name)}</b>" for arm in comparison.arms]
    ways = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{format_time(comparison.video.duration)} of video, gone through as {ways}. {ONE_VIDEO}"


def _bars(arms: Sequence[Arm]) -> Iterator[str]:
    """Input tokens by kind, a bar an arm."""
    most = max(arm.cost.input_tokens for arm in arms)
    if not most:
        return
    yield "<p class=note>Input tokens: "
    kinds = ("chunks", "context", "reconcile", "check")
    yield " ".join(f'<span class="key k-{kind}"></span>{kind}' for kind in kinds) + "</p>"
    yield "<div class=bars>"
    for arm in arms:
        stages = {stage: cost.input_tokens for stage, cost in arm.stages}
        context = min(arm.context_tokens, stages["describe"])
        parts = (stages["describe"] - context, context, stages["reconcile"], stages["check"])
        yield f"<div class=bar><span>{_safe(arm.name)}</span><div class=track>"
        for kind, tokens in zip(kinds, parts, strict=True):
            if tokens:
                title = f"{kind}: {tokens:,} tokens"
                width = 100 * tokens / most
                yield f'<i class=k-{kind} style="width:{width:.2f}%" title="{title}"></i>'
        yield f"</div><b>{arm.cost.input_tokens:,}</b></div>"
    yield "</div>"


def _figures(arms: Sequence[Arm]) -> Iterator[str]:
    yield "<div class=scroll><table class=figures><thead><tr><th></th>"
    for arm in arms:
        settings = ", ".join(f"{name} {value}" for name, value in arm.settings)
        yield f"<th>{_safe(arm.name)}<small>{_safe(settings)}</small></th>"
    yield "</tr></thead><tbody>"
    for name, cells in list_figures(arms):
        depth = (len(name) - len(name.lstrip())) // 2
        yield f"<tr class=d{depth}><th>{_safe(name)}</th>"
        yield "".join(f"<td>{_safe(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table></div>"
    for arm in arms:
        if arm.result.ledger.context:
            yield f"<p class=note>{_safe(arm.name)}: {_safe(_say_context(arm))}.</p>"
    yield (
        "<p class=note>Tokens, requests and engine time count what an answer cost when it was"
        " given, also where the store held it, and what replies cost that were no use. Engine time"
        " grows with how many requests were under way at once."
        " “Earlier words” is a rough measure by pattern: a chunk counts that names someone or"
        " something in words that an earlier chunk used.</p>"
    )


def _worths(comparison: Comparison) -> Iterator[str]:
    base = _safe(comparison.arms[0].name)
    yield (
        f"<p class=note>Paired with {base} chunk by chunk: the mean difference with its 95 %"
        " interval, from a bootstrap over blocks of neighbouring chunks. Where the interval holds"
        f" zero, or there are fewer than {FEWEST_PAIRS} chunks, the data can't tell. Where"
        " neighbours are very alike it is too narrow; and of twenty differences that are none, one"
        " may be told all the same.</p>"
    )
    yield from (f"<p class=note>{_safe(said)}</p>" for said in _say_failed(comparison))
    for arm in comparison.arms[1:]:
        yield f"<h3>{_safe(arm.name)}</h3>"
        warnings = list_warnings(comparison.arms[0], arm)
        yield from (f"<p class=note>{_safe(said)}</p>" for said in warnings)
        yield "<ul class=worths>"
        worths = [worth for worth in comparison.worths if worth.arm == arm.name]
        for worth in worths:
            if not _is_same(worth):
                kind = "told" if worth.told else "untold"
                yield f"<li class={kind}>{_plot(worth)}<span>{_safe(say_worth(worth))}</span></li>"
        if same := say_same(worths):
            yield f"<li class=untold><span>{_safe(same.capitalize())}</span></li>"
        yield "</ul>"


def _plot(worth: Worth) -> str:
    """The interval on a line whose middle is zero."""
    width, height = PLOT
    most = max(abs(worth.low), abs(worth.high), abs(worth.mean))

    def place(value: float) -> float:
        return round(width / 2 + (value / most if most else 0) * (width / 2 - 6), 1)

    middle = height / 2
    return (
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<path class=axis d="M0 {middle}H{width}M{width / 2} 2V{height - 2}"/>'
        f'<path class=range d="M{place(worth.low)} {middle}H{place(worth.high)}"/>'
        f'<circle cx="{place(worth.mean)}" cy="{middle}" r="4"/></svg>'
    )


def _legend() -> str:
    return (
        "<span class=supported>✓</span> supported by the descriptions it cites,"
        " <span class=unsupported>✗</span> not supported, <span class=unchecked>?</span> not"
        " settled. Numbers are the chunks that a sentence rests on."
    )


def _summary(place: int, arm: Arm) -> str:
    summary = arm.result.summary
    lines = [f"<article><h3>{_safe(arm.name)}</h3>"]
    if summary:
        lines.append(f"<p class=headline>{_text(summary.headline)}</p><ul class=sentences>")
        lines += [_sentence(place, sentence) for sentence in summary.sentences]
        lines.append("</ul>")
        lines += [f"<p class=note>Checked by {_safe(summary.judge)}.</p>"] if summary.judge else []
    else:
        lines.append("<p class=gap>Nothing could be summarised.</p>")
    lines += [
        f"<p class=note>{_text(f'[{entity.mark}]')} {_safe(entity.look)}</p>"
        for entity in arm.result.entities
    ]
    gaps = arm.result.ledger.gaps
    if gaps:
        lines.append(f"<p class=gap>Does not know of {len(gaps)} of its chunks:</p><ul>")
        lines += [f"<li class=gap>{gap.span}: {_safe(gap.reason)}</li>" for gap in gaps]
        lines.append("</ul>")
    return "\n".join([*lines, "</article>"])


def _sentence(place: int, sentence: Sentence) -> str:
    sign, why = SIGNS[sentence.support], f" <em>{_safe(sentence.why)}</em>" if sentence.why else ""
    cited = _links(place, sentence.evidence)
    return (
        f'<li class={sentence.support}><span class=sign title="{sentence.support}">{sign}</span>'
        f"<span>{_text(say(sentence))} <small class=cites>{cited}</small>{why}</span></li>"
    )


def _links(place: int, numbers: Sequence[int]) -> str:
    """`1–3, 7`, each of the numbers a way to its description."""
    link = rf'<a href="#a{place}c\g<0>">\g<0></a>'
    return re.sub(r"\d+", link, join_numbers(numbers))


def _descriptions(arms: Sequence[Arm]) -> Iterator[str]:
    """A row for each of flow I's chunks; a cell holds what of an arm begins in it."""
    starts = [d.chunk.span.start for d in arms[0].result.descriptions]
    columns = [_by_row(starts, arm.result.descriptions) for arm in arms]
    yield "<div class=scroll><table class=descriptions><thead><tr><th>time</th>"
    yield "".join(f"<th>{_safe(arm.name)}</th>" for arm in arms) + "</tr></thead><tbody>"
    for row, first in enumerate(arms[0].result.descriptions):
        yield f"<tr><th>{_short(first.chunk.span)}</th>"
        for place, (arm, column) in enumerate(zip(arms, columns, strict=True)):
            cell = "".join(_description(place, d, first.chunk.span) for d in column[row])
            yield f'<td data-arm="{_safe(arm.name)}">{cell}</td>'
        yield "</tr>"
    yield "</tbody></table></div>"


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


def _description(place: int, description: Description, row: Span) -> str:
    chunk = description.chunk
    anchor = f"id=a{place}c{chunk.number}"
    when = "" if chunk.span == row else f" · {_short(chunk.span)}"
    if not description.text:
        error = _safe(description.error)
        return f"<p class=gap {anchor}><small>{chunk.number}{when}</small>{error}</p>"
    same = f" · as chunk {description.same_as}" if description.same_as else ""
    return f"<p {anchor}><small>{chunk.number}{when}{same}</small>{_text(description.text)}</p>"


def _short(span: Span) -> str:
    return escape(str(span))


def _text(text: str) -> str:
    """Escaped, with the marks of entities set apart."""
    return MARKED.sub(r"<b class=mark>\1</b>", _safe(text))


def _safe(text: str) -> str:
    return escape(one_line(text))
