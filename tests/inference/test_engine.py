"""What any engine replies is whole when it comes in: text that can be kept, counts that can be."""

import json

import pytest

from longtake.inference.engine import MOST_TOKENS, Reply


def test_half_a_character_becomes_a_mark_and_whole_ones_stay() -> None:
    half, whole = json.loads('["A cat \\ud83d", "A cat \\ud83d\\ude00 é"]')
    assert Reply(half).text == "A cat ?" and Reply("", refusal=half).refusal == "A cat ?"
    assert Reply(whole).text == "A cat 😀 é"


@pytest.mark.parametrize("count", [-1, 2**63, 10**400, MOST_TOKENS + 1])
def test_count_that_no_reply_takes_is_not_believed(count: int) -> None:
    reply = Reply("A cat.", input_tokens=count, output_tokens=count)
    assert (reply.input_tokens, reply.output_tokens) == (0, 0)
    assert Reply("A cat.", input_tokens=7).input_tokens == 7
