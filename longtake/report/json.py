"""summary.json, and what `--json` prints: the whole result as one document; and read back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from longtake.records import (
    Action,
    Chapter,
    Chunk,
    Cost,
    Description,
    Entity,
    Gap,
    Ledger,
    Moment,
    Node,
    Overview,
    Result,
    Scan,
    Segment,
    Sentence,
    ServerUsage,
    Shot,
    StageUsage,
    Summary,
    Tag,
    Transcript,
    Video,
)
from longtake.report.phrases import pick_actions, say_actions, say_tags, sum_tags
from longtake.text.untrusted import whole_letters
from longtake.timecode import Span

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

STRETCHES = ("black", "blank", "frozen")


def as_json(
    result: Result,
    *,
    descriptions: bool = False,
    ascii_only: bool = False,
    placed: bool = False,
) -> str:
    """The document of summary.json, on request with the descriptions; times in seconds.

    In ASCII alone it is the same document, and passes through any terminal or pipe. `placed`: with
    the folder in which it lies.
    """
    document = {
        "video": video_values(result.video),
        **summary_values(result.summary),
        "tags": [_pick(tag, "label", "share") for tag in sum_tags(result.descriptions)],
        **_action_values(pick_actions(result.descriptions)),
        "shots": _list_shots(result),
        "entities": [_pick(entity, "mark", "kind", "look", "chunks") for entity in result.entities],
        "ledger": _ledger(result.ledger),
        "usage": [
            {
                **_pick(usage, "stage", "engine"),
                **_pick(usage.cost, "requests", "input_tokens", "output_tokens", "seconds"),
                **_pick(usage, "from_store", "failed", "reason"),
                **_server_values(usage),
            }
            for usage in result.usage
        ],
    }
    if descriptions:
        document["descriptions"] = [_description(d) for d in result.descriptions]
    if placed:
        document["folder"] = str(result.out)
    return dump(document, ascii_only=ascii_only)


def _server_values(usage: StageUsage) -> dict[str, Any]:
    """What each of several servers took; nothing where there is but one."""
    servers = [
        {
            **_pick(part, "server", "failed"),
            **_pick(part.cost, "requests", "input_tokens", "output_tokens", "seconds"),
        }
        for part in usage.servers
    ]
    return {"servers": servers} if servers else {}


def _action_values(actions: Sequence[Action]) -> dict[str, Any]:
    """What is done; nothing where no model of actions named any."""
    values = [{**_pick(action, "label", "score"), **_span(action.span)} for action in actions]
    return {"actions": values} if values else {}


def dump(document: Mapping[str, Any], *, ascii_only: bool = True) -> str:
    """The document as text; a lone surrogate, which no file can hold, becomes `?`."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=2) + "\n"
    return whole_letters(text)


def _list_shots(result: Result) -> list[dict[str, float]]:
    """Of a film that words tell little of."""
    sparse = result.summary and result.summary.sparse
    return [_span(shot.span) for shot in result.scan.shots] if sparse and result.scan else []


def video_values(video: Video) -> dict[str, Any]:
    """Which video a document tells of: a link or a file as it was named, or as it is called."""
    source = video.link or video.title or str(video.path)
    return {"source": source, **_pick(video, "title", "sha256", "duration", "notes")}


def overview_as_json(overview: Overview) -> str:
    """What `scan --json` prints; times in seconds, curves as one value for each `step`."""
    scan = overview.scan
    document = {
        "video": video_values(overview.video),
        "duration": overview.video.duration,
        "shots": [{**_span(shot.span), "begins": shot.begins} for shot in scan.shots],
        "chunks": [{"chunk": chunk.number, **_span(chunk.span)} for chunk in overview.chunks],
        **{name: [_span(span) for span in getattr(scan, name)] for name in STRETCHES},
        **_pick(scan, "step", "motion", "brightness"),
        "files": [str(path) for path in overview.files],
        "folder": _name_folder(overview.files),
    }
    return dump(document)


def transcript_as_json(transcript: Transcript) -> str:
    """What `transcript --json` prints; times in seconds."""
    document = {
        **_pick(transcript, "source", "language", "remark"),
        "segments": [{**_span(part.span), "text": part.text} for part in transcript.segments],
        "folder": _name_folder(transcript.files),
    }
    return dump(document)


def _name_folder(files: Sequence[Path]) -> str:
    """The folder of what was written; empty where nothing was."""
    return str(files[0].parent) if files else ""


