"""Tiny models with random weights, in the families' own architectures; no download, no torchvision.

Their weights are drawn so wide that what they say depends on what they are shown.
"""

import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE
from transformers.processing_utils import ProcessorMixin

CONTEXT = 8192
SIDE = 64
"""What SmolVLM and Gemma 3 make of every picture here: squares of that many pixels."""
SPREAD = 0.3

WORDS = (
    "A person walks into the room and opens the door. Two dogs cross the street beside a red car."
    " Somebody sits at the table, drinks from a cup, and leaves. Frame at 0:01: from 0:00 to 0:06"
    " Describe this stretch. These frames are from the video. Name a colour: blue, green, yellow."
)

CHATML = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n"
    "{% if turn.content is string %}{{ turn.content }}{% else %}{% for part in turn.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""In our own words, as the families that speak ChatML publish their formats."""

TEMPLATES = {
    "smolvlm": DEFAULT_CHAT_TEMPLATE,  # the family's own, from the installed package
    "qwen2_5_vl": (
        "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful assistant."
        "<|im_end|>\n{% endif %}"
        + CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    ),
    "qwen3_vl": CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    "gemma3": (
        "{{ bos_token }}{% set head = '' %}{% set rest = messages %}"
        "{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}"
        "{% set head = messages[0].content[0].text + '\n\n' %}{% endif %}"
        "{% for turn in rest %}<start_of_turn>"
        "{{ 'model' if turn.role == 'assistant' else turn.role }}\n"
        "{% if loop.first %}{{ head }}{% endif %}{% for part in turn.content %}"
        "{% if part.type == 'image' %}<start_of_image>{% else %}{{ part.text | trim }}{% endif %}"
        "{% endfor %}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    ),
    "internvl": CHATML.replace("IMAGE", "<IMG_CONTEXT>\n"),
    "llama": (
        "{% for turn in messages %}{% if turn.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "<|im_start|>{{ turn.role }}\n{{ turn.content | trim }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
}
"""By the name of the family's architecture; `llama` stands for those without a system turn."""

_QWEN = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
}
MARKERS: dict[str, dict[str, str]] = {
    "smolvlm": {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    },
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
    "gemma3": {
        "image_token": "<image_soft_token>",
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
    },
    "internvl": {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    },
    "llama": {},
}
ENDS = {"smolvlm": "<end_of_utterance>", "gemma3": "<end_of_turn>"}
BEGINNINGS = {"smolvlm": "<|im_start|>", "gemma3": "<bos>"}


def make_tokenizer(kind: str) -> Any:
    """A byte-level tokenizer, trained here on a few words, with the family's markers."""
    end, begin = ENDS.get(kind, "<|im_end|>"), BEGINNINGS.get(kind)
    special = ["<pad>", "<|im_start|>", end, *([begin] if begin else []), *MARKERS[kind].values()]
    special += ["<start_of_turn>"] if kind == "gemma3" else []
    special = list(dict.fromkeys(special))
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([WORDS] * 4, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=begin,
        eos_token=end,
        pad_token="<pad>",
        model_max_length=CONTEXT,
        extra_special_tokens=MARKERS[kind],
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.chat_template = TEMPLATES[kind]
    return tokenizer


class TinyQwenProcessor(transformers.Qwen2_5_VLProcessor):
    """The family's own without its video side, which can't be made without torchvision."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None
    ) -> None:
        self.image_token, self.video_token = tokenizer.image_token, tokenizer.video_token
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


def build_model(kind: str, folder: Path, *, seed: int = 2, stock: bool = False) -> Path:
    """A model of the family in that folder; `stock`: with the family's own processor's name."""
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(kind)
    config = CONFIGS[kind](tokenizer)
    if kind == "llama":
        model = transformers.AutoModelForCausalLM.from_config(config)
    else:
        model = transformers.AutoModelForImageTextToText.from_config(config)
    head = model.get_output_embeddings()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1 and not weights.any():
                weights.normal_(std=SPREAD)  # Gemma's way from pictures to words begins at naught
        # No markers in replies: they would be dropped, and a reply would end at random.
        head.weight[[*tokenizer.added_tokens_decoder]] = 0
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    if kind.startswith("qwen"):
        kinds = transformers.Qwen2_5_VLConfig, transformers.Qwen3VLConfig
        for known in () if stock else kinds:
            transformers.AutoProcessor.register(known, TinyQwenProcessor, exist_ok=True)
    PROCESSORS[kind](tokenizer).save_pretrained(folder)
    if stock:
        file = folder / "processor_config.json"
        file.write_text(file.read_text().replace("TinyQwen", "Qwen2_5_VL"))
    return folder


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": CONTEXT,
        "initializer_range": SPREAD,
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **more,
    }


def _eye(**more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "patch_size": 16,
        "image_size": SIDE,
        "initializer_range": SPREAD,
        **more,
    }


def _smolvlm(tokenizer: Any) -> Any:
    return transformers.SmolVLMConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=_eye(),
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )


def _gemma3(tokenizer: Any) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    return transformers.Gemma3Config(
        text_config=_text(tokenizer, sliding_window=512),
        vision_config=_eye(model_type="siglip_vision_model"),
        mm_tokens_per_image=16,
        boi_token_index=ids("<start_of_image>"),
        eoi_token_index=ids("<end_of_image>"),
        image_token_index=ids("<image_soft_token>"),
        initializer_range=SPREAD,
        tie_word_embeddings=False,
    )


def _qwen_places(tokenizer: Any) -> dict[str, Any]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
        "tie_word_embeddings": False,
    }


def _qwen2_5_vl(tokenizer: Any) -> Any:
    turn = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    eye = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 14,
        "window_size": 56,
        "fullatt_block_indexes": [1],
        "initializer_range": SPREAD,
    }
    return transformers.Qwen2_5_VLConfig(
        text_config=_text(tokenizer, rope_parameters=turn),
        vision_config=eye,
        **_qwen_places(tokenizer),
    )


def _qwen3_vl(tokenizer: Any) -> Any:
    turn = {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0}
    eye = {
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 16,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
        "initializer_range": SPREAD,
    }
    return transformers.Qwen3VLConfig(
        text_config=_text(tokenizer, rope_parameters=turn),
        vision_config=eye,
        **_qwen_places(tokenizer),
    )


def _llama(tokenizer: Any) -> Any:
    return transformers.LlamaConfig(**_text(tokenizer))


def _idefics3_processor(tokenizer: Any) -> Any:
    # As the models come: a picture is cut into many tiles, unless that is switched off.
    eye = Idefics3ImageProcessorPil(
        size={"longest_edge": 4 * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    return transformers.Idefics3Processor(
        eye, tokenizer, image_seq_len=(SIDE // 16 // 2) ** 2, chat_template=tokenizer.chat_template
    )


def _gemma3_processor(tokenizer: Any) -> Any:
    eye = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return transformers.Gemma3Processor(
        eye, tokenizer, chat_template=tokenizer.chat_template, image_seq_length=16
    )


def _qwen_processor(tokenizer: Any, patch: int) -> Any:
    side = 2 * patch
    eye = Qwen2VLImageProcessorPil(
        patch_size=patch, min_pixels=4 * side**2, max_pixels=16 * side**2
    )
    return TinyQwenProcessor(eye, tokenizer, chat_template=tokenizer.chat_template)


CONFIGS = {
    "smolvlm": _smolvlm,
    "gemma3": _gemma3,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "llama": _llama,
}
PROCESSORS = {
    "smolvlm": _idefics3_processor,
    "gemma3": _gemma3_processor,
    "qwen2_5_vl": lambda tokenizer: _qwen_processor(tokenizer, 14),
    "qwen3_vl": lambda tokenizer: _qwen_processor(tokenizer, 16),
    "llama": lambda tokenizer: tokenizer,
}
FAMILIES = ("smolvlm", "gemma3", "qwen2_5_vl", "qwen3_vl")
"""Those that see, and can be built here."""

for _table in (MARKERS, TEMPLATES, ENDS, BEGINNINGS):
    _table["idefics3"] = _table["smolvlm"]


def _idefics3(tokenizer: Any) -> Any:
    facts = _smolvlm(tokenizer).to_dict()
    return transformers.Idefics3Config(**{k: v for k, v in facts.items() if k != "model_type"})


def _whole_picture_processor(tokenizer: Any) -> Any:
    """Without tiles: every picture takes as many tokens."""
    processor = _idefics3_processor(tokenizer)
    processor.image_processor.do_image_splitting = False
    processor.image_processor.size = {"longest_edge": SIDE}
    return processor


CONFIGS["idefics3"], PROCESSORS["idefics3"] = _idefics3, _whole_picture_processor

if __name__ == "__main__":
    build_model(sys.argv[1], Path(sys.argv[2]))
