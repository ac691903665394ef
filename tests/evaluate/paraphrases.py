"""Texts about films, right ones and ones made false on purpose: `paraphrases.tsv`, by hand.

A row has a film's events, a text, and how many of its tellings are true and how many false. Of
`order` and `identity` the false one is that the order, or who it is, is told wrong.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from longtake.evaluate.reading.vocabulary import CAMERA_MOVES
from longtake.evaluate.score import Score, score_summary
from longtake.evaluate.truth import TrueEvent
from longtake.evaluate.world import ACTIONS, COLOURS

_ACTIONS = sorted({*ACTIONS, *CAMERA_MOVES, "shows", "says"}, key=len, reverse=True)
_EVENT = re.compile(
    rf"(other:)?(?P<actor>[\w ]+?)(?: \((?P<called>[\w ]+)\))? (?P<action>{'|'.join(_ACTIONS)})"
    r"(?: (?P<target>.+))?"
)


class Paraphrase(NamedTuple):
    written: str
    """`first`: the reader was made by it; `held out`: written later, then it was mended by it."""
    kind: str
    film: list[TrueEvent]
    text: str
    true: int
    false: int


@dataclass(frozen=True)
class Rates:
    true: int = 0
    counted_true: int = 0
    false: int = 0
    rejected: int = 0
    read_beside: int = 0
    """What was read that the text does not tell, and is wrong."""

    def __add__(self, other: "Rates") -> "Rates":
        mine, its = vars(self), vars(other)
        return Rates(*(mine[name] + its[name] for name in mine))

    @property
    def true_positive(self) -> float:
        return self.counted_true / self.true

    @property
    def true_negative(self) -> float:
        return self.rejected / self.false


def list_paraphrases() -> Iterator[Paraphrase]:
    path = Path(__file__).with_name("paraphrases.tsv")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Paraphrase(
                row["written"],
                row["kind"],
                read_film(row["film"]),
                row["text"].replace(r"\n", "\n"),
                int(row["true"]),
                int(row["false"]),
            )


def read_film(cell: str) -> list[TrueEvent]:
    """`red circle enters; red circle (blue circle) touches green star`, one after the other.

    `other:` begins the name of one who looks as somebody else does.
    """
    events = []
    for number, part in enumerate(cell.split("; ")):
        found = _EVENT.fullmatch(part)
        assert found, part
        actor, called = found["actor"], found["called"] or ""
        if found[1]:
            actor, called = f"second {actor}", actor
        start = 3.0 * number
        target = found["target"] or ""
        events.append(TrueEvent(start, start + 2, actor, found["action"], target, called))
    return events


def rate(row: Paraphrase) -> Rates:
    score = score_summary(row.film, [row.text])
    if row.kind in ("order", "identity"):
        return _rate_relation(row, score)
    rejected = row.false - max(0, score.matched - row.true)
    beside = max(0, score.wrong - row.false)
    return Rates(row.true, min(row.true, score.matched), row.false, max(0, rejected), beside)


def _rate_relation(row: Paraphrase, score: Score) -> Rates:
    """A relation that is told right and taken for wrong costs a true telling."""
    asked = score.pairs if row.kind == "order" else score.identities
    share = score.order if row.kind == "order" else score.identity
    found_wrong = bool(asked) and share < 1
    matched = min(row.true, score.matched)
    if not row.false and (found_wrong or not asked):
        matched = max(0, matched - 1)
    return Rates(row.true, matched, row.false, int(bool(row.false) and found_wrong), score.wrong)


_OTHER_COLOURS = dict(zip(COLOURS, [*list(COLOURS)[1:], *list(COLOURS)[:1]], strict=True))
_OTHER_ACTIONS = {
    "enters": "leaves", "moves left": "moves right", "moves up": "moves down", "grows": "shrinks",
    "touches": "swaps", "hides": "reappears", "jumps": "spins", "flashes": "carries",
    "zooms in": "zooms out", "pans left": "pans right",
}  # fmt: skip
_OTHER_ACTIONS |= {other: one for one, other in _OTHER_ACTIONS.items()}


def falsify(film: list[TrueEvent], part: str) -> list[TrueEvent]:
    """A film in which nothing happens as in this one; empty where `part` can't be made other."""
    if part == "action":
        other = [replace(one, action=_OTHER_ACTIONS.get(one.action, "")) for one in film]
        kept = {(one.actor, one.action) for one in film} & {
            (one.actor, one.action) for one in other
        }
        return [] if kept or not all(one.action for one in other) else other
    if part == "roles":
        directed = all(one.action in ("carries", "hides", "reappears") for one in film)
        return [replace(one, actor=one.target, target=one.actor) for one in film if directed]
    other = [
        replace(
            one,
            actor=_recolour(one.actor),
            called=_recolour(one.called),
            target=_recolour(one.target),
        )
        for one in film
    ]
    return [] if _list_looks(film) & _list_looks(other) else other


def _recolour(name: str) -> str:
    return " ".join(_OTHER_COLOURS.get(word, word) for word in name.split())


def _list_looks(film: list[TrueEvent]) -> set[str]:
    """Names of who acts, and what they turn into."""
    kinds = {one.actor: one.actor.split()[-1] for one in film}
    turned = {f"{one.target} {kinds[one.actor]}" for one in film if one.action == "turns"}
    return {one.actor for one in film} | {one.called for one in film if one.called} | turned
