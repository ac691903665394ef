"""What flow II remembers of a stretch: who and what was seen, what happened, what is open.

Pure functions on frozen values. Everyone has a mark, `[P1]`, by which descriptions name them; what
a reply says of them is taken over only where it fits what is known.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from longtake.inference.engine import Reply
from longtake.inference.questions import CountLines
from longtake.records import Chunk, Entity, Kind
from longtake.text.clauses import QUOTES, change_unquoted, first_sentence, shorten
from longtake.text.entity_marks import MARKED, list_marks
from longtake.text.people import PEOPLE, tells_of_people
from longtake.text.stems import list_claims
from longtake.text.untrusted import defuse, one_line, restore
from longtake.timecode import format_time

KINDS: dict[str, Kind] = {"P": "person", "T": "thing", "L": "place"}
"""The letter of a mark, and what it stands for."""
MARK = re.compile(r"([\[(]?)\b([PTL])0*([1-9]\d{0,3})\b([\])]?)")
LOOK_WORDS, EVENT_WORDS, OPEN_WORDS = 8, 12, 15
MOST_LETTERS = 120
"""Of each of them, for what is written without spaces."""
MOST_SEEN = 6
"""Of one reply, no more are taken over: models that list everything list it wrongly."""
UNSURE_CHUNKS = 5
"""Who was seen in one chunk alone is not told of after so many more: it may have been a mistake."""
RECENT_EVENTS = 3
"""The last ones are all told; of older ones fewer and fewer."""
ENTRIES_SHARE = 0.6
"""Of the budget, what entries may take before events have their part."""
SAME_LOOK = 0.6
"""Share of common words from which two looks of two stretches are of the same one."""
SMALL_WORDS = frozenset(
    "a an the of in on at with and or near by to from over under his her its their"
    " im in mit der die das dem den ein eine und le la les un une avec et el los con y".split()
)
"""Tell nobody from anybody else."""
NO_SPACES = "\u2e80"
"""From this letter on, scripts stand mostly without spaces between words."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "description": {"type": "string"},
        "seen": {"type": "array", "maxItems": 4, "items": {"type": "string"}},
        "open": {"type": "string"},
    },
    "required": ["description", "seen", "open"],
    "additionalProperties": False,
}
"""Short on purpose: each word of a reply costs as much as many of the prompt."""


@dataclass(frozen=True)
class Known:
    """One that was seen: its mark and look, in which chunks, and when last."""

    mark: str
    look: str
    chunks: tuple[int, ...]
    last: float


@dataclass(frozen=True)
class Event:
    """What happened at a time, in a few words."""

    time: float
    text: str


@dataclass(frozen=True)
class Memory:
    """All that was noted; `say_memory` chooses what a prompt has room for."""

    entries: tuple[Known, ...] = ()
    events: tuple[Event, ...] = ()
    open: str = ""


@dataclass(frozen=True)
class Noted:
    """What a reply notes of its chunk: marks with looks, and what is not clear."""

    seen: tuple[tuple[str, str], ...] = ()
    open: str = ""

    def as_json(self) -> str:
        """The notes as the store keeps them."""
        return json.dumps([list(map(list, self.seen)), self.open])


def noted_from_json(text: str) -> Noted:
    """The notes that `as_json` wrote; empty or damaged text gives empty notes."""
    try:
        seen, still_open = json.loads(text)
        return Noted(tuple((str(mark), str(look)) for mark, look in seen), str(still_open))
    except (ValueError, TypeError, RecursionError):
        return Noted()


def read_reply(reply: Reply) -> tuple[Reply, Noted]:
    """The description alone, as a reply, and what is noted; one that is no document, as it stands.

    Of a document that was cut off, the description, or what there is of it.
    """
    document = _load(reply.text)
    if document is None:
        begun = re.search(r'^[^{]*{\s*"description"\s*:\s*"((?:[^"\\]|\\.)*)("?)', reply.text)
        if not begun:
            return reply, Noted()
        return replace(reply, text=_unescape(begun[1]), complete=bool(begun[2])), Noted()
    items = document.get("seen")
    seen = [
        _read_sighting(item)
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, str)
    ]
    still_open = _few(document.get("open"), OPEN_WORDS)
    description = replace(reply, text=document["description"].strip(), complete=True)
    return description, Noted(tuple(seen[:MOST_SEEN]), still_open)


def _read_sighting(text: str) -> tuple[str, str]:
    """`P3 boy in a cap`: the mark, and the look without any; some write it last, or as `**P3**:`.

    Without a mark, only its kind.
    """
    found = re.search(MARK, text.replace("*", "").upper())
    look = _few(re.sub(MARK.pattern, "", text.replace("*", ""), flags=re.IGNORECASE), LOOK_WORDS)
    look = look.strip(" :,;–-()")
    kind = "P" if PEOPLE & {*look.casefold().split()} or tells_of_people(look) else "T"
    return (found[2] + found[3] if found else kind), look


