"""What is said: sentences and their times as pure functions, and the real model on known words."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.cli.main import main
from longtake.errors import ModelError, SourceError, UsageError
from longtake.models.table import TINY_WHISPER, is_model_here
from longtake.models.whisper import WHISPER_FILES
from longtake.records import Segment
from longtake.video.probe import probe
from longtake.video.sound import RATE, Block, read_sound
from longtake.words.speech.sentences import (
    EMPTY_SECONDS,
    LONG_SECONDS,
    PAUSE_SECONDS,
    Guess,
    Word,
    drop_invented,
    make_sentences,
    place_words,
)
from longtake.words.speech.voice import PAD_SECONDS
from longtake.words.speech.whisper import (
    Recognizer,
    choose_speech_model,
    find_speech_model,
    open_recognizer,
    recognize,
)
from tests.conftest import ROOT
from tests.voices import (
    SENTENCE,
    as_blocks,
    as_words,
    count_wrong,
    load_lecture,
    make_counting_video,
    make_film,
    make_hum,
    make_music,
    make_noise,
    make_silence,
    make_speaking_video,
    speak,
    spell,
)


def say_words(text: str, start: float = 0.0, each: float = 0.3) -> list[Word]:
    """The words of a text, one after the other, as the model writes them."""
    return [
        Word(start + each * n, start + each * (n + 1), f" {word}")
        for n, word in enumerate(text.split())
    ]


def texts(words: Sequence[Word]) -> list[str]:
    return [segment.text for segment in make_sentences(words)]


# Sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One bridge. Two bridges! Three? Yes…", ["One bridge.", "Two bridges!", "Three?", "Yes…"]),
        ("It is 3.5 metres long. It holds.", ["It is 3.5 metres long.", "It holds."]),
        ("Dr. Smith met Mr. Jones. They talked.", ["Dr. Smith met Mr. Jones.", "They talked."]),
        ("J. S. Bach wrote it. It lasts.", ["J. S. Bach wrote it.", "It lasts."]),
        ("Stones, e.g. granite. Steel.", ["Stones, e.g. granite.", "Steel."]),
        ("At 5 p.m. we stop. Bye now.", ["At 5 p.m. we stop.", "Bye now."]),
        ('He said "Stop." Then he went.', ['He said "Stop."', "Then he went."]),
        ("well... it holds. Good.", ["well... it holds.", "Good."]),
        ("no stop at the end", ["no stop at the end"]),
        ("", []),
    ],
)
def test_sentences_end_where_they_end(text: str, expected: list[str]) -> None:
    assert texts(say_words(text)) == expected


def test_words_that_tokens_have_torn_are_whole_again() -> None:
    pieces = [" It", " is", " 3", ".5", " and", " fifty", "-two", "."]
    words = [Word(n, n + 0.9, piece) for n, piece in enumerate(pieces)]
    (segment,) = make_sentences(words)
    assert segment.text == "It is 3.5 and fifty-two."
    assert segment.span.end == 7.9


def test_letters_of_languages_without_spaces_stay_apart() -> None:
    words = [
        Word(n, n + 1, piece)
        for n, piece in enumerate(["橋", "は", "動く。", "石", "は", "重い。"])
    ]
    assert texts(words) == ["橋は動く。", "石は重い。"]


def test_pause_ends_a_sentence_without_a_full_stop() -> None:
    words = [
        *say_words("two,", 2.0),
        *say_words("four,", 2.3 + PAUSE_SECONDS),
        *say_words("six", 9),
    ]
    segments = make_sentences(words)
    assert [segment.text for segment in segments] == ["two,", "four,", "six"]
    assert [segment.span.start for segment in segments] == [2.0, 2.3 + PAUSE_SECONDS, 9.0]


def test_long_sentence_is_cut_at_commas() -> None:
    text = ", ".join(["the load goes down to the ground"] * 8)
    segments = make_sentences(say_words(text))
    assert len(segments) > 1
    assert all(segment.span.seconds <= LONG_SECONDS for segment in segments)
    assert all(segment.text.endswith(",") for segment in segments[:-1])


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.floats(0, 3),
            st.sampled_from([" a", " b.", ",", " c?", "-d", " Dr."]),
        ),
        max_size=60,
    )
)
def test_no_word_is_lost_and_times_rise(rows: list[tuple[float, float, str]]) -> None:
    words, time = [], 0.0
    for gap, lasts, text in rows:
        words.append(Word(time + gap, time + gap + lasts, text))
        time += gap + lasts
    segments = make_sentences(words)
    letters = "".join(text for _, _, text in rows).replace(" ", "")
    assert "".join(segment.text for segment in segments).replace(" ", "") == letters
    for before, after in pairwise(segments):
        assert before.span.end <= after.span.start + 1e-6


def test_characters_that_act_on_a_terminal_are_gone() -> None:
    assert texts([Word(0, 1, " a\x1b[31m\n\u202eb.")]) == ["a [31m b."]


# Times


def make_part(start: float, seconds: float) -> Block:
    return Block(start, np.zeros(round(seconds * RATE), np.float32))


def test_words_go_back_to_where_their_part_was() -> None:
    parts = [make_part(10, 2), make_part(20, 2)]
    words = [Word(0.5, 1.0, " a"), Word(1.1, 1.5, " b"), Word(2.5, 3.5, " c")]
    first, second, third = place_words(words, parts)
    assert first.start == 10 + PAD_SECONDS and first.end == 11.0
    assert second.start == 11.1 and second.end == 12 - PAD_SECONDS
    assert (third.start, third.end) == (20 + PAD_SECONDS, 22 - PAD_SECONDS)


def test_words_that_came_late_go_back_to_the_part_that_has_none() -> None:
    parts = [make_part(second, 1) for second in (2, 4, 6)]
    late = [Word(0.9, 0.9, " two"), Word(2.1, 2.2, " four"), Word(2.9, 3.0, " six")]
    assert [round(word.start - PAD_SECONDS, 6) for word in place_words(late, parts)] == [2, 4, 6]


def test_part_far_from_any_word_stays_without() -> None:
    parts = [make_part(2, 1), make_part(4, 3), make_part(9, 1)]
    words = [Word(0.3, 0.6, " two"), Word(4.3, 4.6, " nine")]
    assert [int(word.start) for word in place_words(words, parts)] == [2, 9]


@given(
    st.lists(st.tuples(st.floats(0.2, 3), st.floats(0.9, 10)), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), max_size=30),
)
def test_placed_words_keep_their_order_and_lie_in_parts(
    rows: list[tuple[float, float]], said: list[tuple[float, float]]
) -> None:
    parts, words, time = [], [], 0.0
    for gap, lasts in rows:
        parts.append(make_part(time + gap, lasts))
        time = parts[-1].end
    time = 0.0
    for gap, lasts in said:
        words.append(Word(time + gap, time + gap + lasts, " a"))
        time += gap + lasts
    placed = place_words(words, parts)
    assert len(placed) == len(words)
    for word in placed:
        assert word.start <= word.end
        assert any(p.start - 1e-6 <= word.start and word.end <= p.end + 1e-6 for p in parts)
    for before, after in pairwise(placed):
        assert before.start <= after.start + EMPTY_SECONDS


# What was not said


def make_guess(text: str, **more: Any) -> Guess:
    words = tuple(replace(word, probability=more.pop("sure", 0.8)) for word in say_words(text))
    facts = {"no_speech": 0.1, "likelihood": -0.4, "packing": 1.0} | more
    return Guess(words, **facts)


@pytest.mark.parametrize(
    "guess",
    [
        make_guess("Thank you for watching!", no_speech=0.6),
        make_guess("Thank you very much.", likelihood=-1.27),
        make_guess(
            "Thank you so much for watching and I'll see you in the next video.", no_speech=0.9
        ),
        make_guess("You", no_speech=0.95, likelihood=-0.9),
        make_guess("Oh", no_speech=0.85, likelihood=-0.9),
        make_guess("Untertitel der Amara.org-Community", no_speech=0.4),
        make_guess("going to take a look at how " * 20, packing=16.0),
        make_guess("Something said by nobody", no_speech=0.9, likelihood=-0.8),
        make_guess("Some other thing", no_speech=0.4, likelihood=-1.3),
        make_guess("Low", sure=0.05),
        make_guess(". . ."),
        make_guess("I'm going to do it", no_speech=0.94),
        Guess((), 0.1, -0.4, 1.0),
    ],
)
def test_words_for_what_is_no_speech_are_thrown_away(guess: Guess) -> None:
    assert drop_invented([guess]) == []


@pytest.mark.parametrize(
    "guess",
    [
        make_guess("Thank you for watching."),  # it is said, and heard well
        make_guess("I sleep with a dagger."),
        make_guess("2, 4, 6, 8, 10, 12", no_speech=0.61, likelihood=-0.2),
        make_guess("Whispered, and hard to hear", likelihood=-0.9),
    ],
)
def test_words_that_were_said_stay(guess: Guess) -> None:
    assert drop_invented([guess]) == list(guess.words)


# Recognising, with a listener that is scripted


class Scripted:
    """Hears one word in each stretch; counts what it was asked."""

    name = "scripted"

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.facts = {"model": "scripted"}
        self.heard: list[float] = []
        self.detected: list[float] = []

    def hear(self, samples: np.ndarray) -> list[Guess]:
        self.heard.append(len(samples) / RATE)
        return [make_guess(f"Heard {len(self.heard)}.")]

    def detect_language(self, samples: np.ndarray) -> str:
        self.detected.append(len(samples) / RATE)
        return "de"


class Kept(dict[str, str]):
    """A store by facts."""

    def recall(self, facts: Mapping[str, object], make: Callable[[], Any]) -> Any:
        key = json.dumps(facts)
        if key not in self:
            self[key] = json.dumps(make())
        return json.loads(self[key])


def run(
    sound: np.ndarray, listener: Scripted, kept: Kept | None = None
) -> list[tuple[float, tuple[Segment, ...]]]:
    kept = Kept() if kept is None else kept
    return list(recognize(as_blocks(sound), listener, kept.recall))  # type: ignore[arg-type]


TALK = speak({1.0: SENTENCE, 15.0: SENTENCE, 40.0: SENTENCE}, 50)


def test_each_stretch_is_heard_once_and_told_in_time() -> None:
    listener = Scripted()
    told = run(TALK, listener)
    assert len(listener.heard) == 3
    segments = [segment for _, found in told for segment in found]
    assert [segment.text for segment in segments] == ["Heard 1.", "Heard 2.", "Heard 3."]
    assert [segment.span.start for segment in segments] == pytest.approx([1, 15, 40], abs=0.3)
    untils = [until for until, _ in told]
    assert untils == sorted(untils)
    for (until, _), (_, later) in pairwise(told):
        assert all(segment.span.start >= until - 0.01 for segment in later)


def test_second_run_hears_nothing_again() -> None:
    kept = Kept()
    first = run(TALK, Scripted(), kept)
    listener = Scripted()
    assert run(TALK, listener, kept) == first
    assert listener.heard == []


def test_run_that_was_cut_off_hears_only_the_rest() -> None:
    kept = Kept()
    found = recognize(as_blocks(TALK), Scripted(), kept.recall)  # type: ignore[arg-type]
    while len(kept) < 2:
        next(found)
    listener = Scripted()
    run(TALK, listener, kept)
    assert len(listener.heard) == 1


def test_another_model_or_another_sound_is_heard_anew() -> None:
    kept = Kept()
    run(TALK, Scripted(), kept)
    other = Scripted()
    other.facts = {"model": "other"}
    run(TALK, other, kept)
    assert len(other.heard) == 3
    later = Scripted()
    run(np.concatenate([make_silence(0.5), TALK]), later, kept)
    assert len(later.heard) == 3


def test_language_is_detected_once_from_the_first_voice_and_remembered() -> None:
    long = speak({float(n): SENTENCE for n in range(0, 60, 4)}, 64)
    kept = Kept()
    listener = Scripted("")
    told = run(long, listener, kept)
    assert listener.language == "de" and len(listener.detected) == 1
    assert 10 < listener.detected[0] <= 60
    again = Scripted("")
    assert run(long, again, kept) == told
    assert again.language == "de" and again.heard == again.detected == []


def test_language_of_silence_is_not_known() -> None:
    listener = Scripted("")
    told = run(make_silence(30), listener)
    assert listener.language == "" and listener.detected == [] and listener.heard == []
    assert told[0][0] < 10 and told[-1][0] == pytest.approx(30, abs=0.1)


def test_little_voice_before_long_silence_is_not_waited_for() -> None:
    sound = np.concatenate([speak({1.0: SENTENCE}, 6), make_silence(200)])
    read = 0.0

    def watch() -> Iterator[Block]:
        nonlocal read
        for block in as_blocks(sound):
            read = block.end
            yield block

    kept = Kept()
    found = recognize(watch(), Scripted(""), kept.recall)  # type: ignore[arg-type]
    while not next(found)[1]:
        pass
    assert read < 90


@pytest.mark.parametrize("language", ["en", ""])
def test_what_was_said_before_the_sound_breaks_is_told(language: str) -> None:
    def break_off() -> Iterator[Block]:
        yield from as_blocks(speak({1.0: SENTENCE}, 6))
        raise SourceError("the sound breaks off at 0:06")

    kept = Kept()
    found = recognize(break_off(), Scripted(language), kept.recall)  # type: ignore[arg-type]
    told: list[Segment] = []
    with pytest.raises(SourceError, match="breaks off"):
        take_all(found, told)
    assert [segment.text for segment in told] == ["Heard 1."]


def take_all(found: Iterator[tuple[float, tuple[Segment, ...]]], told: list[Segment]) -> None:
    for _, segments in found:
        told += segments


# Names


def test_unknown_speech_model_is_bad_usage_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="no speech model 'smal'") as caught:
        choose_speech_model("smal")
    for name in ("tiny.en", "small", "large-v3-turbo", "auto", "off"):
        assert name in caught.value.hint


def put_in_cache(cache: Path, name: str, files: Sequence[str]) -> None:
    """A model as the hub's client keeps it."""
    repository = cache / f"models--Systran--faster-whisper-{name}"
    folder = repository / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    for file in files:
        (folder / file).touch()


