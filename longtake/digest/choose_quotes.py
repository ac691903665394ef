"""Which sentences stand for their topic: near its mean, whole, and none that repeats another.

Knows vectors and the quotes' texts; no topic's bounds and no model.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from longtake.digest.quotes import Quote
from longtake.digest.word_weights import measure
from longtake.text.clauses import ELLIPSIS
from longtake.text.words import list_words

SHORT_LETTERS, LONG_LETTERS = 40, 240
"""What is shorter says little, what is longer is hard to read: both count less."""
REPEAT_PRICE = 1.3
"""Of how near a sentence is to one that was chosen; and so on."""
QUESTION_PRICE = 0.15
LENGTH_PRICE = 0.4
HEADING_PRICE = 1.0
CUT_PRICE = 0.3
LEAN_PRICE = 0.25
LEANING = frozenset(
    """
    and also because but hence however it its so such that their then therefore these they this
    those thus which he she his her or yet here there instead otherwise moreover furthermore again
    """.split()
)
"""A sentence that begins so leans on the one before it, which is not quoted with it."""
QUESTION_ENDS = ("?", "？", "؟")
OTHERS_SHARE = 0.5
SAME = 0.95
"""Sentences this near say the same."""
LEAST_NEAR = -0.2
"""What is worth less is only quoted where its topic has nothing else."""


@cache
def load_chatter() -> tuple[str, ...]:
    """Greetings, fillers and advertisements, a sentence each: what no summary needs."""
    text = files(__package__).joinpath("chatter.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def weigh_quotes(quotes: Sequence[Quote]) -> np.ndarray:
    """What speaks for each quote whatever its topic, of shape (quotes,): 0 where nothing does."""
    letters = np.array([measure(quote.text) for quote in quotes])
    odd = np.maximum(1 - letters / SHORT_LETTERS, 0) + np.maximum(letters / LONG_LETTERS - 1, 0)
    asks = np.array([q.text.rstrip("\"'”’»)").endswith(QUESTION_ENDS) for q in quotes])
    cut = np.array([ELLIPSIS in (quote.text[0], quote.text[-1]) for quote in quotes])
    leans = np.array([bool(LEANING.intersection(list_words(q.text[:40])[:2])) for q in quotes])
    worth = -LENGTH_PRICE * np.minimum(odd, 2) - QUESTION_PRICE * asks
    worth = worth - HEADING_PRICE * np.array([quote.heading for quote in quotes])
    worth = worth - CUT_PRICE * cut - LEAN_PRICE * leans
    return np.asarray(worth, np.float32)


def choose_quotes(
    places: Sequence[int],
    vectors: np.ndarray,
    worth: np.ndarray,
    known: np.ndarray,
    count: int,
    others: Sequence[int],
    chosen: Sequence[int] = (),
) -> list[int]:
    """The places of so many of these quotes, in order; `chosen` are among them whatever they say.

    `others` are quoted from other topics: what is much the same counts less; it may sum them up.

    One at a time: nearest to the mean of all of them, and far from what is quoted (maximal marginal
    relevance, Carbonell and Goldstein 1998). `known` is how near each is to chatter.
    """
    own = vectors[list(places)]
    mean = own.mean(axis=0)
    near = own @ (mean / max(float(np.linalg.norm(mean)), 1e-9)) + worth[list(places)]
    said = own @ vectors[[*others, *chosen]].T if (others or chosen) else np.zeros((len(own), 1))
    shares = [OTHERS_SHARE] * len(others) + [1.0] * len(chosen) or [1.0]
    alike = np.maximum(known[list(places)], (said * shares).max(axis=1)).clip(0)
    same = said.max(axis=1)
    chosen = list(chosen)
    while len(chosen) < min(count, len(places)):
        open_ = (same < SAME) & ((near > LEAST_NEAR) | (not chosen))
        score = np.where(open_, near - REPEAT_PRICE * alike, -np.inf)
        best = int(np.argmax(score))
        if not np.isfinite(score[best]):
            break
        chosen.append(places[best])
        alike, same = np.maximum(alike, own @ own[best]), np.maximum(same, own @ own[best])
    return sorted(chosen)
