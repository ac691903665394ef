"""Texts taken apart into clauses, and put together again."""

from hypothesis import given
from hypothesis import strategies as st

from longtake.text.clauses import CLAUSE_END, first_sentence, make_title, own_words, split_text

WORDS = st.lists(st.sampled_from("red blue cars go by and a dog".split()), min_size=1, max_size=30)
TEXTS = st.lists(WORDS.map(lambda words: " ".join(words) + "."), min_size=1, max_size=6)


def test_quotations_and_decimals_are_not_broken() -> None:
    text = 'A sign reads "Stop. Go; now". It is 2.5 m high; it is red.'
    assert split_text(text, CLAUSE_END) == [
        'A sign reads "Stop. Go; now"',
        "It is 2.5 m high",
        "it is red",
    ]


def test_own_words_have_a_part_of_every_text_in_order() -> None:
    texts = ["Two cars. Mostly grey.", "Four cars. Mostly grey.", "A dog. It runs."]
    assert own_words(texts, 4) == "Two cars; four cars; a dog."
    assert own_words(texts, 40) == "Two cars; mostly grey; four cars; a dog; it runs."


def test_names_keep_their_capitals() -> None:
    assert own_words(["The shop opens.", "Anna comes in."], 40) == "The shop opens; Anna comes in."


def test_endless_clause_is_cut_and_shows_it() -> None:
    assert own_words(["word " * 100], 5) == "Word word word word word …."


@given(TEXTS)
def test_own_words_name_every_text_and_stay_near_their_length(texts: list[str]) -> None:
    said = own_words(texts, 10).casefold()
    for text in texts:
        first = split_text(text, CLAUSE_END)[0].split()
        assert " ".join(first[:10]).casefold() in said
    assert len(said.split()) <= 11 * len(texts) + 10


@given(st.text(max_size=80))
def test_any_text_can_be_taken_apart(text: str) -> None:
    parts = split_text(text, CLAUSE_END)
    assert all(part.strip() == part != "" for part in parts)
    first_sentence(text)
    if parts:
        assert own_words([text], 10)
        assert make_title(text, 5)


def test_first_sentence_drops_what_models_put_around_it() -> None:
    assert first_sentence("Sentence: A dog runs. It barks.") == "A dog runs."
    assert first_sentence('"A dog runs"') == '"A dog runs"'
    assert first_sentence("## A dog runs\n\nMore.") == "A dog runs"
    assert first_sentence("- A dog runs. - A cat.") == "A dog runs."
    assert first_sentence('A sign reads "Stop. Go". It is red.') == 'A sign reads "Stop. Go".'


def test_unclosed_quotation_marks_cost_no_time() -> None:
    assert first_sentence('"a ' * 5000 + "end. More.").endswith("end.")


def test_title_is_what_is_quoted() -> None:
    assert make_title('The heading reads "The Beam". Text reads "x".', 8) == '"The Beam"'
    assert make_title("Two cars and a dog. Mostly grey.", 3) == "Two cars and …"
