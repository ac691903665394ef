"""What an evaluation leaves: evaluation.csv, .json and .html, the last one with the picture."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from longtake.evaluate.findings import ALL, ArmOfLevel, Evaluation
from longtake.evaluate.intervals import Interval
from longtake.evaluate.plan import OWN
from longtake.evaluate.score import Score
from longtake.files import replacing
from longtake.report.templates import fill

NAMES = {ALL: "All films", OWN: "Your films"}
RATES = ("recall", "precision", "order", "identity")
WIDTH, HEIGHT, EDGE = 360.0, 220.0, 34.0
"""Of the picture of a level, and what its axes take of it."""
LINE, LONG = 8.0, 66.0
"""What a name takes there: no two lie on each other."""


def write_evaluation(folder: Path, found: Evaluation) -> list[Path]:
    """Write all three; the paths."""
    texts = {
        "evaluation.json": as_json(found),
        "evaluation.html": _as_page(found),
    }
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    with (
        replacing(folder / "evaluation.csv") as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = [_flat(row) for row in found.rows]
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [folder / name for name in ("evaluation.html", "evaluation.csv", "evaluation.json")]


def as_json(found: Evaluation) -> str:
    """All of it: the rows with their rates, and what was counted for each film."""
    value = {
        "engine": found.engine,
        "best": found.best,
        "why": found.why,
        "notes": found.notes,
        "rows": [_flat(row) for row in found.rows],
        "films": [asdict(one) for one in found.measured],
    }
    return json.dumps(value, indent=2) + "\n"


def say_evaluation(found: Evaluation) -> Iterator[str]:
    """The table for a terminal."""
    columns = ("level", "arm", "found", "true", "F1 (95 %)", "against I", "summary", "s/min")
    table = [columns, *(_cells(row) for row in found.rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(columns))]
    for row in table:
        cells = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield ""
    yield from found.notes
    if found.best:
        yield f"these settings suit {found.engine} on this machine: {found.best}, for {found.why}"
    else:
        yield f"no settings are recommended: {found.why}"


def _cells(row: ArmOfLevel) -> tuple[str, ...]:
    return (
        row.level,
        row.arm,
        f"{row.descriptions.recall:.2f}",
        f"{row.descriptions.precision:.2f}" if row.descriptions.told else "–",
        say_rate(row.quality, row.interval),
        "" if row.arm == "independent" else say_difference(row.more, row.more_interval),
        say_rate(row.summary_quality, None),
        f"{row.seconds_a_minute:.1f}",
    )


def say_rate(rate: float, interval: Interval | None) -> str:
    """A share with its interval, where there is one."""
    return f"{rate:.2f}" + (f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else "")


def say_difference(more: float, interval: Interval | None) -> str:
    """A difference with its interval, where there is one."""
    return f"{more:+.2f}" + (f" ({interval[0]:+.2f} to {interval[1]:+.2f})" if interval else "")


def _flat(row: ArmOfLevel) -> dict[str, Any]:
    """A row as plain values, its counts and rates by name."""
    values: dict[str, Any] = {}
    for name, value in vars(row).items():
        if isinstance(value, Score):
            values |= {f"{name}_{key}": count for key, count in asdict(value).items()}
            values |= {f"{name}_{rate}": round(getattr(value, rate), 4) for rate in RATES}
        elif name.endswith("interval"):
            low, high = value or (None, None)
            stem = name.removesuffix("interval")
            values |= {f"{stem}low": _round(low), f"{stem}high": _round(high)}
        else:
            values[name] = _round(value)
    return values


def _round(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _as_page(found: Evaluation) -> str:
    levels = list(dict.fromkeys(row.level for row in found.rows))
    of_levels = {level: [row for row in found.rows if row.level == level] for level in levels}
    return fill(
        "evaluation.html",
        found=found,
        levels=[
            {
                "name": NAMES.get(level, f"Level {level}"),
                "films": rows[0].films,
                "rows": rows,
                "points": list(_place(rows)),
                "most": _most(rows),
            }
            for level, rows in of_levels.items()
        ],
        width=WIDTH,
        height=HEIGHT,
        edge=EDGE,
        rate=say_rate,
        difference=say_difference,
    )


def _most(rows: Sequence[ArmOfLevel]) -> float:
    return max(row.seconds_a_minute for row in rows) or 1.0


def _place(rows: Sequence[ArmOfLevel]) -> Iterator[Mapping[str, Any]]:
    """Where each arm lies in the picture: cost to the right, quality upwards, from 0 to 1."""
    most = _most(rows)
    named: list[tuple[float, float]] = []
    for row in rows:
        low, high = row.interval or (row.quality, row.quality)
        x, y = EDGE + row.seconds_a_minute / most * (WIDTH - 3 * EDGE), _up(row.quality)
        name_y = y
        while any(abs(name_y - other) < LINE and abs(x - near) < LONG for near, other in named):
            name_y += 1
        named.append((x, name_y))
        yield {
            "arm": row.arm,
            "x": x,
            "y": y,
            "name_y": name_y,
            "low": _up(low),
            "high": _up(high),
        }


def _up(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 1.5 * EDGE)
