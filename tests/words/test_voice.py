"""Where somebody speaks: synthetic voices between silence, noise and music."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from longtake.errors import SourceError
from longtake.video.sound import RATE, Block
from longtake.words.speech.voice import JOIN_SECONDS, PAD_SECONDS, VoiceStretch, find_voice
from tests.voices import RATE as SAID_RATE
from tests.voices import (
    SENTENCE,
    as_blocks,
    load_lecture,
    make_hum,
    make_music,
    make_noise,
    make_silence,
    place,
    say,
    speak,
)


def find(sound: np.ndarray) -> list[VoiceStretch]:
    return list(find_voice(as_blocks(sound)))


def collect(stretches: Iterator[VoiceStretch], heard: list[VoiceStretch]) -> None:
    for stretch in stretches:
        heard.append(stretch)


def parts_of(stretches: Sequence[VoiceStretch]) -> list[Block]:
    return [part for stretch in stretches for part in stretch.parts]


def assert_orderly(stretches: Sequence[VoiceStretch]) -> None:
    parts = parts_of(stretches)
    for before, after in pairwise(parts):
        assert after.start >= before.end - 1e-3
    until = 0.0
    for stretch in stretches:
        assert stretch.seconds <= 30
        assert all(part.start >= until - 1e-3 for part in stretch.parts)
        assert stretch.until >= until
        until = stretch.until


TALK = " ".join(slide.narration for slide in load_lecture().SLIDES)


@pytest.mark.parametrize("voice", ["en-us", "en-gb-x-rp", "en-us+f3", "de"])
def test_each_sentence_is_found_where_it_is_said(voice: str) -> None:
    starts = [2.0, 8.0, 30.0]
    stretches = find(speak(dict.fromkeys(starts, SENTENCE), 40, voice))
    assert_orderly(stretches)
    parts = parts_of(stretches)
    assert len(parts) == 3
    lasts = len(speak({0: SENTENCE}, 0, voice)) / SAID_RATE
    for part, start in zip(parts, starts, strict=True):
        assert part.start == pytest.approx(start - PAD_SECONDS, abs=0.2)
        assert part.end == pytest.approx(start + lasts + PAD_SECONDS, abs=0.3)


@pytest.mark.parametrize(
    "sound",
    [
        make_silence(60),
        make_noise(60),
        make_noise(60, "pink"),
        make_noise(60, "brown"),
        make_noise(60, "white", 0.01),
        make_hum(60),
        make_music(60),
        np.concatenate([make_music(10), make_silence(10), make_noise(10)]),
    ],
    ids=["silence", "white", "pink", "brown", "faint", "hum", "music", "all"],
)
def test_no_voice_is_found_where_nobody_speaks(sound: np.ndarray) -> None:
    stretches = find(sound)
    assert parts_of(stretches) == []
    assert stretches[-1].until == pytest.approx(len(sound) / SAID_RATE, abs=0.01)


def test_long_silence_is_told_while_it_lasts() -> None:
    untils = [stretch.until for stretch in find(make_silence(60))]
    assert all(0 <= after - before < 6 for before, after in pairwise([0.0, *untils]))


@pytest.mark.parametrize("level", [1.0, 0.1, 0.02])
def test_voice_is_found_however_loud_it_is(level: float) -> None:
    said = speak({2.0: SENTENCE}, 8)
    (part,) = parts_of(find(said / np.abs(said).max() * level))
    assert part.start == pytest.approx(1.6, abs=0.2)


def test_voice_is_found_over_music_and_noise() -> None:
    said = speak({4.0: SENTENCE}, 12)
    for behind in (make_music(12, 0.03), make_noise(12, "pink", 0.01)):
        heard = sum(len(part.samples) for part in parts_of(find(said + behind))) / RATE
        assert 2.5 < heard < 6


def test_stretches_are_cut_in_pauses() -> None:
    """No cut goes through a word: at each one it is quiet."""
    said = say(TALK)
    stretches = [stretch for stretch in find(said) if stretch.parts]
    assert_orderly(stretches)
    assert len(stretches) >= 4 and all(stretch.seconds > 10 for stretch in stretches[:-1])
    for before, after in pairwise(parts_of(stretches)):
        middle = round((before.end + after.start) / 2 * SAID_RATE)
        assert np.abs(said[middle - 200 : middle + 200]).max() < 0.02


def test_voice_without_a_pause_is_cut_all_the_same() -> None:
    said = np.tile(say("mamamamamamamama", rate=120)[:SAID_RATE], 70)
    stretches = [stretch for stretch in find(said) if stretch.parts]
    assert_orderly(stretches)
    assert sum(stretch.seconds for stretch in stretches) > 0.8 * len(said) / SAID_RATE


def test_sparse_words_are_joined_and_what_comes_much_later_is_not() -> None:
    near = [
        stretch
        for stretch in find(speak(dict.fromkeys((1.0, 4.0, 7.0), SENTENCE)))
        if stretch.parts
    ]
    assert len(near) == 1
    far = dict.fromkeys((1.0, 4.0 + JOIN_SECONDS + 2), SENTENCE)
    assert len([stretch for stretch in find(speak(far)) if stretch.parts]) == 2


def test_size_of_the_blocks_changes_nothing() -> None:
    said = place({0: say(TALK[:300]), 30: make_music(5), 36: say(TALK[300:600])})
    wholes = [
        [(s.until, [(p.start, p.samples.tolist()) for p in s.parts]) for s in find_voice(blocks)]
        for blocks in (as_blocks(said), as_blocks(said, size=777), as_blocks(said, size=10**9))
    ]
    assert wholes[0] == wholes[1]
    assert wholes[0] == wholes[2]


def test_hole_in_the_sound_moves_nothing() -> None:
    said = speak({1.0: SENTENCE}, 6)
    blocks = [*as_blocks(said), *as_blocks(said, 100.0)]
    first, second = parts_of(list(find_voice(blocks)))
    assert second.start - first.start == pytest.approx(100, abs=0.04)


def test_short_hole_is_silence_in_the_middle() -> None:
    blocks = list(as_blocks(speak({1.0: SENTENCE}, 8), size=RATE // 20))
    (whole,) = parts_of(list(find_voice(blocks)))
    del blocks[50:52]
    (part,) = parts_of(list(find_voice(blocks)))
    assert (part.start, part.end) == pytest.approx((whole.start, whole.end), abs=0.1)


def test_sound_that_starts_late_is_heard_late() -> None:
    (part,) = parts_of(list(find_voice(as_blocks(speak({1.0: SENTENCE}, 6), 50.0))))
    assert part.start == pytest.approx(51 - PAD_SECONDS, abs=0.2)


def test_what_was_heard_before_the_sound_breaks_is_not_lost() -> None:
    def break_off() -> Iterator[Block]:
        for block in as_blocks(speak({1.0: SENTENCE}, 6)):
            if block.start >= 3:
                raise SourceError("the sound breaks off at 0:03")
            yield block

    stretches = find_voice(break_off())
    heard: list[VoiceStretch] = []
    with pytest.raises(SourceError, match="breaks off"):
        collect(stretches, heard)
    (part,) = parts_of(heard)
    assert part.start == pytest.approx(0.6, abs=0.2) and part.end == pytest.approx(3, abs=0.05)


def test_no_sound_at_all_gives_no_stretch() -> None:
    assert parts_of(list(find_voice([]))) == []