def test_auto_is_the_best_model_that_is_whole_in_the_cache(tmp_path: Path) -> None:
    assert choose_speech_model("auto", tmp_path) == TINY_WHISPER.name
    assert find_speech_model(TINY_WHISPER.name) is TINY_WHISPER
    put_in_cache(tmp_path, "tiny", WHISPER_FILES)
    assert choose_speech_model("auto", tmp_path) == "tiny"
    put_in_cache(tmp_path, "base", WHISPER_FILES[:2])
    assert choose_speech_model("auto", tmp_path) == "tiny"
    put_in_cache(tmp_path, "small", WHISPER_FILES)
    assert choose_speech_model("auto", tmp_path) == "small"


def test_folder_that_holds_no_model_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(UsageError, match=r"model.bin, tokenizer.json is not there"):
        open_recognizer(str(tmp_path))


def test_folder_with_broken_weights_is_a_model_error(tmp_path: Path) -> None:
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / file).write_text("{}")
    (tmp_path / "model.bin").write_bytes(b"no weights")
    recognizer = open_recognizer(str(tmp_path), "cpu")
    with pytest.raises(ModelError, match="fails") as caught:
        recognizer.hear(np.zeros(RATE, np.float32))
    assert "--speech off" in caught.value.hint


def test_model_of_the_hub_that_can_not_be_had_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="the Whisper model small could not be fetched") as caught:
        open_recognizer("small")
    assert "--speech tiny.en" in caught.value.hint


