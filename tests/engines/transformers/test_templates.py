"""How a request reads in each family's template.

SmolVLM's is that of the installed package; the others are in no package that is installed, and
written anew from their published formats.
"""

from pathlib import Path

import pytest

from longtake.inference.engine import Request
from longtake.text.wrapping import unwrap
from tests.engines.transformers.asked import make_frame

pytestmark = pytest.mark.transformers


GOLDEN = {
    "smolvlm": (
        "<|im_start|>System: You are brief.<end_of_utterance>\n"
        "User: Name a dog.<end_of_utterance>\nAssistant: Two dogs.<end_of_utterance>\n"
        "User: Frame at 0:01:<image>\nFrame at 0:02:<image>\nDescribe.\nShorter!"
        "<end_of_utterance>\nAssistant:"
    ),
    "qwen2_5_vl": (
        "<|im_start|>system\nYou are brief.<|im_end|>\n"
        "<|im_start|>user\nName a dog.<|im_end|>\n<|im_start|>assistant\nTwo dogs.<|im_end|>\n"
        "<|im_start|>user\nFrame at 0:01:<|vision_start|><|image_pad|><|vision_end|>\n"
        "Frame at 0:02:<|vision_start|><|image_pad|><|vision_end|>\nDescribe.\nShorter!<|im_end|>\n"
        "<|im_start|>assistant\n"
    ),
    "gemma3": (
        "<bos><start_of_turn>user\nYou are brief.\n\nName a dog.<end_of_turn>\n"
        "<start_of_turn>model\nTwo dogs.<end_of_turn>\n"
        "<start_of_turn>user\nFrame at 0:01:<start_of_image>Frame at 0:02:<start_of_image>"
        "Describe.\nShorter!<end_of_turn>\n<start_of_turn>model\n"
    ),
    "internvl": (
        "<|im_start|>system\nYou are brief.<|im_end|>\n"
        "<|im_start|>user\nName a dog.<|im_end|>\n<|im_start|>assistant\nTwo dogs.<|im_end|>\n"
        "<|im_start|>user\nFrame at 0:01:<IMG_CONTEXT>\n\nFrame at 0:02:<IMG_CONTEXT>\n\n"
        "Describe.\nShorter!<|im_end|>\n<|im_start|>assistant\n"
    ),
}
GOLDEN["qwen3_vl"] = GOLDEN["qwen2_5_vl"]


@pytest.mark.parametrize("kind", GOLDEN)
def test_each_frame_stands_right_after_its_time_in_the_familys_template(kind: str) -> None:
    from longtake.engines.transformers.chat import Chat
    from tests.tiny_transformers import make_tokenizer

    parts = ("Frame at 0:01:", make_frame(1), "Frame at 0:02:", make_frame(2), "Describe.")
    request = Request("You are brief.", parts, examples=(("Name a dog.", "Two dogs."),))
    prompt = Chat(make_tokenizer(kind), True).render(request.again(1, "Shorter!"))
    assert prompt.text == GOLDEN[kind] and len(prompt.images) == 2


def test_template_without_a_system_turn_has_its_words_before_the_first_question() -> None:
    from longtake.engines.transformers.chat import Chat
    from tests.tiny_transformers import make_tokenizer

    request = Request("You are brief.", ("one", "two"))
    said = "<|im_start|>user\nYou are brief.\n\none\ntwo<|im_end|>\n<|im_start|>assistant\n"
    assert Chat(make_tokenizer("llama"), False).render(request).text == said
    # One that passes over the turn, where the other refuses it.
    silent = make_tokenizer("llama")
    silent.chat_template = (
        "{% for turn in messages %}{% if turn.role != 'system' %}[{{ turn.content }}]{% endif %}"
        "{% endfor %}"
    )
    assert Chat(silent, False).render(request).text == "[You are brief.\n\none\ntwo]"


def test_thinking_is_switched_off_and_thoughts_are_no_reply(models: dict[str, Path]) -> None:
    from longtake.engines.transformers.chat import Chat
    from tests.tiny_transformers import make_tokenizer

    tokenizer = make_tokenizer("llama")
    tokenizer.chat_template = (
        "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}words"
    )
    chat = Chat(tokenizer, False)
    assert chat.render(Request("", ("a",))).text == "words"
    for said in ("<think>one</think> two", "one</think>two"):
        assert unwrap(chat.decode(tokenizer(said)["input_ids"])) == ("two", True)
    assert unwrap(chat.decode(tokenizer("<think>one")["input_ids"])) == ("", True)
