"""What the page shows, as plain values of runs and their files. Knows neither Streamlit nor HTTP.

All text stays as it came: who draws it shows it as text (`textContent`, or `as_text` in Markdown).
"""

import csv
import io
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtake.engines import ENGINES, choose_engine
from longtake.errors import SourceError, UsageError
from longtake.models.table import find_vlms_here
from longtake.records import MEASURED, Chapter, Gap, Ledger, Scan, Sentence, Shot, Summary, Tag
from longtake.report.csv import guard, unguard
from longtake.report.markdown import (
    end_remark,
    join_gaps,
    name_chunks,
    say_checks,
    say_ledger,
    say_remarks,
    say_reuses,
    say_words,
)
from longtake.report.sections import Section, divide, place, say, say_shots, say_tags
from longtake.runs import Run, Step, read_told
from longtake.settings import Settings
from longtake.text.safe import one_line
from longtake.timecode import Span, format_time

ENDED = ("done", "stopped", "failed")
FLOWS = {
    "independent": "Each chunk on its own (I)",
    "context": "With memory of earlier chunks (II)",
    "both": "Both, side by side",
}
OF_BOTH = ("independent", "context")
FLOW_HINTS = {
    "independent": "Quickest: chunks are described one by one, in any order",
    "context": "Follows people and things from chunk to chunk; costs more",
    "both": "Two summaries, and what the difference is worth",
}
LENGTHS = {"short": "Short", "medium": "Medium", "long": "Long"}
LEGEND = {
    "unsupported": "✗ the cited descriptions do not say that",
    "unchecked": "? not checked: the words can't settle it, and no model did",
}
STAGES = {
    "load": ("Loading the video", 12),
    "read": ("Reading the file", 2),
    "scan": ("Looking for shots", 6),
    "listen": ("Listening to what is said", 6),
    "text": ("Reading what is written", 2),
    "describe": ("Describing", 50),
    "reconcile": ("Summarising", 16),
    "digest": ("Finding topics", 6),
    "draw": ("Drawing the contact sheet", 2),
    "check": ("Checking the summary", 6),
}
"""Each stage in plain words, and its usual share of a run."""
IN_BYTES = ("load", "read")
FILES = (
    ("summary.md", "Summary (Markdown)"),
    ("summary.json", "Summary (JSON)"),
    ("descriptions.csv", "Descriptions (CSV)"),
    ("descriptions.vtt", "Descriptions as subtitles (VTT)"),
    ("chapters.txt", "Chapters (YouTube's form)"),
    ("sheet.png", "Contact sheet (PNG)"),
    ("strip.png", "Shots and motion (PNG)"),
    ("transcript.txt", "Transcript (text)"),
    ("transcript.srt", "Transcript (SRT)"),
    ("transcript.vtt", "Transcript (VTT)"),
    ("compare.html", "Comparison (page)"),
    ("compare.csv", "Comparison (CSV)"),
    ("compare.json", "Comparison (JSON)"),
)
"""What a run's folder may hold for its reader, and what that is."""
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "vtt": "text/vtt; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "png": "image/png",
}
MOST_NAME = 80
MOST_TITLE = 60
WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class EngineChoice:
    """An engine that can serve here: what the setting is called, and what the page calls it."""

    value: str
    label: str
    hint: str


@dataclass(frozen=True)
class File:
    """A file to take away: its place under the run's results, what it is, its size."""

    place: str
    label: str
    path: Path
    bytes: int


def as_text(text: str) -> str:
    """The text so that Streamlit's Markdown shows it as it is: no link, no icon, no formula.

    Marks that are read after escapes are gone (`:icon:`, addresses) are broken by a joiner, which
    takes no room.
    """
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", one_line(text))
    broken = re.sub(r"([:@])", rf"\1{WORD_JOINER}", escaped)
    return re.sub(r"(?i)(www)(?=\\\.)", rf"\1{WORD_JOINER}", broken)


def as_file_name(text: str) -> str:
    """A name for a download, without what a file system or a header reads more into."""
    name = re.sub(r"[^\w.\- ]+", "_", one_line(text)).strip(" ._")
    return name[:MOST_NAME].strip(" ._") or "video"


