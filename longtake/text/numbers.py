"""The numbers of a text, whether in digits or in English words."""

import re
from collections.abc import Iterator, Sequence

from longtake.text.entity_marks import drop_marks

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\w\s]")
_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen".split()
    )
}
ONES = {word: str(number) for word, number in _SMALL.items()}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_SOME = {"a": "1", "an": "1", "another": "1", "single": "1", "pair": "2", "couple": "2"} | {
    "both": "2", "dozen": "12", "once": "1", "twice": "2", "duo": "2", "twins": "2", "trio": "3",
    "triplets": "3", "quartet": "4", "half": "2"
}  # fmt: skip
"""What gives a number without being one: it supports a number, and claims none."""


def list_numbers(text: str, *, claimed: bool = True) -> list[str]:
    """Numbers, each as digits; with `claimed` false also what `a`, `both` or `dozen` amount to.

    A claimed `one` is none: it may be no more than an article.
    """
    words = [word.casefold() for word in _TOKEN.findall(drop_marks(text))]
    numbers = list(_read_numbers(words))
    if claimed:
        return [value for value, after in numbers if (value, words[after - 1]) != ("1", "one")]
    return [value for value, _ in numbers] + [_SOME[word] for word in words if word in _SOME]


def _read_numbers(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each number as digits, and the place after its last word."""
    place = 0
    while place < len(words):
        word = words[place]
        if word[0].isdecimal():
            place += 1
            yield _as_digits(word), place
        elif word in _SMALL or word in _TENS:
            value, place = _read_words(words, place)
            yield str(value), place
        else:
            place += 1


def _as_digits(word: str) -> str:
    """`1,000` is 1000, `3,50` is 3.5; digits of any script are those of this one."""
    plain = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in word)
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    whole, point, rest = plain.replace(",", ".").partition(".")
    if "." in rest:
        return plain
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + rest if rest else "")


def _read_words(words: Sequence[str], place: int) -> tuple[int, int]:
    """The number that words tell from that place on, and the place after it."""
    total = current = 0
    start = place
    while place < len(words):
        word = words[place]
        if word in _SCALES and current:
            current *= _SCALES[word]
            if current >= _SCALES["thousand"]:
                total, current = total + current, 0
        elif word in _TENS and current % 100 == 0:
            current += _TENS[word]
        elif word in _SMALL and (place == start or _takes_ones(words[place - 1])):
            current += _SMALL[word]
        elif word != "-":
            break
        place += 1
    while words[place - 1] == "-":
        place -= 1
    return total + current, place


def _takes_ones(word: str) -> bool:
    return word == "-" or word in _TENS or word in _SCALES
