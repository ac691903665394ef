"""summary.json, and what `--json` prints: the whole result as one document."""

import json
from typing import Any

from longtake.records import (
    Description,
    Ledger,
    Overview,
    Result,
    StageUsage,
    Summary,
    Transcript,
    Video,
)
from longtake.report.sections import sum_tags
from longtake.timecode import Span

STRETCHES = ("black", "blank", "frozen")


def as_json(result: Result, *, descriptions: bool = False, ascii_only: bool = False) -> str:
    """The document of summary.json, on request with the descriptions; times in seconds.

    In ASCII alone it is the same document, and passes through any terminal or pipe.
    """
    document = {
        "video": video_values(result.video),
        **summary_values(result.summary),
        "tags": [{"label": tag.label, "share": tag.share} for tag in sum_tags(result.descriptions)],
        "shots": _list_shots(result),
        "entities": [
            {"mark": e.mark, "kind": e.kind, "look": e.look, "chunks": list(e.chunks)}
            for e in result.entities
        ],
        "ledger": _ledger(result.ledger),
        "usage": [_usage(stage) for stage in result.usage],
    }
    if descriptions:
        document["descriptions"] = [_description(d) for d in result.descriptions]
    text = json.dumps(document, ensure_ascii=ascii_only, indent=2) + "\n"
    return text.encode("utf-8", "replace").decode()


def _list_shots(result: Result) -> list[dict[str, float]]:
    """Of a film that words tell little of."""
    sparse = result.summary and result.summary.sparse
    return [_span(shot.span) for shot in result.scan.shots] if sparse and result.scan else []


def video_values(video: Video) -> dict[str, Any]:
    """Which video a document tells of: a link or a file as it was named, or as it is called."""
    return {
        "source": video.link or video.title or str(video.path),
        "title": video.title,
        "sha256": video.sha256,
        "duration": video.duration,
    }


def overview_as_json(overview: Overview) -> str:
    """What `scan --json` prints; times in seconds, curves as one value for each `step`."""
    scan = overview.scan
    document = {
        "video": video_values(overview.video),
        "duration": overview.video.duration,
        "shots": [{**_span(shot.span), "begins": shot.begins} for shot in scan.shots],
        "chunks": [{"chunk": chunk.number, **_span(chunk.span)} for chunk in overview.chunks],
        **{name: [_span(span) for span in getattr(scan, name)] for name in STRETCHES},
        "step": scan.step,
        "motion": list(scan.motion),
        "brightness": list(scan.brightness),
        "files": [str(path) for path in overview.files],
    }
    return json.dumps(document, indent=2) + "\n"


def transcript_as_json(transcript: Transcript) -> str:
    """What `transcript --json` prints; times in seconds."""
    document = {
        "source": transcript.source,
        "language": transcript.language,
        "remark": transcript.remark,
        "segments": [{**_span(part.span), "text": part.text} for part in transcript.segments],
    }
    return json.dumps(document, indent=2) + "\n"


def _span(span: Span) -> dict[str, float]:
    return {"start": span.start, "end": span.end}


def summary_values(summary: Summary | None) -> dict[str, Any]:
    """What the documents tell of a summary; the same names where there is none."""
    if summary is None:
        return {
            "headline": "",
            "headline_support": "unchecked",
            "summary": [],
            "chapters": [],
            "moments": [],
            "tree": [],
            "judge": "",
            "made_by": "",
            "remarks": [],
        }
    return {
        "headline": summary.headline,
        "headline_support": summary.headline_support,
        "summary": [
            {
                "sentence": s.text,
                "evidence": list(s.evidence),
                "support": s.support,
                "wording": s.wording,
                "why": s.why,
                "source": s.source,
                "start": s.span.start if s.span else None,
                "end": s.span.end if s.span else None,
            }
            for s in summary.sentences
        ],
        "chapters": [
            {"start": c.span.start, "end": c.span.end, "title": c.title} for c in summary.chapters
        ],
        "moments": [
            {
                "chunk": m.chunk,
                **_span(m.span),
                "text": m.text,
                "support": m.support,
                "why": m.why,
            }
            for m in summary.moments
        ],
        "tree": [
            {"level": n.level, "chunks": list(n.chunks), "tokens": n.tokens} for n in summary.nodes
        ],
        "judge": summary.judge,
        "made_by": summary.made_by,
        "remarks": list(summary.remarks),
    }


def _description(description: Description) -> dict[str, Any]:
    return {
        "chunk": description.chunk.number,
        "start": description.chunk.span.start,
        "end": description.chunk.span.end,
        "description": description.text,
        "speech": description.speech,
        "text": description.on_screen,
        "tags": [{"label": tag.label, "share": tag.share} for tag in description.tags],
        "status": description.status,
        "error": description.error,
        "engine": description.engine,
        "same_as": description.same_as or None,
        "remark": description.remark,
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        "planned": ledger.planned,
        "described": ledger.described,
        "reused": ledger.reused,
        "failed": ledger.failed,
        "summarized": ledger.summarized,
        "cited": ledger.cited,
        "speech": ledger.speech,
        "text": ledger.text,
        "context": ledger.context,
        "topics": ledger.topics,
        "reuses": [{"chunk": chunk, "same_as": other} for chunk, other in ledger.reuses],
        "remarks": [{"chunk": chunk, "remark": remark} for chunk, remark in ledger.remarks],
        "gaps": [
            {"chunk": g.chunk, "start": g.span.start, "end": g.span.end, "reason": g.reason}
            for g in ledger.gaps
        ],
    }


def _usage(usage: StageUsage) -> dict[str, Any]:
    return {
        "stage": usage.stage,
        "engine": usage.engine,
        "requests": usage.cost.requests,
        "input_tokens": usage.cost.input_tokens,
        "output_tokens": usage.cost.output_tokens,
        "seconds": usage.cost.seconds,
        "from_store": usage.from_store,
        "failed": usage.failed,
        "reason": usage.reason,
    }
