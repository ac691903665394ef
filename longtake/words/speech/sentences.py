"""From a recogniser's guesses to sentences: what is thrown away, when each word is said.

Pure functions; knows no model.
"""

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from longtake.records import Segment
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.sound import Block
from longtake.words.speech.voice import PAD_SECONDS

# Tried with tiny.en on what is no speech (white, pink and brown noise, hum, silence, chords with a
# melody and drums, a saxophone, a dance band; cut into pieces of 2 to 28 s and given to the model
# without the voice detector) and on real and synthetic voices. There, no_speech was 0.47 to 0.96
# without speech and at most 0.61 with it; the likelihood at most -0.74 without, but for circles.
CIRCLES = 2.4
"""Text that packs so well says the same again and again; Whisper's own measure."""
SURELY_NO_SPEECH = 0.85
NO_SPEECH = 0.6
MAYBE_NO_SPEECH = 0.3
UNLIKELY = -0.7
VERY_UNLIKELY = -1.0
UNSURE = 0.2
"""The mean probability of the words of a guess that is none."""

PHANTOMS = re.compile(
    r"(thanks?( you)?( (very|so) much)?( for (watching|listening))?( and)?|you|oh|bye(bye)?|okay|"
    r"(and )?(i'?ll |we'?ll )?see you( (in the )?next (one|time|video))?|please subscribe.*|"
    r"(don't forget to )?(like and )?subscribe.*|w+|.*amara\.?org.*|untertitel.*zdf.*|"
    r"ご視聴ありがとうございました|продолжение следует|"
    r"(thank you )?(so much )?for watching.*see you in the next.*)"
)
"""What Whisper writes where nobody speaks: it has learnt from subtitles."""

PAUSE_SECONDS = 1.0
"""Silence that ends a sentence, with a full stop or without one."""
LONG_SECONDS = 10.0
"""A sentence that takes longer is cut at a comma or a pause."""
EMPTY_SECONDS = 0.4
"""How far a word may be moved to a part of the sound that would have none.

Whisper's times of words are late after pauses; on counting videos by up to 0.3 s.
"""
SNAP_SECONDS = 1.5
"""So far off is a time that the voice detector knows better."""

ENDS = ".?!…。？！"
CLOSING = "\"'”’»)]}"
COMMAS = ",;:–—、，"
ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st mt sr jr vs etc e.g i.e a.m p.m no fig vol approx inc ltd co u.s u.k"
    " bzw ca nr usw z.b d.h".split()
)


@dataclass(frozen=True)
class Word:
    """A word as it is written, with the space before it, and when it is said, in seconds."""

    start: float
    end: float
    text: str
    probability: float = 1.0


@dataclass(frozen=True)
class Guess:
    """What a model takes for speech, and how sure it is, in Whisper's own measures."""

    words: tuple[Word, ...]
    no_speech: float
    """The probability that nobody speaks."""
    likelihood: float
    """The mean log probability of its tokens."""
    packing: float
    """How many times smaller its text gets when it is packed."""

    @property
    def text(self) -> str:
        """Its words as they are written, put together."""
        return "".join(word.text for word in self.words)

    @property
    def in_circles(self) -> bool:
        """Whether it says the same again and again."""
        return self.packing > CIRCLES


def drop_invented(guesses: Sequence[Guess]) -> list[Word]:
    """The words of those guesses that are likely to have been said."""
    return [word for guess in guesses if not _is_invented(guess) for word in guess.words]


def _is_invented(guess: Guess) -> bool:
    letters = any(letter.isalnum() for letter in guess.text)
    if not letters or guess.in_circles or guess.no_speech > SURELY_NO_SPEECH:
        return True
    if sum(word.probability for word in guess.words) < UNSURE * len(guess.words):
        return True
    unlikely = guess.likelihood < UNLIKELY
    if guess.no_speech > MAYBE_NO_SPEECH and guess.likelihood < VERY_UNLIKELY:
        return True
    if guess.no_speech > NO_SPEECH and unlikely:
        return True
    bare = re.sub(r"[^\w\s'.]|\.(?!org)", "", guess.text.lower())
    doubtful = unlikely or guess.no_speech > MAYBE_NO_SPEECH
    return doubtful and bool(PHANTOMS.fullmatch(" ".join(bare.split())))