def test_model_of_the_table_is_not_fetched_before_it_is_needed() -> None:
    recognizer = open_recognizer("tiny.en", "cpu")
    assert recognizer.facts and not is_model_here(TINY_WHISPER)


# The real model


@pytest.fixture(scope="module")
def real() -> Recognizer:
    return open_recognizer("tiny.en", "cpu", 1)


def hear(path: Path, recognizer: Recognizer) -> list[Segment]:
    _, index = probe(path, "")
    kept = Kept()
    sound = read_sound(path, index.start)
    found = recognize(sound, recognizer, kept.recall)
    return [segment for _, segments in found for segment in segments]


@pytest.mark.real
def test_each_second_is_heard_when_it_is_said(tmp_path: Path, real: Recognizer) -> None:
    segments = hear(make_counting_video(tmp_path / "count.mp4", 60), real)
    truth = list(range(2, 59, 2))
    names = {spell(number): number for number in truth} | {str(n): n for n in truth}
    heard = [names.get(segment.text.strip(" .,").lower()) for segment in segments]
    assert len(segments) == len(truth)
    assert sum(one == two for one, two in zip(heard, truth, strict=True)) >= len(truth) - 2, heard
    for segment, second in zip(segments, truth, strict=True):
        assert abs(segment.span.start - second) < 0.5, segment
        assert segment.span.seconds < 1.2, segment


