"""Puts what was measured into short plain sentences; says nothing that was seen only once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from longtake.clauses import quote, say_text, say_voice, shorten
from longtake.engines.sketch.changes import Look
from longtake.engines.sketch.objects import Detection
from longtake.records import NO_WORDS, ScreenText, Words

KEPT_FRAMES = 2
"""How many frames must show a thing before it is said."""
MANY_FRAMES = 3
SURE_SCORE = 0.55
"""What a thing must score once, where fewer than MANY_FRAMES pictures show it. On street footage
this drops the wrong names that stand for a second, and with them some bicycles."""
COUNT_SCORE = 0.4
"""What each must score to be counted where there are several: the weaker ones are often parts."""
MOST_THINGS = 6
MOST_TEXT_WORDS = 60
MOST_SPEECH_WORDS = 120
HEADING_RATIO = 1.25

RESTLESS_CHANGES = 4
RESTLESS_SHARE = 0.5
"""From so many changes, and in so many of the steps, they are told as one thing."""
LITTLE_MOVEMENT = 4.0
MUCH_MOVEMENT = 18.0
"""Mean difference of grey levels from frame to frame, half a second apart."""

_PLURALS = {"person": "people", "bus": "buses", "sheep": "sheep", "knife": "knives",
            "sandwich": "sandwiches", "couch": "couches", "bench": "benches", "mouse": "mice",
            "toothbrush": "toothbrushes", "wine glass": "wine glasses", "tv": "TVs",
            "skis": "pairs of skis", "scissors": "pairs of scissors",
            "broccoli": "pieces of broccoli"}  # fmt: skip
_SINGULARS = {"skis": "a pair of skis", "scissors": "a pair of scissors",
              "broccoli": "a piece of broccoli", "tv": "a TV"}  # fmt: skip
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Sighting:
    """What one picture showed, and for how many frames it stood."""

    frames: int
    objects: Sequence[Detection]


def say(sightings: Sequence[Sighting], look: Look, words: Words = NO_WORDS) -> str:
    """The description of a chunk."""
    heading, text = split_heading(words.text)
    sentences = [
        f"The heading reads {quote(heading[0].text)}" if heading else "",
        "" if look.blank else _say_things(count_things(sightings)),
        _say_speech(words),
        _say_text(text),
        _say_blank(look) if look.blank else _say_movement(look),
        _say_light(look),
        _say_colours(look),
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def count_things(sightings: Sequence[Sighting]) -> list[tuple[str, int]]:
    """Each label with the largest number of it that several frames show, the commonest first.

    Where all frames are one picture, frames can't confirm one another: there the score must.
    """
    needed = 1 if len(sightings) == 1 else KEPT_FRAMES
    scores: dict[str, list[list[float]]] = defaultdict(list)
    for sighting in sightings:
        for label in dict.fromkeys(found.label for found in sighting.objects):
            scores[label].append([o.score for o in sighting.objects if o.label == label])
    kept = {
        label: frames
        for label, frames in scores.items()
        if len(frames) >= needed
        and (len(frames) >= MANY_FRAMES or max(map(max, frames)) >= SURE_SCORE)
    }
    commonest = sorted(kept, key=lambda label: -len(kept[label]))[:MOST_THINGS]
    return [(label, _count(kept[label], needed)) for label in commonest]


def _count(frames: Sequence[Sequence[float]], needed: int) -> int:
    """How many of a thing that many frames show, by the scores of each frame."""
    numbers = sorted((sum(s >= COUNT_SCORE for s in scores) for scores in frames), reverse=True)
    return max(1, numbers[needed - 1])


def _say_things(things: Sequence[tuple[str, int]]) -> str:
    said = join_words([name_things(label, number) for label, number in things])
    return said[:1].upper() + said[1:]


def name_things(label: str, number: int) -> str:
    """`a cat`, `two people`."""
    if number == 1:
        return _SINGULARS.get(label, ("an " if label[0] in "aeiou" else "a ") + label)
    return f"{count_word(number)} {_PLURALS.get(label, label + 's')}"


def count_word(number: int) -> str:
    """Up to ten in letters."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def join_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))


def split_heading(
    lines: Sequence[ScreenText],
) -> tuple[Sequence[ScreenText], Sequence[ScreenText]]:
    """The first line, where it is larger than the rest, and the other lines."""
    heights = sorted(line.height for line in lines[1:])
    if heights and lines[0].height >= HEADING_RATIO * heights[len(heights) // 2]:
        return lines[:1], lines[1:]
    return (), lines


def _say_text(lines: Sequence[ScreenText]) -> str:
    """Each line once, cut at a length that is readable."""
    texts = dict.fromkeys(line.text for line in lines)
    return shorten(say_text(" / ".join(texts)), MOST_TEXT_WORDS) if texts else ""


def _say_speech(words: Words) -> str:
    said = " ".join(segment.text for segment in words.speech)
    return shorten(say_voice(said), MOST_SPEECH_WORDS) if said else ""


def _say_blank(look: Look) -> str:
    """Pictures of one plain colour each."""
    times = _say_times(look.changes)
    return f"The picture is plain and changes {times}" if look.changes else "The picture is plain"


def _say_times(number: int) -> str:
    return "once" if number == 1 else f"{count_word(number)} times"


def _say_movement(look: Look) -> str:
    frames = sum(picture.frames for picture in look.pictures)
    if frames == 1:
        return ""
    if look.changes >= RESTLESS_CHANGES and look.changes > RESTLESS_SHARE * (frames - 1):
        return "The picture changes all the time"
    changes = f"The view changes {_say_times(look.changes)}" if look.changes else ""
    if look.fade:
        way = "fades in from black" if look.fade == "in" else "fades to black"
        return f"The picture {way}"
    if len(look.pictures) == 1:
        return "The picture stands still"
    if look.pan:
        way = f"The camera turns {look.pan}"
    elif look.difference < LITTLE_MOVEMENT:
        way = "There is little movement"
    elif look.difference > MUCH_MOVEMENT:
        way = "There is much movement"
    else:
        way = "There is some movement"
    return f"{changes}; {way[0].lower()}{way[1:]}" if changes else way


def _say_light(look: Look) -> str:
    return "The picture is dark" if look.dark and not look.fade else ""


def _say_colours(look: Look) -> str:
    return f"Mostly {join_words(look.colours)}" if look.colours else ""
