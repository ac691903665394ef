"""What counts as a description: true ones pass, and what only looks like one does not."""

import pytest

from longtake.describe import accept, clean
from longtake.engines.base import Reply
from longtake.errors import BadReply


@pytest.mark.parametrize(
    "text",
    [
        "It appears that there is no one in the room.",
        "It looks like rain. A man opens an umbrella.",
        "There are no people. A car stands at the kerb.",
        "No people are visible; a car stands at the kerb.",
        "None of the players moves.",
        "Error messages scroll over a screen.",
        "Upstream, a boat lies at anchor.",
        "There is no movement in the frame except for a flag.",
        "I don't see any people, only a street with parked cars.",
        "Please wait, reads a sign on a door.",
        "A video call with two images of a woman.",
        "Two people and a bicycle.",
        "At 0:03 a car stops. At 0:04 a man gets out. At 0:05 he waves. At 0:07 the car leaves.",
    ],
)
def test_true_descriptions_pass(text: str) -> None:
    accept(Reply(text))


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't view images.",
        "I am unable to view the frames.",
        "I don't see any images.",
        "I don't see any frames attached to your message.",
        "It looks like you haven't attached any images.",
        "It seems that no video was provided.",
        "There is no image.",
        "There are no frames to describe.",
        "No images were provided.",
        "As an AI language model, I describe text only.",
        "Please provide the frames of the video.",
        "Unfortunately, I can only read text.",
        "Error: upstream request timeout",
        "Internal Server Error, try again",
        "Rate limit exceeded for this key",
        "The model is loading, try later",
        "<|im_end|><|im_start|>assistant goes on",
        "null",
        "A man.",
        "The view is cut at 0:03. The view is cut at 0:04. The view is cut at 0:05. The view is"
        " cut at 0:06. The view is cut at 0:07.",
        "42 17 99",
        "",
    ],
)
def test_what_is_no_description_does_not_pass(text: str) -> None:
    with pytest.raises(BadReply):
        accept(Reply(text))


def test_half_a_last_sentence_is_left_out() -> None:
    assert clean(Reply("A man walks. He opens the", complete=False)) == "A man walks."
    assert clean(Reply("A man walks. He opens the", complete=True)).endswith("opens the")