def read_transcript(path: Path) -> Transcript:
    """The transcript that such a document tells of; ValueError where it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        segments = _fill_all(Segment, document["segments"])
        return _fill(Transcript, document, segments=segments)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} holds no transcript: {type(error).__name__}: {error}") from error


def _pick(record: object, *names: str) -> dict[str, Any]:
    """These fields of a record, under the same names."""
    return {name: getattr(record, name) for name in names}


def _span(span: Span) -> dict[str, float]:
    return {"start": span.start, "end": span.end}


def summary_values(summary: Summary | None) -> dict[str, Any]:
    """What the documents tell of a summary; the same names where there is none."""
    summary = summary or Summary("", ())
    return {
        **_pick(summary, "headline", "headline_support"),
        "summary": [
            {
                "sentence": s.text,
                **_pick(s, "evidence", "support", "wording", "why", "source"),
                "start": s.span.start if s.span else None,
                "end": s.span.end if s.span else None,
            }
            for s in summary.sentences
        ],
        "chapters": [{**_span(c.span), "title": c.title} for c in summary.chapters],
        "moments": [
            {"chunk": m.chunk, **_span(m.span), **_pick(m, "text", "support", "why")}
            for m in summary.moments
        ],
        "tree": [_pick(node, "level", "chunks", "tokens") for node in summary.nodes],
        **_pick(summary, "judge", "made_by", "remarks"),
    }


def _description(description: Description) -> dict[str, Any]:
    return {
        "chunk": description.chunk.number,
        **_span(description.chunk.span),
        "description": description.text,
        "speech": description.speech,
        "text": description.on_screen,
        "tags": [_pick(tag, "label", "share") for tag in description.tags],
        **_action_values(description.actions),
        **_pick(description, "status", "error", "engine"),
        "same_as": description.same_as or None,
        "remark": description.remark,
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        **_pick(ledger, "planned", "described", "reused", "failed", "summarized", "cited"),
        **_pick(ledger, "speech", "text", "context", "topics"),
        "reuses": [{"chunk": chunk, "same_as": other} for chunk, other in ledger.reuses],
        "remarks": [{"chunk": chunk, "remark": remark} for chunk, remark in ledger.remarks],
        "gaps": list(map(gap_values, ledger.gaps)),
    }


def gap_values(gap: Gap) -> dict[str, Any]:
    """A gap as the documents have it."""
    return {"chunk": gap.chunk, **_span(gap.span), "reason": gap.reason}


def chunk_values(description: Description) -> dict[str, Any]:
    """What the page shows of a chunk while a run goes on and after, by the record's own names."""
    return {
        "chunk": description.chunk.number,
        **_span(description.chunk.span),
        **_pick(description, "text", "error", "speech", "on_screen"),
        "tags": say_tags(description.tags),
        **({"actions": say_actions(description.actions)} if description.actions else {}),
        **_pick(description, "same_as", "status", "remark"),
    }


def read_json(path: Path) -> Result:
    """The result that a document with descriptions tells of; ValueError where it is none.

    What no document says, or an older one did not yet, is as its record has it by default.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        shots = _fill_all(Shot, document.get("shots", ()))
        return Result(
            _read_video(document["video"]),
            tuple(map(_read_description, document.get("descriptions", ()))),
            _read_summary(document),
            _read_ledger(document["ledger"]),
            tuple(map(_read_usage, document.get("usage", ()))),
            path.parent,
            entities=_fill_all(Entity, document.get("entities", ())),
            scan=Scan(shots, 1.0, (), ()) if shots else None,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} holds no result: {type(error).__name__}: {error}") from error


def _fill(kind: "type[Record]", facts: Mapping[str, Any], **given: Any) -> "Record":
    """A record of the facts that have its fields' names, and of what is given beside them."""
    types = {field.name: field.type for field in fields(kind)}
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in facts.items() if n in types}
    if "span" in types and facts.get("start") is not None:
        values["span"] = Span(facts["start"], facts["end"])
    values |= given
    for name, value in values.items():
        if not _has_type(value, types[name]):
            raise TypeError(f"{name} is {value!r:.40}, not {types[name]}")
    return kind(**values)


def _has_type(value: object, kind: Any) -> bool:
    """Whether a plain value is of the field's type; records, paths and unions are let pass."""
    options = get_args(kind)
    if get_origin(kind) is Literal:
        return value in options
    if get_origin(kind) is tuple:
        kinds = repeat(options[0]) if options[-1] is ... else options
        return isinstance(value, tuple) and all(map(_has_type, value, kinds))
    if kind is float:
        return type(value) in (int, float)
    return kind not in (str, int, bool) or type(value) is kind


def _fill_all(kind: "type[Record]", entries: Iterable[Mapping[str, Any]]) -> "tuple[Record, ...]":
    return tuple(_fill(kind, facts) for facts in entries)


def _read_usage(facts: Mapping[str, Any]) -> StageUsage:
    servers = facts.get("servers", ())
    by_server = tuple(_fill(ServerUsage, part, cost=_fill(Cost, part)) for part in servers)
    return _fill(StageUsage, facts, cost=_fill(Cost, facts), servers=by_server)


def _read_video(facts: Mapping[str, Any]) -> Video:
    source = facts["source"]
    link = source if source.startswith(("http://", "https://")) else ""
    return _fill(Video, facts, path=Path(source), readable=facts["duration"], link=link)


def _read_description(facts: Mapping[str, Any]) -> Description:
    return _fill(
        Description,
        facts,
        chunk=_fill(Chunk, facts, number=facts["chunk"]),
        text=facts["description"],
        on_screen=facts["text"],
        same_as=facts.get("same_as") or 0,
        tags=_fill_all(Tag, facts.get("tags", ())),
        actions=_fill_all(Action, facts.get("actions", ())),
    )


def _read_summary(document: Mapping[str, Any]) -> Summary | None:
    if not document["headline"] and not document["summary"]:
        return None
    return _fill(
        Summary,
        document,
        sentences=tuple(_fill(Sentence, s, text=s["sentence"]) for s in document["summary"]),
        chapters=_fill_all(Chapter, document.get("chapters", ())),
        moments=_fill_all(Moment, document.get("moments", ())),
        nodes=_fill_all(Node, document.get("tree", ())),
        sparse=bool(document.get("shots")),
    )


def _read_ledger(facts: Mapping[str, Any]) -> Ledger:
    return _fill(
        Ledger,
        facts,
        gaps=_fill_all(Gap, facts.get("gaps", ())),
        reuses=tuple((entry["chunk"], entry["same_as"]) for entry in facts.get("reuses", ())),
        remarks=tuple((entry["chunk"], entry["remark"]) for entry in facts.get("remarks", ())),
    )
