"""The result of a run as the page's view draws it: what the reports say, and where a click leads.

All of it is text as it came; view.js sets it as text.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from longtake.records import Entity, Moment, Result, Segment, Sentence, Summary, Transcript
from longtake.report import phrases
from longtake.report.compare import list_figures
from longtake.report.json import chunk_values, read_json, read_transcript
from longtake.runs.files import FLOWS, list_files, say_bytes
from longtake.runs.folder import Run
from longtake.text.untrusted import one_line
from longtake.timecode import Span, format_time
from longtake.web.format import sentence_case


def show_result(run: Run) -> dict[str, Any] | None:
    """All that a finished run found, as the view draws it; None where its files are gone."""
    out = run.folder / "out"
    results = list(_read_results(out))
    if not results:
        return None
    return {
        "arms": [_show_arm(result, run, result.out != out) for result in results],
        "legend": phrases.explain_supports(result.summary for result in results if result.summary),
        "files": [
            {"place": file.place, "label": file.label, "size": say_bytes(file.bytes)}
            for file in list_files(run)
        ],
        "figures": _show_comparison(out / "compare.json"),
        "transcript": _show_transcript(out / "transcript.json", results[0]),
    }


def _show_transcript(path: Path, result: Result) -> dict[str, Any]:
    """What is said, line by line; of a run that did not keep it, what is said in each chunk."""
    try:
        found = read_transcript(path)
    except (OSError, ValueError):
        told = [d for d in result.descriptions if d.speech]
        found = Transcript(
            "", tuple(Segment(d.chunk.span, d.speech) for d in told), remark=result.ledger.speech
        )
    return {
        "said": _say_transcript(found),
        "language": found.language,
        "lines": [
            {"at": s.span.start, "end": s.span.end, "time": format_time(s.span.start),
             "text": one_line(s.text)}
            for s in found.segments
        ],
    }  # fmt: skip


def _say_transcript(found: Transcript) -> str:
    """Where it is from and what is missing, or why there is none."""
    if found.segments:
        return " ".join(map(sentence_case, filter(None, (found.source, found.remark))))
    why = found.remark or f"no words were found in it, {found.source}"
    return f"There is no transcript: {one_line(why).rstrip('.')}."


def _read_results(out: Path) -> Iterator[Result]:
    """Each result that lies there: one, or one for each arm of a comparison."""
    for path in (out / "result.json", *sorted((out / "arms").glob("*/result.json"), key=_flow_of)):
        with suppress(OSError, ValueError):
            yield read_json(path)


def _flow_of(path: Path) -> tuple[int, str]:
    order, name = list(FLOWS), path.parent.name
    return (order.index(name) if name in order else len(order), name)


def _show_arm(result: Result, run: Run, several: bool) -> dict[str, Any]:
    """One result; of several, under the name of its flow."""
    spans = {d.chunk.number: d.chunk.span for d in result.descriptions}
    return {
        "title": FLOWS.get(result.out.name, result.out.name) if several else "",
        **_show_summary(result, spans),
        "made": phrases.say_made(result),
        "seen": phrases.say_seen(result),
        "entities": [_show_entity(entity, spans) for entity in result.entities],
        "ledger": {
            "said": phrases.say_ledger(result.ledger),
            "lines": [*phrases.list_notes(result), *map(one_line, run.notes)],
            "gaps": [
                {**_lead(span), "time": str(span), "said": f"{phrases.name_chunks(chunks)}: {why}"}
                for span, chunks, why in phrases.join_gaps(result.ledger.gaps)
            ],
            "by": phrases.say_engines(result),
        },
        "chunks": [show_chunk(chunk_values(d)) for d in result.descriptions],
    }


def show_chunk(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A chunk of a run or of its result, with the time of its start as people write it."""
    return {**facts, "time": format_time(float(facts["start"]))}


def _show_summary(result: Result, spans: Mapping[int, Span]) -> dict[str, Any]:
    summary = result.summary or Summary("", ())
    return {
        "headline": summary.headline,
        "support": phrases.headline_support(summary),
        "sections": [
            {
                "title": section.chapter.title if section.chapter else "",
                **_lead(section.chapter.span if section.chapter else None),
                "sentences": [_show_sentence(sentence, spans) for sentence in section.sentences],
            }
            for section in phrases.divide(summary)
        ],
        "moments": [{**_show_words(moment), **_lead(moment.span)} for moment in summary.moments],
        "chapters": [
            {"title": chapter.title, **_lead(chapter.span)} for chapter in summary.chapters
        ],
    }


def _show_words(found: Sentence | Moment) -> dict[str, Any]:
    return {"text": found.text, "support": found.support, "why": found.why}


def _lead(span: Span | None) -> dict[str, Any]:
    """Where a click leads, and when that is; nowhere without a span."""
    if span is None:
        return {"at": None, "time": ""}
    return {"at": span.start, "time": format_time(span.start)}


def _show_sentence(sentence: Sentence, spans: Mapping[int, Span]) -> dict[str, Any]:
    """A sentence with the place that a click leads to: where it is said, or its first chunk."""
    return {
        **_show_words(sentence),
        "text": phrases.say(sentence),
        **_lead(phrases.place(sentence, spans)),
        "cited": phrases.say_place(sentence, spans) or "no chunk",
    }


def _show_entity(entity: Entity, spans: Mapping[int, Span]) -> dict[str, Any]:
    seen = [number for number in entity.chunks if number in spans]
    return {
        "mark": entity.mark,
        "look": entity.look,
        **_lead(spans[seen[0]] if seen else None),
        "said": phrases.name_chunks(seen) if seen else "",
    }


def _show_comparison(path: Path) -> dict[str, Any] | None:
    """The figures of both flows side by side, and what their differences are worth."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    arms = document["arms"]
    return {
        "head": [FLOWS.get(arm["name"], arm["name"]) for arm in arms],
        "rows": [{"name": name, "cells": cells} for name, cells in list_figures(arms)],
        "said": [worth["said"] for worth in document["differences"]],
        "failed": [f"{arm['name']}: {arm['error']}" for arm in document["failed"]],
        "remark": document["remark"],
    }
