"""Runs and results as the page finds them, with texts that would like to be more than text."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from longtake.pipeline.ledger import keep_ledger
from longtake.records import (
    Chapter,
    Chunk,
    Description,
    Entity,
    Moment,
    Result,
    Sentence,
    Summary,
    Video,
)
from longtake.report import as_json
from longtake.report.csv import as_csv
from longtake.runs.folder import Asked, Kind, Run, read_run, submit, write_state
from longtake.timecode import Span

HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "[x](javascript:alert(1))",
    ":material/home: :smile: :red[x] $x^2$ **b** `c`",
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "www.evil.example https://evil.example me@evil.example",
    "# x\n\n- y",
    "<img src=x onerror=alert(1)>",
)


def make_run(folder: Path, state: Any = "done", **facts: Any) -> Run:
    """A run as the queue would tell of it."""
    asked = Asked("https://site.example/v", "summarize", {}, "A title", "me", 100.0, "")
    run = Run(
        id="abc", asked=asked, state=state, steps=(), error="", hint="", notes=(), video=None,
        title="", duration=0.0, ahead=0, started=0.0, ended=0.0, folder=folder,
    )  # fmt: skip
    return replace(run, **facts)


def describe(texts: Sequence[str]) -> list[Description]:
    """Chunks of six seconds with these texts; an empty one has failed."""
    return [
        Description(
            Chunk(n, Span(6.0 * (n - 1), 6.0 * n)),
            "described" if text else "failed",
            "fake",
            text=text,
            error="" if text else "no reply",
            speech="said",
            on_screen="written",
        )
        for n, text in enumerate(texts, 1)
    ]


def make_result(folder: Path, texts: Sequence[str]) -> Result:
    """A result whose sentences cite chunks 1 and 2, and nothing."""
    found = describe(texts)
    summary = Summary(
        texts[0],
        (
            Sentence(texts[0], (2, 1), support="supported"),
            Sentence(texts[1], (2,), support="unsupported", why="a reason"),
            Sentence(texts[1], (), wording="own words"),
        ),
        (Chapter(Span(0, 12), texts[0]),),
        (Moment(2, Span(6, 12), texts[1]),),
        judge="by hand",
    )
    return Result(
        Video(Path("v.mp4"), "0" * 64, 18.0, 18.0), tuple(found), summary,
        keep_ledger(found, summary, "heard", "read"), (), folder,
        entities=(Entity("P1", "person", "a red coat", (2, 3)),),
    )  # fmt: skip


def write_result(folder: Path, texts: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    result = make_result(folder, texts)
    (folder / "result.json").write_text(as_json(result, descriptions=True), encoding="utf-8")
    (folder / "descriptions.csv").write_bytes(as_csv(result.descriptions).encode())
    (folder / "summary.md").write_text("# It", encoding="utf-8")


def end_run(kind: Kind = "summarize", title: str = "A film", visitor: str = "me") -> Run:
    """A run of the home that has ended; its results are still to be written."""
    asked = Asked("/film.mp4", kind, {}, title, visitor, time.time(), "")
    run = read_run(submit(asked))
    write_state(replace(run, state="done"))
    return read_run(run.id)
