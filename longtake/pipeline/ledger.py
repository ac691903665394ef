"""What became of every chunk, and what it all cost: nothing is lost in silence."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from longtake.records import Description, Gap, Ledger, ServerUsage, StageUsage, Summary


def keep_ledger(
    descriptions: Sequence[Description],
    summary: Summary | None,
    speech: str = "",
    text: str = "",
    context: str = "",
) -> Ledger:
    """What became of these chunks; one that reached no summary, though it has one, is a gap, too.

    A chunk reached it where a question told of it, or where a sentence rests on it.
    """
    counts = Counter(description.status for description in descriptions)
    cited = {number for s in summary.sentences for number in s.evidence} if summary else set()
    shown = {number for node in summary.nodes for number in node.chunks} if summary else set()
    reached = cited | shown
    gaps = [
        Gap(d.chunk.number, d.chunk.span, d.error or "it did not reach the summary")
        for d in descriptions
        if d.status == "failed" or (summary and d.chunk.number not in reached)
    ]
    return Ledger(
        planned=len(descriptions),
        described=counts["described"],
        reused=counts["reused"],
        failed=counts["failed"],
        summarized=len(reached),
        cited=len(cited),
        gaps=tuple(gaps),
        reuses=tuple((d.chunk.number, d.same_as) for d in descriptions if d.same_as),
        remarks=tuple((d.chunk.number, d.remark) for d in descriptions if d.remark),
        speech=speech,
        text=text,
        context=context,
        topics=summary.compared_by if summary else "",
    )


def merge_usage(usage: Sequence[StageUsage]) -> tuple[StageUsage, ...]:
    """The usage summed up for each stage and engine."""
    merged: dict[tuple[str, str], StageUsage] = {}
    for part in usage:
        known = merged.get((part.stage, part.engine), StageUsage(part.stage, part.engine))
        merged[part.stage, part.engine] = replace(
            known,
            cost=known.cost + part.cost,
            from_store=known.from_store + part.from_store,
            stored=known.stored + part.stored,
            failed=known.failed + part.failed,
            reason=known.reason or part.reason,
            servers=_merge_servers(known.servers + part.servers),
        )
    return tuple(merged.values())


def _merge_servers(usage: Sequence[ServerUsage]) -> tuple[ServerUsage, ...]:
    """The usage summed up for each server."""
    merged: dict[str, ServerUsage] = {}
    for part in usage:
        known = merged.get(part.server, ServerUsage(part.server))
        merged[part.server] = replace(
            known, cost=known.cost + part.cost, failed=known.failed + part.failed
        )
    return tuple(merged.values())