@pytest.mark.real
def test_times_hold_where_the_sound_starts_late(tmp_path: Path, real: Recognizer) -> None:
    sound = speak({1.0: SENTENCE}, 6)
    path = make_film(tmp_path / "a.mkv", sound, seconds=70, sound_start=60, film_start=5)
    (segment,) = hear(path, real)
    assert abs(segment.span.start - 61) < 0.5 and "bridge" in segment.text


@pytest.mark.real
def test_narration_of_the_lecture_is_heard(real: Recognizer) -> None:
    segments = hear(ROOT / "examples/lecture.mp4", real)
    truth = as_words(" ".join(slide.narration for slide in load_lecture().SLIDES))
    heard = as_words(" ".join(segment.text for segment in segments))
    assert count_wrong(truth, heard) < 0.1 * len(truth)
    assert all(segment.span.seconds <= LONG_SECONDS + 1 for segment in segments)
    assert len(segments) > 12


@pytest.mark.real
def test_no_words_are_heard_where_nobody_speaks(tmp_path: Path, real: Recognizer) -> None:
    sounds = [make_music(30), make_noise(20), make_noise(20, "pink"), make_hum(20)]
    sounds += [make_noise(20, "brown"), make_silence(20)]
    assert hear(make_film(tmp_path / "a.mp4", np.concatenate(sounds)), real) == []


