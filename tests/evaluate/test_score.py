"""The scorer: right tellings count as true, false ones don't; each count is what it says."""

from collections import defaultdict

import pytest

from longtake.evaluate.score import Score, score_descriptions, score_summary
from longtake.evaluate.truth import TrueEvent
from tests.evaluate.paraphrases import Rates, falsify, list_paraphrases, rate, read_film

FILM = read_film("red circle enters; red circle turns blue; red circle (blue circle) leaves")


def test_of_the_paraphrases_hardly_any_telling_is_taken_for_what_it_is_not() -> None:
    rates: dict[str, Rates] = defaultdict(Rates)
    for row in list_paraphrases():
        rates[row.kind] += rate(row)
        rates[row.written] += rate(row)
        rates["all"] += rate(row)
    assert rates["all"].true + rates["all"].false > 500
    assert rates["all"].true_positive >= 0.97
    assert rates["all"].true_negative >= 0.97
    assert rates["all"].read_beside <= 0.02 * rates["all"].true
    low = {
        kind: each
        for kind, each in rates.items()
        if each.true * 0.9 > each.counted_true or each.false * 0.9 > each.rejected
    }
    assert low == {}, low


@pytest.mark.parametrize("part", ["colour", "action", "roles"])
def test_text_that_is_right_is_all_false_of_a_film_in_which_all_is_other(part: str) -> None:
    texts = matched = tellings = 0
    for row in list_paraphrases():
        film = falsify(row.film, part)
        if row.false or row.kind == "partial" or not film:
            continue
        texts += 1
        tellings += row.true
        matched += score_summary(film, [row.text]).matched
    assert texts > 15
    assert matched <= 0.01 * tellings


def test_all_that_is_told_once_is_whole() -> None:
    score = score_summary(FILM, ["A red circle enters.", "It turns blue and leaves."])
    assert (score.recall, score.precision, score.order, score.identity) == (1, 1, 1, 1)
    assert (score.true, score.matched, score.told, score.duplicates) == (3, 3, 3, 0)


def test_each_kind_of_mistake_has_its_count() -> None:
    text = (
        "A red circle enters. A red circle enters. It turns green. A star jumps. It never leaves."
    )
    score = score_summary(FILM, [text])
    assert (score.matched, score.repeats, score.duplicates) == (1, 1, 1)
    assert score.invented == 2


def test_event_that_a_text_says_did_not_happen_is_denied() -> None:
    score = score_summary(FILM, ["The red circle never leaves. No green star appears."])
    assert (score.denied, score.wrong, score.precision) == (1, 1, 0)


def test_event_over_the_edge_of_two_chunks_may_be_told_in_both() -> None:
    film = [TrueEvent(5, 7, "red circle", "moves right")]
    told = "A red circle moves to the right."
    score = score_descriptions(film, [(0, 6, told), (6, 12, told)])
    assert (score.matched, score.repeats, score.duplicates, score.wrong) == (1, 1, 0, 0)
    assert score_descriptions(film, [(0, 6, told + " " + told)]).duplicates == 1


def test_event_told_in_a_chunk_far_from_it_is_at_the_wrong_time() -> None:
    film = [TrueEvent(1, 3, "red circle", "jumps")]
    score = score_descriptions(film, [(0, 6, ""), (6, 12, "The red circle jumps.")])
    assert (score.matched, score.wrong_time, score.invented) == (0, 1, 0)


def test_description_is_read_without_those_before_it() -> None:
    film = read_film("red circle enters; red circle jumps; blue square jumps")
    chunks = [(0.0, 2.5, "A red circle enters."), (2.5, 9.0, "It jumps.")]
    score = score_descriptions(film, chunks)
    assert (score.matched, score.vague) == (1, 0)


def test_sentence_that_cites_another_time_is_at_the_wrong_time() -> None:
    sentences = ["A red circle enters.", "It turns blue."]
    assert score_summary(FILM, sentences, [[(0, 3)], [(3, 6)]]).matched == 2
    score = score_summary(FILM, sentences, [[(0, 3)], [(20, 26)]])
    assert (score.matched, score.wrong_time) == (1, 1)
    assert score_summary(FILM, sentences, [[(0, 3)]]).matched == 2


def test_telling_that_fits_several_actors_is_neither_right_nor_wrong() -> None:
    film = read_film("red circle enters; blue circle enters")
    score = score_summary(film, ["A circle enters."])
    assert (score.matched, score.vague, score.wrong, score.recall) == (0, 1, 0, 0)
    assert score_summary(film[:1], ["A circle enters."]).matched == 1


def test_movement_of_one_that_enters_counts_for_nothing() -> None:
    film = read_film("red circle enters; blue square moves left")
    score = score_summary(film, ["A red circle enters from the left, moving right."])
    assert (score.matched, score.aside, score.wrong) == (1, 1, 0)
    assert score_summary(film, ["The blue square moves right."]).invented == 1


def test_words_of_a_users_own_film_are_read() -> None:
    film = [
        TrueEvent(0, 2, "the old cat", "wakes", say="wakes up|opens its eyes"),
        TrueEvent(3, 5, "the old cat", "climbs", "the kitchen table"),
        TrueEvent(6, 8, "a dog", "chases", "old cat", say="runs after"),
        TrueEvent(9, 11, "old cat", "leaves"),
    ]
    text = "An old cat wakes up and climbed the table. A dog runs after the cat. It leaves."
    score = score_summary(film, [text])
    assert (score.matched, score.invented) == (3, 1), "`it` is the dog, by the reader's rule"
    assert score_summary(film, ["The dog climbs the table."]).invented == 1
    assert score_summary(film, ["The cat chases the dog."]).invented == 1


def test_scores_of_films_add_up() -> None:
    one, two = score_summary(FILM, ["A red circle enters."]), score_summary(FILM, ["It is red."])
    both = sum([one, two], Score())
    assert (both.true, both.matched, both.recall) == (6, 1, 1 / 6)


def test_film_without_events_and_text_without_tellings_have_nothing_wrong() -> None:
    assert score_summary([], [""]).precision == score_descriptions([], []).recall == 1


@pytest.mark.parametrize("text", ["A red circle enters, jumps and leaves.", "", '"', "1. 2. 3."])
def test_text_about_another_film_is_all_wrong(text: str) -> None:
    film = read_film("green star spins")
    score = score_summary(film, [text])
    assert (score.matched, score.told) == (0, score.invented)