def place_words(words: Sequence[Word], parts: Sequence[Block]) -> list[Word]:
    """The words with times of the video; they have times in the parts put end to end.

    Each goes to the part that it lies in or near to, in order, and a part is not left without a
    word where one is near. Where a part's voice begins and ends, its first and last word do.
    """
    begins = [0.0]
    for part in parts:
        begins.append(begins[-1] + (part.end - part.start))
    homes = _find_homes(words, begins)
    placed = []
    for number, word in enumerate(words):
        home = homes[number]
        part = parts[home]
        shift = part.start - begins[home]
        start, end = (min(max(t + shift, part.start), part.end) for t in (word.start, word.end))
        first, last = part.start + PAD_SECONDS, part.end - PAD_SECONDS
        if (not number or homes[number - 1] != home) and start - first < SNAP_SECONDS:
            start = min(first, part.end)
        if homes[number + 1 : number + 2] != [home] and last - end < SNAP_SECONDS:
            end = max(last, start)
        placed.append(replace(word, start=start, end=max(start, end)))
    return placed


def _find_homes(words: Sequence[Word], begins: Sequence[float]) -> list[int]:
    """The number of each word's part, the cheapest way to put them all there in order.

    `begins` are where the parts begin, and where the last one ends. A word costs its distance from
    its part, a part without a word EMPTY_SECONDS.
    """
    last = len(begins) - 2
    ways: list[tuple[float, list[int]]] = [(EMPTY_SECONDS * n, []) for n in range(last + 1)]
    """By the part of the word before: what it costs to come there, and the homes up to there."""
    for number, word in enumerate(words):
        middle = (word.start + word.end) / 2
        before, ways = ways, []
        for part in range(last + 1):
            cost, homes = _reach(part, before) if number else before[part]
            cost += max(begins[part] - middle, middle - begins[part + 1], 0.0)
            ways.append((cost, [*homes, part]))
    ends = [(cost + EMPTY_SECONDS * (last - n), homes) for n, (cost, homes) in enumerate(ways)]
    return min(ends, key=lambda way: way[0])[1]


def _reach(part: int, ways: Sequence[tuple[float, list[int]]]) -> tuple[float, list[int]]:
    """The cheapest way on to a part: from itself, or from one before, over those between."""
    costs = [
        (cost + EMPTY_SECONDS * max(0, part - source - 1), homes)
        for source, (cost, homes) in enumerate(ways[: part + 1])
    ]
    return min(reversed(costs), key=lambda way: way[0])


def make_sentences(words: Sequence[Word]) -> tuple[Segment, ...]:
    """The words as sentences, one after the other."""
    whole = _join_pieces(words)
    sentences: list[list[Word]] = []
    for number, word in enumerate(whole):
        if not number or _ends_before(whole[number - 1], word):
            sentences.append([])
        sentences[-1].append(word)
    return tuple(
        _as_segment(piece) for sentence in sentences for piece in _cut_long(sentence) if piece
    )


def _join_pieces(words: Sequence[Word]) -> list[Word]:
    """Words whole again that the model's tokens have torn: "3" and ".5", "fifty" and "-two"."""
    whole: list[Word] = []
    for word in words:
        if whole and word.text and word.text[0] in string.punctuation + "’":
            whole[-1] = replace(whole[-1], text=whole[-1].text + word.text, end=word.end)
        else:
            whole.append(word)
    return whole


def _ends_before(word: Word, following: Word) -> bool:
    """Whether a sentence ends with the word, given the one that follows."""
    if following.start - word.end >= PAUSE_SECONDS:
        return True
    bare = word.text.strip().rstrip(CLOSING)
    if not bare or bare[-1] not in ENDS:
        return False
    if bare[-1] != ".":
        return True
    name = bare.rstrip(".").lower()
    if name in ABBREVIATIONS or (len(name) == 1 and name.isalpha()):
        return False
    return not following.text.strip()[:1].islower()


def _cut_long(sentence: list[Word]) -> Iterator[list[Word]]:
    """The sentence in pieces that are not too long, cut at its commas and pauses."""
    if len(sentence) < 2 or sentence[-1].end - sentence[0].start <= LONG_SECONDS:
        yield sentence
        return
    middle = (sentence[0].start + sentence[-1].end) / 2
    half = (sentence[-1].end - sentence[0].start) / 2

    def worth(cut: int) -> float:
        before, after = sentence[cut - 1], sentence[cut]
        comma = before.text.rstrip()[-1:] in COMMAS
        return comma + (after.start - before.end) - abs(before.end - middle) / half

    cut = max(range(1, len(sentence)), key=worth)
    yield from _cut_long(sentence[:cut])
    yield from _cut_long(sentence[cut:])


def _as_segment(words: Sequence[Word]) -> Segment:
    text = one_line("".join(word.text for word in words))
    start = max(0.0, round(words[0].start, 3))
    return Segment(Span(start, max(start, round(words[-1].end, 3))), text)
