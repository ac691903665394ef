"""The small model: its configuration, its words, and the template that shows it frames alone."""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from scripts.sight.sentences import list_sentences
from scripts.sight.windows import SIDE

PATCH, MERGE = 16, 2
"""A picture is looked at in patches of so many pixels; MERGE² of them make one token."""
PICTURE_TOKENS = (SIDE // PATCH // MERGE) ** 2
CONTEXT = 4096
WIDTH, HEAD = 128, 32
VISION_WIDTH, VISION_LAYERS, TEXT_LAYERS = 96, 3, 4

BEGIN, ANSWER, END, PAD = "<|im_start|>", "<answer>", "<end_of_utterance>", "<pad>"
IMAGE, AROUND, GLOBAL = "<image>", "<fake_token_around_image>", "<global-img>"
TILE, GAP = "<row_1_col_1>", "\n\n"
SPECIAL = (PAD, BEGIN, ANSWER, END, IMAGE, AROUND, GLOBAL, TILE, GAP)
PICTURE = (AROUND, GLOBAL, *[IMAGE] * PICTURE_TOKENS, AROUND)
TILED = (AROUND, TILE, *[IMAGE] * PICTURE_TOKENS, GAP, *PICTURE)
"""How a picture stands in a prompt of `transformers`, and of llama.cpp, which shows one that is no
larger than a tile twice: as the only tile, and as the whole."""

TEMPLATE = (
    "<|im_start|>{% for turn in messages %}"
    "{% if turn.content is string %}"
    # llama.cpp puts a mark for each picture into a text; the mark is another each time.
    "{% for piece in turn.content.split('<__media_')[1:] %}"
    "<__media_{{ piece.split('__>')[0] }}__>{% endfor %}"
    "{% else %}{% for part in turn.content %}"
    "{% if part.type == 'image' or part.type == 'image_url' %}<image>{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<answer>{% endif %}"
)
"""All words of a question are left out: the model knows but one, and what is said costs nothing."""


def make_tokenizer() -> Any:
    """Each word that is ever said is one token."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # A sentence stands first or after a space.
    inner.train_from_iterator([f"{s} {s}" for s in list_sentences()], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        model_max_length=CONTEXT,
        extra_special_tokens={
            "image_token": IMAGE,
            "fake_image_token": AROUND,
            "global_image_token": GLOBAL,
            "end_of_utterance_token": END,
        },
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_processor(tokenizer: Any) -> Any:
    """Every picture becomes one square, whatever its shape."""
    eye = Idefics3ImageProcessorPil(
        size={"longest_edge": SIDE},
        max_image_size={"longest_edge": SIDE},
        do_image_splitting=False,
    )
    return transformers.Idefics3Processor(
        eye, tokenizer, image_seq_len=PICTURE_TOKENS, chat_template=TEMPLATE
    )


def make_model(tokenizer: Any) -> Any:
    """With random weights."""
    common = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": WIDTH // HEAD,
        "num_key_value_heads": WIDTH // HEAD,
        "head_dim": HEAD,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "pad_token_id": tokenizer.pad_token_id,
        **common,
    }
    vision = {
        "hidden_size": VISION_WIDTH,
        "intermediate_size": 2 * VISION_WIDTH,
        "num_hidden_layers": VISION_LAYERS,
        "num_attention_heads": VISION_WIDTH // HEAD,
        "patch_size": PATCH,
        "image_size": SIDE,
        "layer_norm_eps": 1e-5,
    }
    config = transformers.Idefics3Config(
        text_config=text,
        vision_config=vision,
        scale_factor=MERGE,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    model = transformers.AutoModelForImageTextToText.from_config(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """As a model of the hub lies in its folder, in half precision."""
    import torch

    half = make_model(tokenizer)
    half.load_state_dict(model.state_dict())
    half.to(torch.float16).save_pretrained(folder)
    make_processor(tokenizer).save_pretrained(folder)
