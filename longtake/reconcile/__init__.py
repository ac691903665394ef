"""Descriptions to one summary that cites them, by questions that hold together as a tree.

Asks nobody itself: it yields questions and is sent the answers.
"""

from collections.abc import Sequence
from dataclasses import replace

from longtake.inference.engine import Capabilities
from longtake.inference.questions import CountTokens, Talk
from longtake.reconcile import structured
from longtake.reconcile.notes import make_notes, say_chunk
from longtake.reconcile.tree import Budget
from longtake.records import Description, Summary
from longtake.settings import Settings
from longtake.text.entity_marks import unmark

__all__ = ["VERSION", "reconcile", "say_chunk"]

VERSION = 5
"""Part of each answer's key: raised whenever replies are accepted in another way."""


def reconcile(
    descriptions: Sequence[Description],
    able: Capabilities,
    count_tokens: CountTokens,
    settings: Settings,
) -> Talk[Summary | None]:
    """Yields lists of questions that may be asked side by side; returns the summary.

    None where nothing is known of any chunk, where the context holds too little, and where the
    model gave no summary of the whole that could be used. The summary's nodes tell in which
    question each described chunk was; every sentence has evidence.
    """
    budget = Budget(able.context_tokens, count_tokens)
    summary = yield from structured.summarize(make_notes(descriptions), budget, settings)
    if summary is None:
        return None
    chapters = tuple(replace(c, title=unmark(c.title)) for c in summary.chapters)
    headline = unmark(summary.headline)
    return replace(summary, headline=headline, chapters=chapters, nodes=tuple(budget.nodes))
