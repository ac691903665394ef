"""What is said of a result, phrased once for every report, the terminal and the page.

All of it is plain text on one line: who shows it escapes it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from longtake.records import (
    Action,
    Chapter,
    Description,
    Gap,
    Ledger,
    Result,
    Scan,
    Sentence,
    ServerUsage,
    StageUsage,
    Summary,
    Support,
    Tag,
    Video,
)
from longtake.text.clauses import quote
from longtake.text.plurals import say_count
from longtake.text.untrusted import join_numbers
from longtake.timecode import Span, format_tenths, format_time

MOST_TAGS, MOST_ACTIONS, MOST_SHOTS = 8, 8, 12
SHORT_SECONDS = 60.0
"""Of a video that is shorter, times have tenths."""
COMMANDS = ("longtake ", "--")
"""How a remark begins that is to be typed."""
LEGEND = {
    "unsupported": "✗ the cited descriptions do not say that",
    "unchecked": "? not checked: the words can't settle it, and no model did",
}


def name_chunks(numbers: Sequence[int]) -> str:
    """`chunk 5`, `chunks 1–3, 7`."""
    return f"chunk{'s' if len(numbers) > 1 else ''} {join_numbers(numbers)}"


def say_made(result: Result) -> str:
    """What made the summary, as a sentence; empty where nothing is known of it."""
    return end_remark(result.summary.made_by) if result.summary and result.summary.made_by else ""


def say(sentence: Sentence) -> str:
    """A sentence as it is shown: what was said or written stands in quotation marks."""
    if sentence.source == "voice":
        return quote(sentence.text)
    return f"On screen: {quote(sentence.text)}" if sentence.source == "screen" else sentence.text


@dataclass(frozen=True)
class Section:
    """A chapter and the sentences that are quoted from it; None: those of no chapter."""

    chapter: Chapter | None
    sentences: tuple[Sentence, ...]


def divide(summary: Summary) -> list[Section]:
    """The sentences under their chapters, where each is quoted from one place; else all as one."""
    quoted = all(sentence.span for sentence in summary.sentences)
    if not (summary.chapters and summary.sentences and quoted):
        return [Section(None, summary.sentences)] if summary.sentences else []
    starts = [chapter.span.start for chapter in summary.chapters]
    found: list[list[Sentence]] = [[] for _ in starts]
    for sentence in summary.sentences:
        start = sentence.span.start if sentence.span else 0.0
        found[max(0, sum(begin <= start for begin in starts) - 1)].append(sentence)
    pairs = zip(summary.chapters, found, strict=True)
    return [Section(chapter, tuple(sentences)) for chapter, sentences in pairs]


def place(sentence: Sentence, spans: Mapping[int, Span]) -> Span | None:
    """When it is said or shown; of a sentence that is not quoted, the stretch of its chunks."""
    cited = [spans[number] for number in sentence.evidence if number in spans]
    if sentence.span or not cited:
        return sentence.span
    return Span(min(span.start for span in cited), max(span.end for span in cited))


def list_places(sentence: Sentence, spans: Mapping[int, Span]) -> list[tuple[int, Span]]:
    """Each stretch of neighbouring chunks that it cites, with the first one's number.

    What is quoted has one place, where it is said or shown.
    """
    cited = sorted(number for number in sentence.evidence if number in spans)
    if sentence.span and cited:
        return [(cited[0], sentence.span)]
    runs = groupby(enumerate(cited), key=lambda at: at[1] - at[0])
    stretches = [[number for _, number in run] for _, run in runs]
    return [
        (run[0], Span(spans[run[0]].start, max(spans[n].end for n in run))) for run in stretches
    ]


def say_place(sentence: Sentence, spans: Mapping[int, Span]) -> str:
    """`0:07` of what is quoted, else the stretches of its chunks, `0:00–0:12, 1:30–1:36`."""
    if sentence.span:
        return format_time(sentence.span.start)
    return ", ".join(str(span) for _, span in list_places(sentence, spans))


def say_support(support: Support, why: str = "") -> str:
    """`✗ unsupported: …`, `?`, or nothing where a reader may rely on it."""
    if support == "unsupported":
        return f"✗ unsupported{f': {why}' if why else ''}"
    return "?" if support == "unchecked" else ""


def headline_support(summary: Summary) -> Support:
    """What came of checking the headline; where nobody checked, it is taken for a quote."""
    return summary.headline_support if summary.judge else "quoted"


def explain_supports(summaries: Iterable[Summary]) -> list[str]:
    """What the marks mean that stand in these summaries."""
    found: set[Support] = set()
    for summary in summaries:
        found |= {sentence.support for sentence in summary.sentences}
        found |= {moment.support for moment in summary.moments}
        found.add(headline_support(summary))
    return [words for support, words in LEGEND.items() if support in found]


def say_seen(result: Result) -> list[str]:
    """A line each: what a reader has to know beside the points; none where there is nothing."""
    tags = say_tags(sum_tags(result.descriptions))
    said = [f"Seen by detectors, may be wrong: {tags}."] if tags else []
    if actions := say_actions(pick_actions(result.descriptions)):
        named = " and ".join(use.engine for use in result.usage if use.stage == "actions")
        said.append(f"Actions named by {named or 'a model'}, may be wrong: {actions}.")
    if result.scan and result.summary and result.summary.sparse:
        said.insert(0, f"{say_shots(result.scan).capitalize()}.")
    remarks = result.summary.remarks if result.summary else ()
    return [*said, *map(end_remark, remarks)]


def sum_tags(descriptions: Sequence[Description]) -> list[Tag]:
    """What detectors saw in the whole video, by the share of its time, the most first."""
    seconds: dict[str, float] = defaultdict(float)
    for description in descriptions:
        for tag in description.tags:
            seconds[tag.label] += tag.share * description.chunk.span.seconds
    total = sum(description.chunk.span.seconds for description in descriptions) or 1.0
    order = sorted(seconds, key=lambda label: -seconds[label])[:MOST_TAGS]
    return [Tag(label, round(seconds[label] / total, 3)) for label in order]


def say_tags(tags: Sequence[Tag]) -> str:
    """`person 100 %, bicycle 40 %`; what was hardly seen is under one per cent."""
    shares = [(tag.label, round(100 * tag.share)) for tag in tags]
    return ", ".join(f"{label} {f'{share} %' if share else 'under 1 %'}" for label, share in shares)


def pick_actions(descriptions: Sequence[Description]) -> list[Action]:
    """Of the whole video, each action where it is surest, the surest first."""
    surest: dict[str, Action] = {}
    for action in (action for description in descriptions for action in description.actions):
        known = surest.setdefault(action.label, action)
        if action.score > known.score:
            surest[action.label] = action
    return sorted(surest.values(), key=lambda action: -action.score)[:MOST_ACTIONS]


def say_actions(actions: Sequence[Action]) -> str:
    """`pouring 0.82 (0:12–0:15); walking 0.41 (0:15–0:18)`."""
    return "; ".join(f"{action.label} {action.score:.2f} ({action.span})" for action in actions)


def say_shots(scan: Scan) -> str:
    """How many shots, and when the first of them begin; whether the picture stands still."""
    length = scan.shots[-1].span.end if scan.shots else 0.0
    write = format_tenths if length < SHORT_SECONDS else format_time
    starts = [write(shot.span.start) for shot in scan.shots]
    more = f" and {len(starts) - MOST_SHOTS} more" if len(starts) > MOST_SHOTS else ""
    said = "one shot"
    if len(starts) > 1:
        said = f"{len(starts)} shots, from {', '.join(starts[:MOST_SHOTS])}{more}"
    for name, spans in (("stands still", scan.frozen), ("is dark", scan.black)):
        share = sum(span.seconds for span in spans) / max(length, 0.001)
        if share >= 0.1:
            said += f"; the picture {name} for {min(100, round(100 * share))} % of the time"
    return said


def end_remark(remark: str) -> str:
    """As a sentence; a command stays as it is typed."""
    if remark.startswith(COMMANDS):
        return remark
    end = "" if remark.endswith(":") else "."
    return f"{remark[:1].upper()}{remark[1:]}{end}"


def say_ledger(ledger: Ledger) -> str:
    """The counts in one sentence."""
    reused = f" {ledger.reused} reused," if ledger.reused else ""
    reached = f"{ledger.summarized} in the summary"
    if ledger.cited < ledger.summarized:
        reached = f"{ledger.summarized} read for the summary, {ledger.cited} cited in it"
    return (
        f"{say_count(ledger.planned, 'chunk')} planned, {ledger.described} described,{reused}"
        f" {ledger.failed} failed, {reached}."
    )


def list_notes(result: Result) -> list[str]:
    """A line each beside the counts: checks, chunks that look the same, words, what was amiss."""
    checks = say_checks(result.summary) if result.summary else ""
    found = (checks, _say_reuses(result.ledger), *_say_words(result.ledger))
    servers = [f"Servers, {said}" for said in say_servers(result.usage)]
    return [*filter(None, found), *servers, *say_file(result.video), *say_remarks(result.ledger)]


def say_file(video: Video) -> list[str]:
    """`The file: …`, one for each thing to know of how it was read."""
    return [f"The file: {note}" for note in video.notes]


def say_checks(summary: Summary) -> str:
    """`5 sentences: 3 supported, 1 unsupported, 1 unchecked; checked by …`; nothing of quotes."""
    counts = Counter(s.support for s in summary.sentences if s.support != "quoted")
    found = [
        f"{counts[support]} {support}"
        for support in ("supported", "unsupported", "unchecked")
        if counts[support]
    ]
    by = f"; checked by {summary.judge}" if summary.judge else ""
    return f"{say_count(counts.total(), 'sentence')}: {', '.join(found)}{by}" if found else ""


def _say_reuses(ledger: Ledger) -> str:
    """`Not asked again: chunks 3–5 look the same as chunk 2`."""
    twins: dict[int, list[int]] = {}
    for chunk, other in ledger.reuses:
        twins.setdefault(other, []).append(chunk)
    said = [
        f"{name_chunks(chunks)} look{'s' if len(chunks) == 1 else ''} the same as chunk {other}"
        for other, chunks in twins.items()
    ]
    return f"Not asked again: {'; '.join(said)}" if said else ""


def _say_words(ledger: Ledger) -> list[str]:
    """What became of what is said and written, a line each."""
    said = (
        ("Speech", ledger.speech),
        ("On-screen text", ledger.text),
        ("Topics", ledger.topics and f"told apart by {ledger.topics}"),
        ("Context", ledger.context),
    )
    return [f"{name}: {what}" for name, what in said if what]


def say_servers(usage: Iterable[StageUsage]) -> list[str]:
    """`describe: http://a/v1 21 requests (9,300 tokens, 34 s), …`: stages that several served."""
    return [f"{u.stage}: {', '.join(map(_say_server, u.servers))}" for u in usage if u.servers]


def _say_server(usage: ServerUsage) -> str:
    cost = usage.cost
    if not cost.requests:
        return f"{usage.server} none"
    tokens = f"{cost.input_tokens + cost.output_tokens:,} tokens, {cost.seconds:.0f} s"
    failed = f", {usage.failed} without a reply" if usage.failed else ""
    return f"{usage.server} {say_count(cost.requests, 'request')} ({tokens}{failed})"


def say_remarks(ledger: Ledger) -> list[str]:
    """`Chunks 3–5: seen with …`, one for each remark."""
    chunks: dict[str, list[int]] = {}
    for chunk, remark in ledger.remarks:
        chunks.setdefault(remark, []).append(chunk)
    return [f"{name_chunks(numbers).capitalize()}: {remark}" for remark, numbers in chunks.items()]


def join_gaps(gaps: Sequence[Gap]) -> list[tuple[Span, tuple[int, ...], str]]:
    """Times, chunks and reason of the gaps; neighbours with the same reason are one."""
    joined: list[tuple[Span, tuple[int, ...], str]] = []
    runs = groupby(enumerate(gaps), key=lambda at: (at[1].chunk - at[0], at[1].reason))
    for (_, reason), run in runs:
        same = [gap for _, gap in run]
        span = Span(same[0].span.start, max(gap.span.end for gap in same))
        joined.append((span, tuple(gap.chunk for gap in same), reason))
    return joined


def say_engines(result: Result) -> str:
    """Whose the descriptions and the summary are, as a sentence; empty where nobody is known."""
    sentences = result.summary.sentences if result.summary else ()
    wrote = any(sentence.wording == "model" for sentence in sentences)
    stages = ("describe", "reconcile") if wrote else ("describe",)
    names = dict.fromkeys(usage.engine for usage in result.usage if usage.stage in stages)
    verb = "Descriptions from"
    if any(description.engine for description in result.descriptions):
        verb = "Described by" if any(d.is_prose for d in result.descriptions) else "Measured by"
    return f"{verb} {', summarised by '.join(names)}." if names else ""
