"""Takes texts apart into clauses and puts clauses together to sentences, without a model.

What stands in quotation marks is never broken.
"""

import re
from collections.abc import Callable, Sequence

from longtake.text.untrusted import one_line
from longtake.text.words import HAN, SOUTHEAST, UNSPACED, count_words, take_words

QUOTES = '"“”«»„'
QUOTED = rf"[{QUOTES}][^{QUOTES}]+[{QUOTES}]"
QUOTE_MARK = re.compile(rf"[{QUOTES}]")
VOICE, TEXT = "A voice says", "Text reads"
"""Begin the clauses that quote what is said and what is written."""
ELLIPSIS = "…"
"""Shows where something was cut off."""
CROSSES = "⟶"
"""Marks a sentence at the side where it goes over the edge of its chunk."""
SHORT_QUOTATION = 16
"""Letters of a text whose halves are not both put in quotation marks."""
FEWEST_QUOTED = 10
"""Words of a clause that quotes, where it is cut."""
STOPS = ".!?。！？｡؟۔।॥။។៕።፧"
"""Marks that end a sentence, in all scripts."""
CLOSERS = "\"'”’»)」』）】"
"""May stand behind such a mark and belong to the sentence."""
_END = r"[{plain}](?=\s|$)|[{wide}](?![」』）】])"
"""Those of ASCII end one before a blank alone; where they end a quotation in it, none do."""
_WIDE = STOPS.replace(".!?", "")
SENTENCE_END = re.compile(_END.format(plain=".!?", wide=_WIDE))
CLAUSE_END = re.compile(_END.format(plain=".;!?", wide=_WIDE + "；؛"))
_JOINTS = (
    (HAN, "；", "。"),
    (SOUTHEAST, " ", ""),
    (re.compile("[\u0900-\u0a7f\u0b00-\u0b7f]"), "; ", "।"),
)
"""What stands between clauses and at the end, by the script of the last letter."""

PLAIN_STARTS = frozenset(
    """
    a an the this that these those there it he she they his her their its and then in on at
    one two three four five six seven eight nine ten some many several mostly text
    """.split()
)
"""Words with a capital only because a sentence begins with them."""


def split_text(text: str, breaks: re.Pattern[str]) -> list[str]:
    """The parts of a text between breaks, stripped; of nothing but breaks, the text itself."""
    parts = [""]
    for number, piece in enumerate(re.split(f"({QUOTED})", text)):
        if number % 2:
            parts[-1] += piece
        else:
            first, *rest = breaks.split(piece)
            parts[-1] += first
            parts += rest
    found = [part.strip() for part in parts if part.strip()]
    return found or ([text.strip()] if text.strip() else [])


def lower_start(clause: str) -> str:
    """As in the middle of a sentence; what may be a name keeps its capital."""
    plain = clause.split()[0].casefold() in PLAIN_STARTS
    return clause[0].lower() + clause[1:] if plain else clause


def own_words(texts: Sequence[str], most_words: int) -> str:
    """A sentence of the texts' own clauses between semicolons, in their order, each once.

    It has a clause of every text, even where that goes over `most_words`, and then more of each. A
    clause that alone is longer is cut there, and shows it; so does a quotation for which there is
    little room left.
    """
    clauses = [
        [shorten(clause, most_words) for clause in split_text(text, CLAUSE_END)] for text in texts
    ]
    chosen: dict[tuple[int, int], str] = {}
    said: set[str] = set()
    words = 0
    for place in range(max(map(len, clauses))):
        for number, parts in enumerate(clauses):
            if place >= len(parts) or parts[place].casefold() in said:
                continue
            clause = _fit(parts[place], most_words - words) if place else parts[place]
            if clause:
                chosen[number, place] = clause
                said.add(parts[place].casefold())
                words += count_words(clause)
    first, *rest = (chosen[key] for key in sorted(chosen))
    last = next((letter for letter in reversed(first) if letter.isalnum()), "")
    joint, stop = next(((j, s) for script, j, s in _JOINTS if script.match(last)), ("; ", "."))
    return joint.join([first[0].upper() + first[1:], *map(lower_start, rest)]) + stop


def _fit(clause: str, room: int) -> str:
    """The clause, if there is room for its words; else, of a quotation, what there is room for."""
    if count_words(clause) <= room:
        return clause
    return shorten(clause, room) if room >= FEWEST_QUOTED and re.search(QUOTED, clause) else ""


def make_title(text: str, most_words: int) -> str:
    """What the first clause quotes, in its quotation marks; else that clause, cut to length.

    What was read on screen is somebody's words: without the marks it would look like a fact.
    """
    first = split_text(text, CLAUSE_END)[0]
    quoted = re.search(QUOTED, first)
    return f'"{shorten(quoted[0][1:-1], most_words)}"' if quoted else shorten(first, most_words)


def shorten(text: str, most_words: int) -> str:
    """The text's first words, its quotations closed; an ellipsis says where some are left out."""
    whole, kept = " ".join(text.split()), take_words(text, most_words)
    if kept == whole:
        return whole
    opened = [mark for mark in kept if mark in QUOTES]
    space = "" if UNSPACED.match(kept[-1:]) else " "
    return f"{kept}{space}{ELLIPSIS}" + ('"' if len(opened) % 2 else "")


def quote(text: str) -> str:
    """The text as one quotation: what it quotes itself is in single marks."""
    single = QUOTE_MARK.sub("'", one_line(text))
    return f'"{single}"'


def unquote(clause: str, start: str) -> str:
    """What a clause quotes that is `start` and one quotation; empty for any other."""
    found = re.fullmatch(rf'{start} "([^{QUOTES}]+)"', clause)
    return found[1] if found else ""


def halve(text: str) -> tuple[str, str]:
    """The text in two, at a space where there is one; a quotation that is cut is two."""
    middle = len(text) // 2
    space = text.rfind(" ", 1, middle)
    place = space if space > 0 else middle
    first, second = text[:place].strip(), text[place:].strip()
    if first.count('"') % 2 and len(text) > SHORT_QUOTATION:
        return f'{first}"', f'"{second}'
    return first, second


def change_unquoted(text: str, change: Callable[[str], str]) -> str:
    """The text with what stands outside quotation marks changed."""
    parts = re.split(f"({QUOTED})", text)
    return "".join(part if k % 2 else change(part) for k, part in enumerate(parts))


def pair_quotes(text: str) -> str:
    """The text without quotation marks that belong to no pair."""
    return change_unquoted(text, lambda part: QUOTE_MARK.sub("", part))


def say_voice(text: str) -> str:
    """The clause that tells what is said."""
    return f"{VOICE} {quote(text)}"


def say_text(text: str) -> str:
    """The clause that tells what is written."""
    return f"{TEXT} {quote(text)}"


def _to_first_stop(line: str) -> str:
    """Up to the first full stop outside quotation marks; the whole line where there is none."""
    start = 0
    for number, piece in enumerate(re.split(f"({QUOTED})", line)):
        if number % 2 == 0 and (found := SENTENCE_END.search(piece)):
            return line[: start + found.end()]
        start += len(piece)
    return line


def first_sentence(text: str) -> str:
    """The first sentence on one line, without a label or markup."""
    lines = [line.strip("#*- \t") for line in text.splitlines()]
    line = one_line(next(filter(None, lines), ""))
    label = r"^(sentence|summary|answer|headline|title)\s*:\s*"
    return _to_first_stop(re.sub(label, "", line, flags=re.IGNORECASE)).strip()