def _load(text: str) -> dict[str, Any] | None:
    """The JSON object in a reply that has a description; None without one."""
    try:
        document, _ = json.JSONDecoder().raw_decode(text, max(0, text.find("{")))
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict) and isinstance(document.get("description"), str):
        return document
    return None


def _unescape(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _few(value: object, most_words: int) -> str:
    """A reply's words as data: one line, no quotation marks or brackets, not too many."""
    text = one_line(restore(value)).strip() if isinstance(value, str) else ""
    return shorten(re.sub(rf"[{QUOTES}\[\]]", "", text), most_words)[:MOST_LETTERS]


def remember(
    memory: Memory, chunk: Chunk, description: str, noted: Noted
) -> tuple[Memory, str, Noted]:
    """The memory with the chunk in it; its description and notes with the right marks.

    What the description says first is what happened.

    A mark that is known stands for the one it was given to, if the look has a word in common with
    that one's; else, and where it is not known, the next free mark takes its place. Done again with
    what it returns, it returns the same.
    """
    entries = {entry.mark: entry for entry in memory.entries}
    marks: dict[str, str] = {}
    seen: list[tuple[str, str]] = []
    for given, look in noted.seen:
        letter = given[0]
        mark = _find_mark(entries, given, letter, look, dict(seen)) or _next_mark(entries, letter)
        if mark not in dict(seen) and (look or mark in entries):
            seen.append((mark, look))
            marks.setdefault(given, mark)
            entries[mark] = _see(entries.get(mark), mark, look, chunk)
    text, named = _set_marks(description, entries, marks)
    for mark in named:
        entries[mark] = _see(entries[mark], mark, "", chunk)
    event = _say_event_of(text, entries)
    still_open = _drop_strangers(noted.open, entries, marks)
    events = memory.events
    if event and event.casefold() not in [known.text.casefold() for known in events[-1:]]:
        events = (*events, Event(chunk.span.start, event))
    known = replace(memory, entries=tuple(entries.values()), events=events, open=still_open)
    return known, text, Noted(tuple(seen), still_open)


def _say_event_of(text: str, entries: Mapping[str, Known]) -> str:
    """The first sentence in few words, with `P1` in place of `the man in a red coat [P1]`."""
    event = first_sentence(text).rstrip(".。।")
    for mark, entry in entries.items():
        name = rf"\b(?:an?|the) (?:{re.escape(entry.look)}|[\w-]+) "
        event = re.sub(rf"(?i)(?:{name})?\[{mark}\]", mark, event)
    return _few(event, EVENT_WORDS)


def _find_mark(
    entries: Mapping[str, Known], given: str, letter: str, look: str, seen: Collection[str]
) -> str:
    """The mark of the one that is meant; empty for a new one.

    Nobody is meant twice in one reply, so those `seen` are not searched by their look.
    """
    if given in entries and (not look or _look_words(entries[given].look) & _look_words(look)):
        return given
    same = [
        mark
        for mark, entry in entries.items()
        if mark[0] == letter
        and mark not in seen
        and look
        and entry.look.casefold() == look.casefold()
    ]
    return same[0] if len(same) == 1 else ""


def _look_words(look: str) -> set[str]:
    """The words that tell a look from others, by their stems; without spaces, each two letters."""
    words = {word for word in list_claims(look) if word not in SMALL_WORDS}
    long = [word for word in words if any(letter >= NO_SPACES for letter in word)]
    return words | {pair for word in long for pair in map("".join, pairwise(word))}


def _next_mark(entries: Mapping[str, Known], letter: str) -> str:
    numbers = [int(mark[1:]) for mark in entries if mark[0] == letter]
    return f"{letter}{max(numbers, default=0) + 1}"


def _see(entry: Known | None, mark: str, look: str, chunk: Chunk) -> Known:
    """The entry, seen in this chunk; the look that is told first stands."""
    known = entry or Known(mark, look, (), 0.0)
    if chunk.number in known.chunks:
        return known
    return replace(known, chunks=(*known.chunks, chunk.number), last=chunk.span.start)


def _set_marks(
    text: str, entries: Mapping[str, Known], marks: Mapping[str, str]
) -> tuple[str, list[str]]:
    """The text with the right marks in brackets, and which they are; those of nobody are left out.

    Without brackets only a person's mark is one: a T1 may be a terminal.
    """
    named: list[str] = []

    def put(found: re.Match[str]) -> str:
        given = found[2] + found[3]
        mark = marks.get(given, given)
        whole = (found[1] + found[4]) in ("[]", "()")
        if mark in entries and (whole or mark[0] == "P"):
            named.append(mark)
            return f"[{mark}]"
        return "" if found[1] + found[4] == "[]" else found[0]

    marked = change_unquoted(text, lambda part: MARK.sub(put, part))
    return re.sub(r" +(?=[ .,;])", "", marked).strip(), named


def _drop_strangers(text: str, entries: Mapping[str, Known], marks: Mapping[str, str]) -> str:
    """The text with the right marks, bare, and without those of nobody."""

    def put(found: re.Match[str]) -> str:
        mark = marks.get(found[2] + found[3], found[2] + found[3])
        return mark if mark in entries else ""

    return " ".join(MARK.sub(put, text).split())


def say_memory(
    memory: Memory, chunk: Chunk, budget: int, count_lines: CountLines
) -> tuple[str, int]:
    """What the prompt of `chunk` holds of the memory, and its tokens: never more than `budget`.

    First come the free marks and what is open, then who was seen last, then what happened last; of
    older events fewer and fewer. What is told of nobody but once, long ago, is left out.
    """
    kept: list[str] = []

    def fit(lines: Sequence[str], room: int) -> list[str]:
        """The first lines that fit into the room and the budget."""
        nonlocal budget
        chosen = []
        for line, tokens in zip(lines, count_lines(lines) if lines else [], strict=True):
            if tokens + 1 > min(budget, room):
                break
            chosen.append(line)
            budget -= tokens + 1
            room -= tokens + 1
        return chosen

    whole = budget
    entries = {entry.mark: entry for entry in memory.entries}

    def find_named(event: Event) -> list[Known]:
        return [entries[mark] for mark in list_marks(event.text) if mark in entries]

    free = ", ".join(_next_mark(entries, letter) for letter in KINDS)
    last = fit([f"Free marks: {free}"], budget)
    last = [*fit([f"Open: {defuse(memory.open)}"] if memory.open else [], budget), *last]
    shown = sorted(
        (entry for entry in memory.entries if _is_current(entry, chunk)),
        key=lambda entry: (entry.last, len(entry.chunks)),
        reverse=True,
    )
    looks = [f"[{e.mark}] {defuse(e.look)}, last seen {format_time(e.last)}" for e in shown]
    named_lines = fit(looks, int(whole * ENTRIES_SHARE))
    kept += sorted(named_lines, key=lambda line: (line[1], int(line[2 : line.index("]")])))
    named = {line[1 : line.index("]")] for line in named_lines}
    events = _thin([e for e in memory.events if all(_is_current(m, chunk) for m in find_named(e))])
    kept += fit([_say_event(event, entries, named) for event in events], budget)[::-1]
    return "\n".join([*kept, *last]), whole - budget


def _say_event(event: Event, entries: Mapping[str, Known], named: Collection[str]) -> str:
    """The event with its time; those who have no line of their own are told by their look."""
    text = re.sub(
        rf"\b({'|'.join(entries) or '(?!)'})\b",
        lambda found: found[1] if found[1] in named else entries[found[1]].look,
        event.text,
    )
    return f"{format_time(event.time)} {defuse(text)}"


def _is_current(entry: Known, chunk: Chunk) -> bool:
    """Whether it was seen more than once, or not long ago."""
    return len(entry.chunks) > 1 or chunk.number - entry.chunks[-1] <= UNSURE_CHUNKS


def _thin(events: Sequence[Event]) -> list[Event]:
    """The newest first: the last few, then the one at twice the distance, and so on."""
    back = [*range(min(RECENT_EVENTS, len(events)))]
    step = RECENT_EVENTS
    while step < len(events):
        back.append(step)
        step *= 2
    return [events[-1 - place] for place in back]


def merge(memories: Sequence[Memory]) -> tuple[tuple[Entity, ...], list[dict[str, str]]]:
    """All entries of memories in time order, and for each memory the marks that replace its own.

    One that looks the same as one of an earlier stretch is taken for the same.
    """
    merged: dict[str, Known] = {}
    renamed: list[dict[str, str]] = []
    for memory in memories:
        marks: dict[str, str] = {}
        for entry in memory.entries:
            same = next(
                (
                    known
                    for known in merged.values()
                    if known.mark not in marks.values() and _is_same(known, entry)
                ),
                None,
            )
            mark = same.mark if same else _next_mark(merged, entry.mark[0])
            chunks = tuple(sorted({*(same.chunks if same else ()), *entry.chunks}))
            merged[mark] = Known(mark, same.look if same else entry.look, chunks, entry.last)
            marks[entry.mark] = mark
        renamed.append(marks)
    entities = (Entity(e.mark, KINDS[e.mark[0]], e.look, e.chunks) for e in merged.values())
    return tuple(entities), renamed


def _is_same(one: Known, other: Known) -> bool:
    words, others = _look_words(one.look), _look_words(other.look)
    common = len(words & others)
    return one.mark[0] == other.mark[0] and common > 1 and common >= SAME_LOOK * len(words | others)


def rename(text: str, marks: Mapping[str, str]) -> str:
    """The text with other marks in place of these."""

    def put(found: re.Match[str]) -> str:
        return f"[{marks.get(found[1], found[1])}]"

    return change_unquoted(text, lambda part: MARKED.sub(put, part))
