"""Words are counted in any script, by letters where they stand without blanks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.text.clauses import CLAUSE_END, first_sentence, make_title, own_words, split_text
from longtake.text.untrusted import one_line
from longtake.text.words import count_words, list_words, take_words

CHINESE = "一名穿红色外套的男子穿过广场，在喷泉前停下。他看了看手表；然后继续往前走。"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A man walks - slowly.", 5),
        ("", 0),
        ("男人在走路。", 3),
        ("一辆 car 停下", 3),
        ("ชายคนหนึ่งเดิน", 4),
        ("사람이 걷는다", 2),
        ("「行こう。」", 2),
    ],
)
def test_words_are_counted_in_any_script(text: str, count: int) -> None:
    assert count_words(text) == count


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_between_blanks_words_are_those_of_python(text: str) -> None:
    assert count_words(text) == len(text.split())
    assert take_words(text, 3) == " ".join(text.split()[:3])


@given(st.text(), st.integers(0, 9))
def test_taken_words_are_the_first_ones_and_not_too_many(text: str, most: int) -> None:
    taken = take_words(text, most)
    assert " ".join(text.split()).startswith(taken) and count_words(taken) <= most


def test_pairs_of_letters_are_words_where_there_are_no_blanks() -> None:
    assert list_words("Red 红色车") == ["red", "红色", "色车"]


def test_sentences_end_in_any_script() -> None:
    assert first_sentence(CHINESE) == "一名穿红色外套的男子穿过广场，在喷泉前停下。"
    assert first_sentence("एक आदमी चलता है। वह बैठता है।") == "एक आदमी चलता है।"
    assert split_text(CHINESE, CLAUSE_END) == [
        "一名穿红色外套的男子穿过广场，在喷泉前停下",
        "他看了看手表",
        "然后继续往前走",
    ]
    assert split_text("「行こう。」と言う。彼は歩く。", CLAUSE_END) == [
        "「行こう。」と言う",
        "彼は歩く",
    ]


@pytest.mark.parametrize("text", ["。", ".", "！？", "；", "। ।"])
def test_text_of_stops_alone_is_no_trouble(text: str) -> None:
    assert make_title(text, 3) and own_words([text, "A man."], 9).endswith(".")


def test_titles_and_own_words_are_short_and_end_as_their_script_does() -> None:
    assert make_title(CHINESE, 5) == "一名穿红色外套的男子…"
    assert own_words([CHINESE], 40) == CHINESE.replace("。", "；", 1)
    assert count_words(own_words([CHINESE] * 2 + ["两个孩子在玩球。"], 12)) <= 18
    assert own_words(["ชายเดิน", "หญิงนั่ง"], 9) == "ชายเดิน หญิงนั่ง"
    assert own_words(["वह चलता है। वह बैठता है।"], 40) == "वह चलता है; वह बैठता है।"


@given(st.text())
def test_on_one_line_all_that_can_be_seen_stays_and_nothing_hidden(text: str) -> None:
    line = one_line(text)
    assert [c for c in line if c.isprintable() and c != " "] == [
        c for c in text if c.isprintable() and c != " "
    ]
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert all(c in "\u200c\u200d" for c in line if unicodedata.category(c) == "Cf")
