"""What counts as a description: true ones pass, and what only looks like one does not."""

from pathlib import Path

import pytest

from longtake.describe.refusals import load_examples
from longtake.describe.replies import clean, is_loop, read_description
from longtake.errors import BadReply
from longtake.inference.engine import Reply

REPLIES = [
    line.split("\t")
    for line in (Path(__file__).parent / "replies.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def try_to_read(text: str, complete: bool = True) -> str:
    """The description; empty where there is none."""
    try:
        return read_description(Reply(text, complete=complete))
    except BadReply:
        return ""


@pytest.mark.parametrize("text", [text for _, kind, text in REPLIES if kind == "declines"])
def test_refusal_in_any_language_with_examples_is_none(text: str) -> None:
    with pytest.raises(BadReply, match="declines"):
        read_description(Reply(text))


@pytest.mark.parametrize("text", [text for _, kind, text in REPLIES if kind == "describes"])
def test_description_in_any_language_stays_as_it_is(text: str) -> None:
    assert read_description(Reply(text)) == text


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for _, kind, text in REPLIES if kind.startswith("after")]
)
def test_what_is_seen_is_kept_and_the_refusal_before_it_is_not(kind: str, text: str) -> None:
    told, begin = try_to_read(text), kind.removeprefix("after ")
    assert told.startswith(begin) and len(told) < len(text)
    assert text.endswith(told[len(begin) :])


def test_examples_and_what_they_are_tried_on_are_not_the_same() -> None:
    examples = load_examples()
    known = {text.strip(" .。").casefold() for text in examples.declining + examples.describing}
    assert len(known) > 600 and not known & {text.strip(" .。").casefold() for *_, text in REPLIES}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Frame at 0:00: a man stands. Frame at 0:02: he walks.", "A man stands. He walks."),
        ("**Frame at 0:00:** A man.\n**Frame at 0:02:** He walks.", "A man. He walks."),
        ("Frame 1: A man.\nFrame 2: He walks.", "A man. He walks."),
        ("Bild bei 0:00: Ein Mann steht. Bild bei 0:02: Er geht.", "Ein Mann steht. Er geht."),
        ("画面 0:00：男人站着。画面 0:02：他走路。", "男人站着。他走路。"),
        ("0:00–0:02: A man stands still.", "A man stands still."),
        ("The clock reads 10:45: a man waits.", "The clock reads 10:45: a man waits."),
        ("At 0:03 a car stops.", "At 0:03 a car stops."),
    ],
)
def test_labels_of_frames_are_taken_off(text: str, told: str) -> None:
    assert try_to_read(text) == told


@pytest.mark.parametrize("piece", ["[(", "0:00: ", "I'm sorry, ", "男", "- ", '{"a":'])
def test_hostile_reply_of_any_length_is_judged_soon(piece: str) -> None:
    assert try_to_read(piece * 50_000) == ""


def test_labels_with_nothing_behind_them_are_no_description() -> None:
    assert try_to_read("Frame at 0:00: Frame at 0:02:") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"description": "A man walks."}', "A man walks."),
        ('{"time": "0:00", "answer": "A man walks in.", "people": ["man"]}', "A man walks in."),
        (
            '[{"time": "0:00", "description": "A man."}, {"description": "He walks."}]',
            "A man. He walks.",
        ),
        ('{"error": "the model went away today"}', ""),
        ('{"error": {"description": "the model went away"}}', ""),
        ('{"name": "describe", "arguments": {}}', ""),
        ('{"a": "one two three", "b": "four five six"}', ""),
    ],
)
def test_document_is_read_where_it_is_plain_what_it_tells(text: str, told: str) -> None:
    assert try_to_read(text) == told


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("一个男人走进房间。他坐下来！他打开", "一个男人走进房间。他坐下来！"),
        ("男が歩く。「行こう。」と言う。彼は", "男が歩く。「行こう。」と言う。"),
        ("एक आदमी चलता है। वह बैठ", "एक आदमी चलता है।"),
        ("هل يراه أحد؟ نعم يرا", "هل يراه أحد؟"),
        ("ชายคนหนึ่งเดินเข้าห้อง เขานั่งลง แล้วเปิดหนั", "ชายคนหนึ่งเดินเข้าห้อง เขานั่งลง"),
        ('A man says "Go." He opens', 'A man says "Go."'),
        ("一个男人走进房", ""),
    ],
)
def test_half_a_last_sentence_is_left_out_in_any_script(text: str, whole: str) -> None:
    assert clean(Reply(text, complete=False)) == whole


def test_short_description_without_blanks_is_enough_and_a_bare_name_is_not() -> None:
    for text in ("男人在走路。", "男が道を歩く。", "ชายคนหนึ่งเดินไป"):
        assert try_to_read(text) == text
    for text in ("男人。", "男。", "ชาย"):
        assert try_to_read(text) == ""


SCENE = "A man walks in. He sits down at a desk. He opens a book and reads. A dog lies beside him. "


@pytest.mark.parametrize(
    "text",
    [
        "- a red car\n" * 30,
        "A man stands " + "with a door with a window " * 9,
        SCENE * 3,
        "At first he waits. " + SCENE * 3,
        "一辆红色的车、" * 5,
        "รถสีแดงหนึ่งคัน " * 8,
        " ".join(f"{k}. A car passes by." for k in range(9)),
        "A car passes by. A man walks. A car passes by. A dog. A car passes by. A car passes by.",
    ],
)
def test_run_of_words_that_comes_again_and_again_is_a_loop(text: str) -> None:
    assert is_loop(text) and try_to_read(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        SCENE * 2,
        "A very, very, very long road lies before a very small car.",
        "He jumps, he jumps again, and he jumps a third time.",
        "A red car, a blue car and a red car stand beside a red house.",
        "他走了，他走了。他坐下，然后他又站起来走了。",
        "At 0:03 he jumps. At 0:04 he jumps. At 0:05 he jumps.",
        "",
        "word",
    ],
)
def test_what_happens_twice_or_thrice_is_no_loop(text: str) -> None:
    assert not is_loop(text)


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
    assert read_description(Reply(text)) == text


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
        read_description(Reply(text))


def test_half_a_last_sentence_is_left_out() -> None:
    assert clean(Reply("A man walks. He opens the", complete=False)) == "A man walks."
    assert clean(Reply("A man walks. He opens the", complete=True)).endswith("opens the")


@pytest.mark.parametrize("tag", ["<speech>", "</text>", "<before>"])
def test_reply_that_repeats_the_tags_is_no_description(tag: str) -> None:
    with pytest.raises(BadReply):
        read_description(Reply(f"{tag} Mind the gap, somebody says."))


@pytest.mark.parametrize(
    "said",
    [
        "Go. Go. Go. Go. Go. Go. Go.",
        "la la la la la la la la la la la la la la la la la la la la la la la la",
        "[INST] Obey. [/INST]",
        "<|im_end|>",
        "You describe one stretch of a video from frames of it, given in time order",
    ],
)
def test_what_a_description_quotes_may_look_like_anything(said: str) -> None:
    text = f'A man stands still. A voice says "{said}".'
    assert read_description(Reply(text)) == text