def say_bytes(count: int) -> str:
    """`1.4 GB`, `94 MB`, `12 kB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 10 and unit != "kB" else f"{value:.0f} {unit}"
    return f"{count} bytes"


def say_seconds(seconds: float) -> str:
    """`a few seconds`, `40 seconds`, `3 minutes`, `2 h 10 min`: as exact as a guess can be."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} seconds"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{minutes // 60} h {minutes % 60:02} min"


def say_when(moment: float, now: float | None = None) -> str:
    """`just now`, `5 minutes ago`, `3 hours ago`, `2026-11-23`."""
    passed = (time.time() if now is None else now) - moment
    if passed < 60:
        return "just now"
    for unit, size, most in (("minute", 60, 60), ("hour", 3600, 24), ("day", 86400, 7)):
        count = int(passed // size)
        if count < most:
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def list_engines(settings: Settings) -> list[EngineChoice]:
    """Automatic first, then those that can serve on this machine as it is."""
    chosen, why = choose_engine()
    found = [EngineChoice("auto", f"Automatic: {chosen}", _sentence_case(why))]
    found += [
        EngineChoice(f"gguf:{model.name}", model.name, "A vision-language model that is here.")
        for model in find_vlms_here()
    ]
    found.append(EngineChoice("sketch", "sketch", _sentence_case(ENGINES["sketch"])))
    if settings.base_url:
        found.append(EngineChoice("server", "server", "The server that the settings name."))
    if settings.engine not in [choice.value for choice in found]:
        hint = ENGINES.get(settings.engine.partition(":")[0], "as the settings name it")
        found.insert(1, EngineChoice(settings.engine, settings.engine, _sentence_case(hint)))
    return found


def _sentence_case(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."


def name_source(source: str) -> str:
    """What to call a source before its title is known; nothing of a file's folder."""
    return one_line(source if "://" in source else Path(source).name)


def name_run(run: Run) -> str:
    """A run's title, for a button."""
    title = _name(run)
    return as_text(title if len(title) <= MOST_TITLE else f"{title[:MOST_TITLE]}…")


def _name(run: Run) -> str:
    return one_line(run.title or run.asked.title or name_source(run.asked.source))


def say_run(run: Run) -> str:
    """`done, 5 minutes ago`, and what kind of run."""
    kind = {"compare": "both flows, ", "reconcile": "edited, "}.get(run.asked.kind, "")
    return f"{kind}{run.state}, {say_when(run.asked.created)}"


# --- a run while it goes on -------------------------------------------------------------------


def show_run(run: Run) -> dict[str, Any]:
    """What stands above a run: title, state, how far it is, and what is being done."""
    step = run.steps[-1] if run.steps else None
    return {
        "kind": run.asked.kind,
        "state": run.state,
        "title": _name(run),
        "link": run.asked.source if re.match(r"https?://", run.asked.source) else "",
        "of": run.asked.of,
        "duration": format_time(run.duration) if run.duration else "",
        "video": run.video is not None and run.video.is_file(),
        "part": measure_part(run),
        "doing": say_doing(run),
        "left": f"about {say_seconds(step.left)} left" if step and step.left else "",
        "notes": [one_line(note) for note in run.notes],
        "error": one_line(run.error),
        "hint": one_line(run.hint),
        "took": say_seconds(run.ended - run.started) if run.ended > run.started > 0 else "",
    }


def measure_part(run: Run) -> float:
    """How much of the whole run is done, 0 to 1, by the usual shares of its stages."""
    if run.state == "done":
        return 1.0
    arms = list(dict.fromkeys(step.note for step in run.steps if step.note in OF_BOTH))
    if run.asked.kind == "compare" and arms:
        own = [step for step in run.steps if step.note == arms[-1]]
        return (len(arms) - 1 + _measure_stages(own)) / len(OF_BOTH)
    return _measure_stages(run.steps)


def _measure_stages(steps: Sequence[Step]) -> float:
    stages = {step.stage: step for step in steps if step.stage in STAGES}
    if not stages:
        return 0.0
    order = list(STAGES)
    last = max(order.index(stage) for stage in stages)
    whole = sum(share for _, share in STAGES.values())
    done = float(sum(STAGES[stage][1] for stage in order[:last]))
    step = stages[order[last]]
    done += STAGES[step.stage][1] * min(1.0, step.done / step.total if step.total else 0.0)
    return min(0.99, done / whole)


def say_doing(run: Run) -> str:
    """What is being done now, in one short line."""
    if run.state == "waiting":
        if not run.ahead:
            return "Starting"
        return f"{run.ahead} run{'s' * (run.ahead != 1)} before yours"
    if run.state == "running" and run.steps:
        return _say_step(run)
    return {"running": "Starting", "stopped": "Stopped", "failed": "Failed"}.get(run.state, "Done")


def _say_step(run: Run) -> str:
    step = run.steps[-1]
    words = STAGES.get(step.stage, (step.stage.capitalize(), 0))[0]
    if step.stage == "done":
        return "Writing the files"
    if step.stage == "load" and step.note and not (step.total or step.done):
        return f"{words}: {one_line(step.note)}"
    if not step.total:
        return f"{words}: {say_bytes(step.done)}" if step.stage in IN_BYTES else words
    if step.stage in IN_BYTES:
        return f"{words}: {say_bytes(step.done)} of {say_bytes(step.total)}"
    if step.stage == "describe":
        return f"{words} chunk {min(step.done + 1, step.total)} of {step.total}"
    return f"{words}: {100 * min(step.done, step.total) // step.total} %"


def show_told(run: Run, after: int, result: bool) -> dict[str, Any]:
    """What the page asks for again and again: the run, and what was told after number `after`.

    With `result` the result, too, once there is one.
    """
    told = [_told(entry) for entry in read_told(run.id, after)]
    shown: dict[str, Any] = {"run": show_run(run), "told": told, "result": None}
    if result and run.state == "done":
        shown["result"] = show_result(run)
    return shown


def _told(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "time": _time(entry["start"]), "arm": entry.get("arm", "")}


def _time(seconds: float) -> str:
    return format_time(float(seconds))


# --- the result of a run ----------------------------------------------------------------------


def show_result(run: Run) -> dict[str, Any] | None:
    """All that a finished run found, as the view draws it; None where its files are gone."""
    arms = [
        _show_arm(document, folder.name if folder != run.folder / "out" else "")
        for folder, document in _read_results(run.folder / "out")
    ]
    if not arms:
        return None
    for arm in arms:
        arm["ledger"]["lines"] += [one_line(note) for note in run.notes]
    return {
        "arms": arms,
        "legend": _legend(arms),
        "files": [
            {"place": file.place, "label": file.label, "size": say_bytes(file.bytes)}
            for file in list_files(run)
        ],
        **_show_comparison(run.folder / "out" / "compare.json"),
    }


def _read_results(out: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each result that lies there: one, or one for each arm of a comparison."""
    for path in (out / "result.json", *sorted((out / "arms").glob("*/result.json"), key=_flow_of)):
        document = _read_json(path)
        if document:
            yield path.parent, document


def _flow_of(path: Path) -> tuple[int, str]:
    order = ("independent", "context")
    name = path.parent.name
    return (order.index(name) if name in order else len(order), name)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _show_arm(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    chunks = document.get("descriptions", [])
    spans = {chunk["chunk"]: Span(chunk["start"], chunk["end"]) for chunk in chunks}
    ledger = _read_ledger(document["ledger"])
    summary = _read_summary(document)
    told = bool(document.get("judge"))
    return {
        "title": FLOWS.get(name, name),
        "headline": document["headline"],
        "support": document.get("headline_support", "unchecked") if told else "",
        "made": document.get("made_by", ""),
        "sections": [_section(section, spans) for section in divide(summary)],
        "tags": _say_tags(document),
        "shots": _say_shots(document),
        "moments": [
            {**_pick(moment, "text", "support", "why"), **_place(moment)}
            for moment in document["moments"]
        ],
        "chapters": [
            {"title": chapter["title"], **_place(chapter)} for chapter in document["chapters"]
        ],
        "entities": [_entity(entity, spans) for entity in document["entities"]],
        "ledger": {
            "said": say_ledger(ledger),
            "lines": _ledger_lines(summary, ledger),
            "gaps": [
                {"at": span.start, "time": str(span), "said": f"{name_chunks(numbers)}: {reason}"}
                for span, numbers, reason in join_gaps(ledger.gaps)
            ],
        },
        "remarks": [end_remark(remark) for remark in document.get("remarks", [])],
        "by": _say_engines(document),
        "chunks": [
            {
                **chunk,
                "same_as": chunk["same_as"] or 0,
                "on_screen": chunk["text"],
                "tags": _say_tags(chunk),
                "text": chunk["description"],
                "time": _time(chunk["start"]),
            }
            for chunk in chunks
        ],
    }


def _say_shots(document: Mapping[str, Any]) -> str:
    spans = [Span(shot["start"], shot["end"]) for shot in document.get("shots", [])]
    said = say_shots(Scan(tuple(map(Shot, spans)), 1.0, (), ())) if spans else ""
    return said[:1].upper() + said[1:]


def _say_tags(facts: Mapping[str, Any]) -> str:
    return say_tags([Tag(tag["label"], tag["share"]) for tag in facts.get("tags", [])])


def _pick(facts: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: facts[name] for name in names}


def _place(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": facts["start"], "time": _time(facts["start"])}


def _section(section: Section, spans: Mapping[int, Span]) -> dict[str, Any]:
    """A chapter's title and time, and its sentences; both empty for those of no chapter."""
    chapter = section.chapter
    return {
        "title": chapter.title if chapter else "",
        "at": chapter.span.start if chapter else None,
        "time": _time(chapter.span.start) if chapter else "",
        "sentences": [_sentence(sentence, spans) for sentence in section.sentences],
    }


def _sentence(sentence: Sentence, spans: Mapping[int, Span]) -> dict[str, Any]:
    """A sentence with the place that a click leads to: where it is said, or its first chunk."""
    span = place(sentence, spans)
    cited = (_time(span.start) if sentence.span else str(span)) if span else "no chunk"
    return {
        "text": say(sentence),
        "support": sentence.support,
        "why": sentence.why,
        "at": span.start if span else None,
        "cited": cited,
    }


def _entity(facts: Mapping[str, Any], spans: Mapping[int, Span]) -> dict[str, Any]:
    seen = [n for n in facts["chunks"] if n in spans]
    return {
        **_pick(facts, "mark", "look"),
        "at": spans[seen[0]].start if seen else None,
        "said": name_chunks(seen) if seen else "",
    }


def _read_ledger(facts: Mapping[str, Any]) -> Ledger:
    counts = ("planned", "described", "reused", "failed", "summarized", "cited")
    return Ledger(
        **_pick(facts, *counts, "speech", "text", "context"),
        topics=facts.get("topics", ""),
        gaps=tuple(
            Gap(gap["chunk"], Span(gap["start"], gap["end"]), gap["reason"])
            for gap in facts["gaps"]
        ),
        reuses=tuple((entry["chunk"], entry["same_as"]) for entry in facts["reuses"]),
        remarks=tuple((entry["chunk"], entry["remark"]) for entry in facts["remarks"]),
    )


def _read_summary(document: Mapping[str, Any]) -> Summary:
    """Sentences and chapters of a result, as the reports know them."""
    return Summary(
        document["headline"],
        tuple(_read_sentence(facts) for facts in document["summary"]),
        tuple(Chapter(Span(c["start"], c["end"]), c["title"]) for c in document["chapters"]),
        judge=document.get("judge", ""),
    )


def _read_sentence(facts: Mapping[str, Any]) -> Sentence:
    start, end = facts.get("start"), facts.get("end")
    return Sentence(
        facts["sentence"],
        tuple(facts["evidence"]),
        support=facts["support"],
        why=facts["why"],
        source=facts.get("source"),
        span=Span(start, end) if start is not None and end is not None else None,
    )


def _ledger_lines(summary: Summary, ledger: Ledger) -> list[str]:
    lines = [checks] if (checks := say_checks(summary)) else []
    if ledger.reuses:
        lines.append(say_reuses(ledger))
    return [*lines, *say_words(ledger), *say_remarks(ledger)]


def _say_engines(document: Mapping[str, Any]) -> str:
    wrote = any(sentence["wording"] == "model" for sentence in document["summary"])
    stages = ("describe", "reconcile") if wrote else ("describe",)
    names = dict.fromkeys(u["engine"] for u in document["usage"] if u["stage"] in stages)
    texts = [chunk["description"] for chunk in document.get("descriptions", [])]
    measured = all(text.startswith(MEASURED) for text in texts if text)
    verb = "Measured by " if measured else "Described by "
    return verb + ", summarised by ".join(names) if names else ""


def _legend(arms: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the marks mean that stand there."""
    marks = {s["support"] for arm in arms for part in arm["sections"] for s in part["sentences"]}
    marks |= {moment["support"] for arm in arms for moment in arm["moments"]}
    marks |= {arm["support"] for arm in arms}
    return [words for mark, words in LEGEND.items() if mark in marks]


def _show_comparison(path: Path) -> dict[str, Any]:
    """The figures of both flows side by side, and what can be told of the difference."""
    document = _read_json(path)
    arms = document.get("arms", [])
    if not arms:
        return {"figures": None}
    rows: list[tuple[str, list[str]]] = [
        ("Requests", [f"{arm['requests']:,}" for arm in arms]),
        ("Tokens in", [f"{arm['input_tokens']:,}" for arm in arms]),
        ("Tokens out", [f"{arm['output_tokens']:,}" for arm in arms]),
        ("Tokens in, against I", [_times(arm["overhead"]) for arm in arms]),
        ("Engine time", [f"{arm['seconds']:.1f} s" for arm in arms]),
        ("Unsupported sentences", [str(arm["unsupported"]) for arm in arms]),
        ("Unchecked sentences", [str(arm["unchecked"]) for arm in arms]),
        ("Gaps", [str(arm["gaps"]) for arm in arms]),
    ]
    return {
        "figures": {
            "head": [FLOWS.get(arm["name"], arm["name"]) for arm in arms],
            "rows": [{"name": name, "cells": cells} for name, cells in rows],
            "said": [worth["said"] for worth in document.get("differences", [])],
            "failed": [f"{f['name']}: {f['error']}" for f in document.get("failed", [])],
            "remark": document.get("remark", ""),
        }
    }


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"


# --- files ------------------------------------------------------------------------------------


def list_files(run: Run) -> list[File]:
    """What can be taken away, in the order of FILES; nothing else of the folder is served."""
    out = run.folder / "out"
    places = [(out, ""), *((arm, arm.name) for arm in sorted((out / "arms").glob("*")))]
    found = []
    for folder, arm in places:
        for name, label in FILES:
            path = folder / name
            if path.is_file() and not path.is_symlink():
                shown = f"{label}, {FLOWS.get(arm, arm)}" if arm else label
                place = f"arms/{arm}/{name}" if arm else name
                found.append(File(place, shown, path, path.stat().st_size))
    return found


def find_file(run: Run, place: str) -> File | None:
    """The file of that place; None for anything that is not one of those."""
    return next((file for file in list_files(run) if file.place == place), None)


def media_type(name: str) -> str:
    """The type to serve a file of that name with."""
    return TYPES.get(name.rpartition(".")[2].casefold(), "application/octet-stream")


def sniff_video(head: bytes) -> str:
    """The media type of what begins so; empty where it is no container of video known here."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime" if head[4:12] == b"ftypqt  " else "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for start, kind in (
        (b"OggS", "video/ogg"),
        (b"FLV", "video/x-flv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
        (b"\x00\x00\x01\xba", "video/mpeg"),
        (b"\x00\x00\x01\xb3", "video/mpeg"),
        (b"GIF8", "image/gif"),
        (b".RMF", "application/vnd.rn-realmedia"),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    is_transport = head[:1] == b"G" and head[188:189] in (b"G", b"")
    return "video/mp2t" if is_transport and len(head) > 188 else ""


# --- the table --------------------------------------------------------------------------------


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a run's descriptions.csv with their texts as they were."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [
                {name: unguard(cell or "") for name, cell in row.items() if name}
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"the table can't be read: {error}", "Run the video again.") from error


def list_tables(run: Run) -> list[tuple[str, Path]]:
    """The tables that can be edited, each by what to call it."""
    return [
        (file.label, file.path) for file in list_files(run) if file.path.name == "descriptions.csv"
    ]


def edit_table(path: Path, texts: Mapping[int, str]) -> str:
    """The table with these descriptions by chunk in place of its own.

    A chunk whose text was taken from another, or that had failed, has one of its own now.
    """
    rows = read_table(path)
    if not rows:
        raise UsageError("the table has no rows", "Run the video again.")
    for row in rows:
        new = one_line(texts.get(int(row["chunk"]), row["description"]))
        if new != row["description"]:
            status = "described" if new else row["status"]
            row.update(description=new, status=status, error="", same_as="", remark="")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(rows[0])
    writer.writerows([guard(cell) for cell in row.values()] for row in rows)
    return file.getvalue()


def count_edits(rows: Sequence[Mapping[str, str]], texts: Mapping[int, str]) -> int:
    """How many descriptions these texts would change."""
    return sum(
        one_line(texts.get(int(row["chunk"]), row["description"])) != row["description"]
        for row in rows
    )


def say_edits(changed: int) -> str:
    """`3 descriptions changed`."""
    return f"{changed or 'No'} description{'s' * (changed != 1)} changed"


def show_row(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of the table as the page edits it."""
    return {
        "Chunk": int(row["chunk"]),
        "From": _time(float(row["start"])),
        "To": _time(float(row["end"])),
        "Description": row["description"],
    }