@pytest.mark.real
@pytest.mark.parametrize("seconds", [2, 5, 12, 28])
def test_words_invented_for_noise_and_music_are_thrown_away(seconds: int, real: Recognizer) -> None:
    """Also where the voice detector lets them through."""
    for sound in (make_music(30), make_noise(30), make_noise(30, "pink"), make_hum(30)):
        samples = np.concatenate([block.samples for block in as_blocks(sound)])
        assert drop_invented(real.hear(samples[: seconds * RATE])) == []


@pytest.mark.real
def test_words_are_heard_between_and_over_music(tmp_path: Path, real: Recognizer) -> None:
    behind = np.concatenate([make_music(20), make_noise(20, "pink", 0.01)])
    said = {12.0: SENTENCE, 25.0: SENTENCE}
    path = make_speaking_video(tmp_path / "a.mp4", said, background=0.15 * behind, seconds=40)
    segments = hear(path, real)
    assert len(segments) == 2
    for segment, start in zip(segments, said, strict=True):
        assert abs(segment.span.start - start) < 0.5
        assert count_wrong(as_words(SENTENCE), as_words(segment.text)) <= 4


@pytest.mark.real
def test_voice_in_the_centre_of_eight_channels_is_understood(
    tmp_path: Path, real: Recognizer
) -> None:
    said, music = speak({1.0: SENTENCE}, 6), make_music(6, 0.05)
    channels = [music, music, said, music, music, music, music, music]
    path = make_film(tmp_path / "a.mkv", channels=channels, layout="7.1", codec="flac")
    text = " ".join(segment.text for segment in hear(path, real))
    assert count_wrong(as_words(SENTENCE), as_words(text)) <= 3, text


@pytest.mark.real
def test_model_is_not_loaded_for_what_is_kept(tmp_path: Path, real: Recognizer) -> None:
    kept = Kept()
    sound = list(as_blocks(speak({1.0: SENTENCE}, 6)))
    first = list(recognize(sound, real, kept.recall))

    def refuse() -> Path:
        raise AssertionError("the model is loaded")

    fresh = Recognizer("tiny.en", refuse, str(real.facts["model"]), "cpu", 1, "")
    assert list(recognize(sound, fresh, kept.recall)) == first


@pytest.mark.real
def test_recogniser_says_what_it_is(real: Recognizer) -> None:
    assert real.name == "whisper tiny.en" and real.language == "en"
    assert "only English" in real.why and "--speech small" in real.why
    assert real.facts["model"] == TINY_WHISPER.files[0].sha256
    json.dumps(real.facts)


@pytest.mark.real
def test_same_sound_gives_the_same_words_twice(real: Recognizer) -> None:
    sound = list(as_blocks(speak({1.0: SENTENCE}, 6)))
    wholes = [list(recognize(sound, real, lambda facts, make: make())) for _ in (1, 2)]
    assert wholes[0] == wholes[1]


@pytest.mark.real
def test_path_of_the_speech_model_is_a_folder_that_opens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "path", "tiny.en"]) == 0
    folder = capsys.readouterr().out.strip()
    assert find_speech_model(folder) == Path(folder)
    recognizer = open_recognizer(folder, "cpu", 1)
    assert recognizer.facts["model"] == TINY_WHISPER.files[0].sha256
