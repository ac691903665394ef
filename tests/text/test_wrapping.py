"""What stands round an answer comes off, whichever model put it there; what is quoted stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.text.wrapping import ANSWERS, BEGINS, ENDS, THOUGHTS, unwrap

SEEN = "A man walks in."


@pytest.mark.parametrize(("begin", "end"), THOUGHTS.items())
def test_thought_before_an_answer_is_dropped(begin: str, end: str) -> None:
    for mark in (begin, begin.upper()):
        assert unwrap(f"{mark}\nIs it a man?\n{end}\n\n{SEEN}") == (SEEN, True)


@pytest.mark.parametrize("begin", THOUGHTS)
def test_thought_that_never_ends_is_no_answer(begin: str) -> None:
    assert unwrap(f"{begin}Is it a man? Or") == ("", True)


@pytest.mark.parametrize("end", [end for end in THOUGHTS.values() if end != "<|end|>"])
def test_thought_that_the_template_began_is_dropped(end: str) -> None:
    assert unwrap(f"Is it a man?{end}{SEEN}") == (SEEN, True)


@pytest.mark.parametrize(("begin", "end"), list(ANSWERS.items())[:-1])
def test_marked_answer_is_what_stands_between_its_marks(begin: str, end: str) -> None:
    for text in (f"{begin}{SEEN}{end}", f"Well. {begin}\n{SEEN}", f"{begin}x{end} {begin}{SEEN}"):
        assert unwrap(text) == (SEEN, False)


@pytest.mark.parametrize("mark", BEGINS)
def test_mark_that_begins_a_turn_comes_off(mark: str) -> None:
    assert unwrap(f"{mark}\n{SEEN}")[0] == SEEN


@pytest.mark.parametrize("mark", ENDS)
def test_nothing_is_believed_that_comes_after_the_end_of_a_turn(mark: str) -> None:
    for text in (f"{SEEN}{mark}", f"{SEEN} {mark}user\nAnd then?", f"{SEEN}{mark}{mark}"):
        assert unwrap(text)[0] == SEEN


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "<|channel|>analysis<|message|>A man?<|end|><|start|>assistant<|channel|>final"
            f"<|message|>{SEEN}<|return|>",
            SEEN,
        ),
        ("<|channel|>analysis<|message|>A man?<|end|>", ""),
        (f"analysisThe user wants it short.assistantfinal{SEEN}", SEEN),
        ("Analysis of a chart: the word assistantfinal.", None),
        (f"```\n{SEEN}\n```", SEEN),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('Here it is:\n```json\n{"a": 1}\n```\nI hope it helps.', '{"a": 1}'),
        ('```json\n{"a": ', '{"a":'),
        ("Two screens.\n```\na\n```\nand\n```\nb\n```", None),
        ('<think>Hm.</think><answer>```json\n{"a": 1}\n```</answer><|im_end|>', '{"a": 1}'),
        (f"{SEEN}</answer>", SEEN),
        (f"  {SEEN}\n", SEEN),
        ("A cat does <think> it.", None),
        ('A sign reads "<answer>". A voice says "</s> and <|im_end|>".', None),
        ("<html><body>Bad gateway</body></html>", None),
        ("a < b and b > a", None),
        ("", ""),
    ],
)
def test_answer_is_found_in_what_real_models_say(text: str, answer: str | None) -> None:
    assert unwrap(text)[0] == (text if answer is None else answer)


@given(st.text())
def test_what_is_unwrapped_stays_as_it_is(text: str) -> None:
    bare, _ = unwrap(text)
    assert unwrap(bare)[0] == bare and bare in text


@pytest.mark.parametrize("mark", ["<think>", "<answer>", "```\n", "</s>", '"', "[/INST]"])
def test_time_grows_with_the_length_alone(mark: str) -> None:
    unwrap(mark * 100_000)
