"""What counts as a description: a reply without what stands round it, or a reason why it is none.

Knows no prompt's words but those that a model repeats. What stands round any answer, whatever was
asked, is off already (`inference/retry.py`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import sentencex

from longtake.describe.refusals import take_off_opening
from longtake.errors import BadReply
from longtake.inference.engine import Reply
from longtake.prompts import read_prompt
from longtake.text.clauses import CLOSERS, QUOTED, STOPS
from longtake.text.untrusted import one_line
from longtake.text.words import SOUTHEAST, UNSPACED, count_words

_SERVER_WORDS = re.compile(
    r"error(:| \d)|internal server error|bad gateway|service unavailable|gateway timeout|"
    r"too many requests|rate limit|(the )?model is (loading|overloaded)|upstream (request|connect)|"
    r"traceback \(most",
    re.IGNORECASE,
)
"""What servers and proxies send in place of an answer, as text with status 200."""
_DEBRIS = re.compile(
    r"<\|?/?(think|im_|unk|end|pad|image|video|bos|eos|speech>|text>|before>|earlier>)|\[/?INST\]",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<(!doctype|html|\?xml|body|div|error)\b", re.IGNORECASE)
_TIME = r"\d{1,2}(?::\d\d){1,2}(?:\.\d+)?"
_SIGNS = r"[*_#>\s\[(-]{0,8}"
_LABEL = re.compile(
    rf"(?:^|(?<=\n)|(?<=[{STOPS}]\s)|(?<=[。！？]))(?:{_SIGNS}"
    rf"(?:frames? \d+|(?:[^\W\d_]+ ){{0,2}}(?:\d+ )?[\[(]?{_TIME}(?:\s?[–-]\s?{_TIME})?)"
    rf"[\])*_]{{0,4}}\s?[:：][*_\s]{{0,4}})+(\w?)",
    re.IGNORECASE,
)
"""A frame's label, as the question has it or in other words: `Frame at 0:02:`, `**0:02**:`."""
FEWEST_WORDS = 3
MOST_SENTENCES = 3
"""So often may a sentence come, counting up or not."""
RUNS, SPARE_WORDS = 3, 12
"""A run of words that comes so often in a row is a loop, where what it repeats has so many."""
MOST_LETTERS = 20_000
"""Of a longer reply, its beginning is looked at for loops."""


def read_description(reply: Reply) -> str:
    """The description on one line; BadReply where there is none, with the reason."""
    text = clean(reply)
    told, declined = take_off_opening(text)
    # What a video says or shows may look like anything.
    own = re.sub(QUOTED, '""', told)
    for is_wrong, what in (
        (not reply.complete and not text, "was cut off before the end of its first sentence"),
        (_is_markup(reply.text), "is markup or data, not a description"),
        (declined and not told, "declines: the model did not describe"),
        (not re.search(r"[^\W\d_]", told), "holds no words"),
        (_SERVER_WORDS.match(told), "is a server's message, not a description"),
        (_DEBRIS.search(own), "holds debris of the model's template"),
        (count_words(told) < FEWEST_WORDS, f"has fewer than {FEWEST_WORDS} words"),
        (is_loop(own), "repeats itself"),
        (read_prompt("describe").system[:40].casefold() in own.casefold(), "repeats the question"),
    ):
        if is_wrong:
            raise BadReply(f"the reply {what}: {one_line(reply.text)[:80]!r}")
    return told


def clean(reply: Reply) -> str:
    """The reply's text on one line, without labels; and without half a last sentence."""
    found = _read_document(reply.text)
    text = reply.text if found is None else found
    text = one_line(_LABEL.sub(lambda label: label[1].upper(), text))
    return text if reply.complete else _drop_last(text)


def _drop_last(text: str) -> str:
    """The text up to the end of its last sentence; up to a blank, where sentences have no marks."""
    sentences = list(sentencex.segment("en", text))
    if sentences and not sentences[-1].rstrip(f"{CLOSERS} ").endswith(tuple(STOPS)):
        last = sentences.pop()
        if SOUTHEAST.search(last):
            sentences.append(last.rpartition(" ")[0])
    return "".join(sentences).strip()


def _read_document(text: str) -> str | None:
    """What a JSON document tells: its descriptions, else its only text; None for no document."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict | list):
        return None
    leaves = list(_list_texts(document, ""))
    described = [said for name, said in leaves if name == "description"]
    told = described or [said for _, said in leaves if count_words(said) >= FEWEST_WORDS]
    return " ".join(told) if described or len(told) == 1 else ""


def _list_texts(found: Any, name: str) -> Iterator[tuple[str, str]]:
    """Each text of a document with the name that it has there; none that tells an error."""
    if isinstance(found, str):
        yield name, found
    elif isinstance(found, list):
        for entry in found:
            yield from _list_texts(entry, name)
    elif isinstance(found, dict) and "error" not in found:
        for key, entry in found.items():
            yield from _list_texts(entry, key.casefold())


def _is_markup(text: str) -> bool:
    return bool(_MARKUP.match(text.strip())) or _read_document(text) == ""


def is_loop(text: str) -> bool:
    """Whether a run of words, or a sentence, comes again and again; or one word is half of many."""
    plain = re.sub(r"\d+", "0", text[:MOST_LETTERS].casefold())
    sentences = Counter(part.strip() for part in sentencex.segment("en", plain))
    if max(sentences.values(), default=0) > MOST_SENTENCES:
        return True
    words = [
        piece
        for word in plain.split()
        for piece in (list(word) if UNSPACED.search(word) else [word])
    ]
    if len(words) >= 20 and Counter(words).most_common(1)[0][1] > len(words) / 2:
        return True
    return _repeats(words)


def _repeats(words: list[str]) -> bool:
    """Whether a run of words comes three times in a row, or a short one more often."""
    numbers = np.unique(words, return_inverse=True)[1]
    for length in range(1, len(words) // RUNS + 1):
        same = np.flatnonzero(numbers[length:] != numbers[:-length])
        edges = np.concatenate(([-1], same, [len(words) - length]))
        longest = int(np.diff(edges).max()) - 1
        begun = int(np.diff(edges).argmax())
        if longest >= (RUNS - 1) * length:
            start = int(edges[begun]) + 1
            again = "".join(words[start : start + longest])
            spaced = again if UNSPACED.search(again) else " ".join(words[start : start + longest])
            if count_words(spaced) >= SPARE_WORDS:
                return True
    return False
