"""What is said and written in its own best words: whole sentences, topics, what stands for them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.digest import MOST_COMPARED, Digest, Quote, list_quotes, make_digest, pick_row
from longtake.digest.choose_quotes import load_chatter
from longtake.digest.phrases import find_phrases
from longtake.digest.quotes import WINDOW_LETTERS, find_ends
from longtake.digest.topics import add_company, find_topics
from longtake.digest.word_weights import guess_language, weigh_words
from longtake.records import MEASURED, Chunk, Description, ScreenText, Segment, Words
from longtake.text.words import list_words
from longtake.timecode import Span
from tests.talks import BRIDGE, SOUP

SECONDS = 6.0


def describe(count: int, text: str = "") -> list[Description]:
    """Chunks of six seconds, each with this description."""
    spans = [Span(SECONDS * n, SECONDS * (n + 1)) for n in range(count)]
    return [
        Description(Chunk(number, span), "described", "it", text=text or f"{MEASURED}one picture.")
        for number, span in enumerate(spans, 1)
    ]


def say(*texts: str, seconds: float = SECONDS) -> dict[int, Words]:
    """Each text as one cue of the chunk of its number, end to end."""
    return {
        number: Words((Segment(Span(seconds * (number - 1), seconds * number), text),))
        for number, text in enumerate(texts, 1)
    }


def quote_all(*texts: str, language: str = "en") -> list[Quote]:
    return list_quotes(describe(len(texts)), say(*texts), language)


def digest(texts: Sequence[str], **wishes: str) -> Digest:
    quotes = quote_all(*texts)
    return make_digest(quotes, SECONDS * len(texts), None, language="en", **wishes)


def list_told(found: Digest) -> list[str]:
    return [quote.text for topic in found.topics for quote in topic.quotes]


# --- sentences --------------------------------------------------------------------------------


def test_cues_are_joined_to_sentences_with_their_times_and_chunks() -> None:
    quotes = quote_all("The arch carries", "the load. The beam", "bends.")
    assert [(q.text, q.chunks) for q in quotes] == [
        ("The arch carries the load.", (1, 2)),
        ("The beam bends.", (2, 3)),
    ]
    assert quotes[0].span.start == 0 and quotes[1].span.end == 18
    assert 6 < quotes[0].span.end <= quotes[1].span.start < 12


def test_abbreviation_and_number_end_no_sentence() -> None:
    assert [q.text for q in quote_all("Dr. Lee paid 3.50 at 5 p.m. in all. Then she left.")] == [
        "Dr. Lee paid 3.50 at 5 p.m. in all.",
        "Then she left.",
    ]


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("de", "Das ist Dr. Meier. Er kam am 3. Mai z.B. nach Ulm. Warum?", 3),
        ("ja", "これは橋です。重さを支えます。なぜですか？", 3),
        ("ar", "هذا جسر طويل. كيف يعمل؟ إنه يحمل الوزن.", 3),
    ],
)
def test_sentences_end_as_their_language_has_it(language: str, text: str, count: int) -> None:
    assert len(quote_all(text, language=language)) == count
    assert guess_language([text]) == language


def test_letters_of_a_script_without_spaces_are_joined_without_one() -> None:
    assert [q.text for q in quote_all("これは", "橋です。", language="ja")] == ["これは橋です。"]


def test_long_silence_ends_a_sentence_without_a_full_stop() -> None:
    words = {
        1: Words((Segment(Span(0, 2), "so we begin"),)),
        2: Words((Segment(Span(9, 11), "and then we end"),)),
    }
    quotes = list_quotes(describe(2), words)
    assert [(q.text, q.pause) for q in quotes] == [("so we begin", 0.0), ("and then we end", 7.0)]


def test_text_that_never_ends_is_cut_and_shows_it() -> None:
    quotes = quote_all(*["and so on and on it goes without an end, it seems,"] * 40)
    assert len(quotes) > 4 and all(len(q.text) < 400 for q in quotes)
    assert quotes[0].text.endswith("…") and quotes[1].text.startswith("…")
    assert not quotes[0].text.startswith("…") and not quotes[-1].text.endswith("…")


def test_cues_out_of_order_are_told_in_that_of_time() -> None:
    found = say("One is first.", "Two is second.", "Three is third.")
    words = {1: Words(tuple(s for n in (3, 1, 2) for s in found[n].speech))}
    assert [q.text[:3] for q in list_quotes(describe(3), words)] == ["One", "Two", "Thr"]


def test_line_that_stands_over_several_chunks_is_one_quote_and_the_large_one_a_heading() -> None:
    lines = (
        ScreenText(Span(0, 12), "The Arch", 0.1, 0.2),
        ScreenText(Span(0, 12), "It is pressed", 0.4, 0.1),
        ScreenText(Span(0, 12), "It is strong", 0.6, 0.1),
    )
    quotes = list_quotes(describe(2), {1: Words((), lines), 2: Words((), lines)})
    assert [(q.text, q.chunks, q.heading, q.source) for q in quotes] == [
        ("The Arch", (1, 2), True, "screen"),
        ("It is pressed", (1, 2), False, "screen"),
        ("It is strong", (1, 2), False, "screen"),
    ]


def test_what_was_only_measured_is_no_sentence_and_prose_is_one_for_each_full_stop() -> None:
    assert list_quotes(describe(3), {}) == []
    quotes = list_quotes(describe(1, "A man walks. It rains."), {})
    assert [(q.text, q.source) for q in quotes] == [
        ("A man walks.", "description"),
        ("It rains.", "description"),
    ]


def test_table_without_exact_times_has_those_of_its_chunks() -> None:
    (found,) = describe(1)
    cells = Description(
        found.chunk, "described", "it", "A.", speech="⟶ the load. ⟶", on_screen="Arch / a b c"
    )
    told = {q.text: (q.source, q.heading, q.span) for q in list_quotes([cells], {})}
    assert told["the load."] == ("voice", False, Span(0, 6))
    assert told["Arch"] == ("screen", True, Span(0, 6))


def test_who_speaks_within_another_s_cue_is_quoted_apart_and_every_quote_has_its_chunks() -> None:
    words = {
        1: Words((Segment(Span(5.2, 5.9), "Careful there, please."),)),
        3: Words((Segment(Span(5, 16), "I think that the whole bridge will fall."),)),
    }
    told = {q.text: (q.span, q.chunks) for q in list_quotes(describe(3), words)}
    assert told == {
        "Careful there, please.": (Span(5.2, 5.9), (1,)),
        "I think that the whole bridge will fall.": (Span(5, 16), (3,)),
    }


def test_sentence_that_goes_over_the_edges_of_a_table_s_chunks_is_whole() -> None:
    first, between, last = describe(3)
    told = list_quotes(
        [
            replace(first, speech="Two cars ⟶"),
            between,
            replace(last, speech="⟶ and a bus pass."),
        ],
        {},
    )
    assert [(q.text, q.chunks) for q in told] == [("Two cars and a bus pass.", (1, 2, 3))]


def test_one_word_hides_no_slide() -> None:
    lines = tuple(
        ScreenText(Span(0, 12), text, 0.1 * k, 0.1) for k, text in enumerate(BRIDGE[:3], 1)
    )
    words = {1: Words((Segment(Span(1, 2), "Hello."),), lines)}
    found = make_digest(list_quotes(describe(2), words), 12.0, None, language="en")
    assert set(list_told(found)) & set(BRIDGE)


def test_vowel_signs_are_parts_of_words() -> None:
    assert list_words("पुल का वजन") == ["पुल", "का", "वजन"]


# --- topics -----------------------------------------------------------------------------------


def test_subject_changes_where_it_does() -> None:
    found = digest([*BRIDGE * 3, *SOUP * 3])
    assert [topic.span.start for topic in found.topics] == [0, 18 * SECONDS]
    assert found.topics[-1].span.end == 36 * SECONDS
    assert "bridge" in found.topics[0].title.casefold()
    assert "soup" in found.topics[1].title.casefold()


def test_topics_cover_the_video_without_a_hole() -> None:
    topics = digest([*BRIDGE * 3, *SOUP * 3, *BRIDGE * 2]).topics
    ends = [topic.span.end for topic in topics]
    assert [topic.span.start for topic in topics] == [0.0, *ends[:-1]]


def test_heading_on_screen_cuts_and_titles_a_topic() -> None:
    quotes = quote_all(*BRIDGE)
    for place, text in ((0, "Arches"), (3, "Cables")):
        span = Span(quotes[place].span.start, quotes[place].span.end)
        quotes.append(Quote(text, span, (place + 1,), "screen", heading=True))
    found = make_digest(quotes, 36.0, None, language="en")
    assert [(t.title, t.span.start) for t in found.topics] == [("Arches", 0), ("Cables", 18)]


def test_silence_makes_a_cut_cheaper() -> None:
    vectors = weigh_words([*BRIDGE, *SOUP], "en")
    dear, cheap = np.full(12, 7.0), np.full(12, 7.0)
    cheap[6] = 2.0
    company = add_company(vectors, 1.0)
    assert find_topics(company, dear, 9) == [0]
    assert find_topics(company, cheap, 9) == [0, 6]


@settings(max_examples=50)
@given(st.integers(1, 80), st.integers(1, 6), st.integers(0, 9))
def test_there_are_never_more_topics_than_may_be_and_each_begins_later(
    count: int, most: int, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = find_topics(vectors, np.full(count, 0.2), most)
    assert starts[0] == 0 and len(starts) <= most
    assert starts == sorted(set(starts)) and starts[-1] < count


def test_very_many_sentences_are_weighed_in_runs_and_the_cut_is_found_all_the_same() -> None:
    vectors = np.zeros((5000, 2), np.float32)
    vectors[:3100, 0] = vectors[3100:, 1] = 1
    (start, cut) = find_topics(vectors, np.full(5000, 3.0), 9)
    assert start == 0 and abs(cut - 3100) <= 5


# --- what is chosen ---------------------------------------------------------------------------


def test_every_quote_is_said_word_for_word_and_in_order() -> None:
    found = digest([*BRIDGE, *SOUP])
    told = list_told(found)
    assert told and set(told) <= {*BRIDGE, *SOUP}
    starts = [quote.span.start for topic in found.topics for quote in topic.quotes]
    assert starts == sorted(starts)


def test_longer_digest_quotes_more() -> None:
    talk = [f"{text[:-1]} on day {day}." for day in range(5) for text in (*BRIDGE, *SOUP)]
    short, medium, long = (
        len(list_told(digest(talk, length=length))) for length in ("short", "medium", "long")
    )
    assert 0 < short < medium < long < len(talk)


def test_same_sentence_is_quoted_once_however_often_it_is_said() -> None:
    assert list_told(digest(["The same is said again."] * 1000)) == ["The same is said again."]


def test_focus_is_told_first() -> None:
    talk = [*BRIDGE, "The ferry costs two coins for a child.", *BRIDGE[::-1]]
    assert "ferry" not in " ".join(list_told(digest(talk, length="short")))
    told = list_told(digest(talk, length="short", focus="what does the ferry cost for a child?"))
    assert "The ferry costs two coins for a child." in told


def test_question_and_what_leans_on_the_sentence_before_give_way() -> None:
    plain = "The load of the bridge is carried by cables of steel."
    talk = [plain.replace("The", "And so the"), plain, plain.replace(".", "?")]
    assert list_told(digest(talk, length="short")) == [plain]


def test_chatter_is_known_to_the_embedder_and_gives_way() -> None:
    chatter = load_chatter()
    talk = [chatter[0], *BRIDGE, chatter[5]]

    def embed(texts: Sequence[str]) -> np.ndarray:
        """Greetings are one thing, bridges another."""
        dice = [np.random.default_rng([*text.encode()]) for text in texts]
        rows = np.array([one.normal(scale=0.3, size=8) for one in dice], np.float32)
        rows[range(len(texts)), [int(text in chatter) for text in texts]] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    found = make_digest(quote_all(*talk), 60.0, embed, language="en", length="short")
    assert not set(list_told(found)) & set(chatter)


def test_greeting_is_quoted_where_nothing_else_is_said() -> None:
    rows = {text: np.eye(40, dtype=np.float32)[n] for n, text in enumerate(load_chatter())}

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.stack([rows[text] for text in texts])

    found = make_digest(quote_all(load_chatter()[0]), 6.0, embed, language="en")
    assert list_told(found) == [load_chatter()[0]]


def test_focus_that_nothing_is_near_to_is_known() -> None:
    assert digest(BRIDGE, focus="how are cables held?").focused
    assert not digest(BRIDGE, focus="banana recipe").focused


def test_phrases_are_those_that_the_other_topics_lack() -> None:
    topics = [["The red engine has a big wheel. The red engine runs."], ["A big wheel on a cart."]]
    first, second = find_phrases(topics, "en")
    assert first[0] == "red engine" and "cart" in second


# --- bad input --------------------------------------------------------------------------------


def test_no_sentence_is_no_topic() -> None:
    assert make_digest([], 10.0, None) == Digest((), ())
    assert quote_all("♪ ♪", "...", "🙂") == []


def test_one_sentence_is_one_topic() -> None:
    found = digest(["Only this is said."])
    assert [(t.span, list_told(found)) for t in found.topics] == [
        (Span(0, 6), ["Only this is said."])
    ]


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"w{n}" for n in range(5000)),
        "x" * 5000,
        " ".join(BRIDGE + SOUP).upper(),
        " ".join(BRIDGE + SOUP).lower().replace(".", ""),
        " ".join(f"{a} Das Haus steht am See und es regnet." for a in BRIDGE),
        "la la la la\n" * 200,
    ],
)
def test_odd_text_has_a_digest_in_its_own_words(text: str) -> None:
    found = make_digest(quote_all(text), 60.0, None)
    assert found.topics
    for told in list_told(found):
        assert told.strip("… ") in " ".join(text.split())


def test_thousands_of_sentences_stay_within_what_is_asked_for() -> None:
    rng = random.Random(1)
    words = " ".join(BRIDGE + SOUP).casefold().replace(".", "").split()
    talk = [" ".join(rng.choices(words, k=9)).capitalize() + "." for _ in range(6000)]
    found = digest(talk)
    assert 1 <= len(found.topics) <= 12 and len(list_told(found)) <= 16


def test_of_more_sentences_than_are_compared_an_even_part_is_and_the_rest_is_counted() -> None:
    span, count = Span(0, 1), 3 * MOST_COMPARED
    quotes = [Quote(f"It is number {n}.", span, (1,), "voice") for n in range(count)]
    row = pick_row(quotes)
    numbers = [int(quote.text[13:-1]) for quote in row]
    assert {b - a for a, b in pairwise(numbers)} == {3}
    assert (len(row), numbers[0] < 3, numbers[-1] > count - 4) == (MOST_COMPARED, True, True)
    found = make_digest(quotes, 60.0, None, language="en")
    assert found.left_out == count - MOST_COMPARED
    assert digest(BRIDGE).left_out == 0


@pytest.mark.parametrize("sentence", ["It rains. ", "外面在下雨。", "He said “no.” ", "Ça va ? "])
def test_sentences_of_a_long_text_are_those_of_a_short_one(sentence: str) -> None:
    few = len(list(find_ends(sentence * 10, "en")))
    many = list(find_ends(sentence * 2000, "en"))
    assert len(many) == 200 * few
    assert many[-1] == 2000 * len(sentence) > 2 * WINDOW_LETTERS


def test_a_sentence_longer_than_a_window_is_one() -> None:
    text = "word " * WINDOW_LETTERS + "end. And so on."
    assert [text[:end].split()[-1] for end in find_ends(text, "en")] == ["end.", "on."]


def test_the_largest_texts_take_as_many_sentences_as_they_have() -> None:
    assert list(find_ends("", "en")) == []
    assert list(find_ends("x" * 3 * WINDOW_LETTERS, "en")) == [3 * WINDOW_LETTERS]
