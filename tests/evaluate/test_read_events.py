"""What is read out of a text: who does what to whom, and what is no event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.evaluate.reading.reader import read_events, read_texts
from tests.evaluate.paraphrases import list_paraphrases


def tell(text: str) -> list[str]:
    """Each event as actor, likeliest action, target, and what else is told of it."""
    lines = []
    for event in read_events(text):
        target = event.target if isinstance(event.target, str) else " ".join(event.target)
        denied = "denied" if event.denied else ""
        parts = (" ".join(event.actor), event.actions[0], target, denied, event.identity)
        lines.append(" ".join(" ".join(parts).split()))
    return lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A crimson ball rolls in from the left.", ["red circle enters"]),
        ("In comes a green star.", ["green star enters"]),
        ("A red circle enters, turns blue and leaves.",
         ["red circle enters", "red circle turns blue", "red circle leaves"]),
        ("The red circle touches the blue square and the star leaves.",
         ["red circle touches blue square", "star leaves"]),
        ("The red circle touches the blue square and leaves.",
         ["red circle touches blue square", "red circle leaves"]),
        ("The box is carried by the man.", ["person carries square"]),
        ("The house hides the red car.", ["red car hides house"]),
        ("A red circle enters, followed by a blue square.",
         ["red circle enters", "blue square enters"]),
        ("The red circle does not jump.", ["red circle jumps denied"]),
        ("The same red circle returns.", ["red circle reappears same"]),
        ("Another star enters.", ["star enters another"]),
        ("The sign reads OPEN.", ["sign shows OPEN"]),
        ("A voice says that the train leaves at noon.", ["voice says the train leaves at noon"]),
        ("The camera moves to the left.", ["camera pans left"]),
        ("A dog chases the red circle.", []),
        ("A red circle is on the left, and a star stands still.", []),
        ("The red circle is about to leave.", []),
        ("Clouds drift to the left.", []),
    ],
)  # fmt: skip
def test_text_tells_these_events(text: str, told: list[str]) -> None:
    assert tell(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "The star spins, and after that the circle jumps.",
        "After the star spins, the circle jumps.",
        "The circle jumps after the star spins.",
        "Before the circle jumps, the star spins.",
    ],
)
def test_what_comes_first_in_time_comes_first(text: str) -> None:
    assert tell(text) == ["star spins", "circle jumps"]


def test_pronoun_is_of_the_text_before_unless_that_is_forgotten() -> None:
    texts = ["A red circle enters.", "It leaves."]
    assert [event.actor.colour for event in read_texts(texts)] == ["red", "red"]
    assert len(read_texts(texts, forget=True)) == 1


@pytest.mark.parametrize("text", ["", "\n", '"""', "'s", "and and, which that", "left", "No."])
def test_text_of_nothing_tells_nothing(text: str) -> None:
    assert tell(text) == []


WORDS = sorted({word for row in list_paraphrases() for word in row.text.split()})


@given(
    st.lists(st.sampled_from([*WORDS, "which", "that", "left", "by", ",", '"', "\n"]), max_size=50)
)
def test_words_in_any_order_are_read(words: list[str]) -> None:
    assert all(event.actions for event in read_events(" ".join(words)))


def test_relative_clause_after_a_target_is_about_the_target() -> None:
    text = "The red circle touches the blue square, which turns green."
    assert tell(text) == ["red circle touches blue square", "blue square turns green"]
