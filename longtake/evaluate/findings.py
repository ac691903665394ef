"""What an evaluation found: each arm's rates by level, how sure they are, and which suits best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longtake.evaluate.intervals import Interval, find_difference, find_interval
from longtake.evaluate.run import Measured
from longtake.evaluate.score import Score
from longtake.pipeline.compare import Plan

ALL = "all"
"""In place of a level: the films of all."""


def quality(score: Score) -> float:
    """Recall and precision as one, their harmonic mean (F1): much told, and that true."""
    both = score.recall + score.precision
    return 2 * score.recall * score.precision / both if both else 0.0


@dataclass(frozen=True)
class ArmOfLevel:
    """An arm over the films of a level.

    `quality` is of the descriptions; `more` is what it has more of it than the first arm.
    """

    level: str
    arm: str
    films: int
    failed: int
    """Films of which nothing came; they count in none of the figures."""
    descriptions: Score
    summary: Score
    quality: float
    interval: Interval | None
    summary_quality: float
    summary_interval: Interval | None
    more: float
    more_interval: Interval | None
    seconds_a_minute: float
    """Engine time for a minute of film."""
    tokens_a_minute: float
    chunks: int
    gaps: int

    @property
    def differs(self) -> bool:
        """Whether the films can tell that it is better or worse than the first arm."""
        return self.more_interval is not None and not (
            self.more_interval[0] <= 0 <= self.more_interval[1]
        )


@dataclass(frozen=True)
class Evaluation:
    """All that was found; `best` is the arm that suits, by name, and `why` in words."""

    engine: str
    rows: tuple[ArmOfLevel, ...]
    measured: tuple[Measured, ...]
    best: str
    why: str
    notes: tuple[str, ...] = ()


def sum_up(engine: str, arms: Sequence[Plan], measured: Sequence[Measured]) -> Evaluation:
    """Rates and intervals of all that was measured."""
    levels = list(dict.fromkeys(one.level for one in measured))
    names = [arm.name for arm in arms]
    rows = [
        row for level in (*levels, *([ALL] if len(levels) > 1 else [])) for row in
        _list_rows(level, names, measured)
    ]  # fmt: skip
    last = [row for row in rows if row.level == rows[-1].level]
    best, why = _choose(last, measured)
    return Evaluation(engine, tuple(rows), tuple(measured), best, why, tuple(_note(measured)))


def _list_rows(
    level: str, names: Sequence[str], measured: Sequence[Measured]
) -> Iterator[ArmOfLevel]:
    of_level = [one for one in measured if level in (ALL, one.level)]
    base = {one.film: one for one in of_level if one.arm == names[0] and not one.error}
    for name in names:
        own = [one for one in of_level if one.arm == name]
        whole = [one for one in own if not one.error]
        paired = [one for one in whole if one.film in base]
        others = [base[one.film] for one in paired]
        minutes = sum(one.seconds for one in whole) / 60 or 1
        told, summed = [one.descriptions for one in whole], [one.summary for one in whole]
        more, more_interval = _pair(paired, others)
        yield ArmOfLevel(
            level=level,
            arm=name,
            films=len(own),
            failed=len(own) - len(whole),
            descriptions=sum(told, Score()),
            summary=sum(summed, Score()),
            quality=quality(sum(told, Score())),
            interval=find_interval(told, quality),
            summary_quality=quality(sum(summed, Score())),
            summary_interval=find_interval(summed, quality),
            more=more,
            more_interval=more_interval,
            seconds_a_minute=sum(one.cost.seconds for one in whole) / minutes,
            tokens_a_minute=sum(one.cost.tokens for one in whole) / minutes,
            chunks=sum(one.chunks for one in whole),
            gaps=sum(one.gaps for one in whole),
        )


def _pair(own: Sequence[Measured], others: Sequence[Measured]) -> tuple[float, Interval | None]:
    """How much better the descriptions of one arm are than those of another, of the same films."""
    one, other = ([each.descriptions for each in side] for side in (own, others))
    return find_difference(one, other, quality)


def _choose(rows: Sequence[ArmOfLevel], measured: Sequence[Measured]) -> tuple[str, str]:
    """The cheapest of the arms that the films can't tell from the best one, or that one itself."""
    whole = [row for row in rows if not row.failed and not row.gaps]
    best = max(whole, key=lambda row: row.quality, default=None)
    if not best or not best.interval or not best.quality:
        return "", "too few films came out whole, or nothing right was told"
    by_arm = {row.arm: [one for one in measured if one.arm == row.arm] for row in whole}
    as_good = [best]
    for row in whole:
        _, interval = _pair(by_arm[row.arm], by_arm[best.arm])
        as_good += [row] if interval and interval[1] >= 0 else []
    chosen = min(as_good, key=lambda row: (row.seconds_a_minute, -row.quality))
    if chosen.arm == best.arm:
        return best.arm, "none tells more that is true, and what tells as much costs more"
    return chosen.arm, (
        f"these films can't tell it from the best ({best.arm}), and it takes"
        f" {chosen.seconds_a_minute:.1f} s of the engine for a minute of film, in place of"
        f" {best.seconds_a_minute:.1f}"
    )


def _note(measured: Sequence[Measured]) -> Iterator[str]:
    """What a reader must know before they believe the figures."""
    for error in dict.fromkeys(one.error for one in measured if one.error):
        arms = dict.fromkeys(one.arm for one in measured if one.error == error)
        yield f"{', '.join(arms)}: {error}"
    whole = [one for one in measured if not one.error]
    if whole and not sum((one.descriptions for one in whole), Score()).told:
        yield "no event could be read out of any description: are they in English?"
