"""A tiny vision-language model in the GGUF format, random and made on the spot, for llama.cpp.

It reads bytes and says words: what it says depends on all that it was shown, and means nothing.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, INNER = 32, 2, 2, 64
CONTEXT = 8192
IMAGE_SIDE, PATCH, MERGE = 64, 16, 2
"""An image is looked at in so many pixels a side; MERGE² patches make one token."""
FRAME_TOKENS = (IMAGE_SIDE // PATCH // MERGE) ** 2

SPECIAL = ("<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<global-img>", "\n\n")
GRID = tuple(f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5))
WORDS = """a the one two three red blue green small large person car street door light shadow cat
    dog tree box stands moves turns falls opens waits near behind above under slowly""".split()
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NEVER, ENDS = -30.0, 1.0
"""How much it wants to say a lone byte, which a grammar can make it, and to end a sentence."""


def write_vlm(folder: Path) -> Path:
    """A text model with its projector beside it; the model's path."""
    write_projector(folder / "mmproj-tiny.gguf")
    return write_text_model(folder / "tiny.gguf")


def write_text_model(
    path: Path, *, context: int = CONTEXT, template: str = TEMPLATE, seed: int = 0
) -> Path:
    """A llama of 2 layers over bytes and words."""
    draw = _Draw(seed)
    tokens = [*byte_letters(), *SPECIAL, *GRID, *(f"Ġ{word}" for word in WORDS)]
    spoken = [place for place, token in enumerate(tokens) if token[0] == "Ġ" and token != "Ġ"]
    ends = tokens.index("<|im_end|>")
    head = WIDTH // HEADS

    tensors = {
        "token_embd.weight": draw(len(tokens), WIDTH, spread=1.0),
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": draw(len(tokens), WIDTH),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        tensors |= {
            block + "attn_norm.weight": np.ones(WIDTH, np.float32),
            block + "ffn_norm.weight": np.ones(WIDTH, np.float32),
            block + "attn_q.weight": draw(WIDTH, WIDTH),
            block + "attn_k.weight": draw(head, WIDTH),
            block + "attn_v.weight": draw(head, WIDTH),
            block + "attn_output.weight": draw(WIDTH, WIDTH),
            block + "ffn_gate.weight": draw(INNER, WIDTH),
            block + "ffn_up.weight": draw(INNER, WIDTH),
            block + "ffn_down.weight": draw(WIDTH, INNER),
        }
        # The first number of each position stays as it was put in: it bears what is never said.
        tensors[block + "attn_output.weight"][0] = tensors[block + "ffn_down.weight"][0] = 0
    tensors["token_embd.weight"][:, 0] = 4.0
    tensors["output.weight"][:, 0] = NEVER
    tensors["output.weight"][spoken, 0] = 0.0
    tensors["output.weight"][[tokens.index("."), ends], 0] = ENDS
    # What was said last is not said at once again.
    tensors["output.weight"][:, 1:] -= 0.5 * tensors["token_embd.weight"][:, 1:]
    facts = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "llama.context_length": context,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": INNER,
        "llama.block_count": LAYERS,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": 1,
        "llama.rope.dimension_count": head,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in (*SPECIAL, *GRID) else 1 for token in tokens],
        "tokenizer.ggml.merges": ["Ġ a"],
        "tokenizer.ggml.bos_token_id": tokens.index("<|im_start|>"),
        "tokenizer.ggml.eos_token_id": ends,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": template,
    }
    return write_gguf(path, facts, tensors)


def write_projector(
    path: Path, kind: str = "idefics3", width: int = WIDTH, longest: int = 0, seed: int = 1
) -> Path:
    """What makes tokens of images for a text model of that width.

    `kind` is idefics3 (as in SmolVLM), mlp (LLaVA) or qwen2vl_merger; `longest` the side that
    idefics3 brings an image to, before it looks at it tile by tile.
    """
    draw = _Draw(seed)
    tensors = {
        "v.patch_embd.weight": draw(WIDTH, 3, PATCH, PATCH),
        "v.position_embd.weight": draw((IMAGE_SIDE // PATCH) ** 2, WIDTH),
    } | _norm("v.post_ln")
    for layer in range(LAYERS):
        block = f"v.blk.{layer}."
        tensors |= _norm(block + "ln1") | _norm(block + "ln2")
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors |= draw.linear(block + name, WIDTH, WIDTH)
        tensors |= draw.linear(block + "ffn_up", INNER, WIDTH)
        tensors |= draw.linear(block + "ffn_down", WIDTH, INNER)
    merged = WIDTH * MERGE**2
    tensors |= {
        "idefics3": lambda: {"mm.model.fc.weight": draw(width, merged)},
        "mlp": lambda: draw.linear("mm.0", width, WIDTH) | draw.linear("mm.2", width, width),
        "qwen2vl_merger": lambda: (
            {"v.patch_embd.weight.1": draw(WIDTH, 3, PATCH, PATCH)}
            | draw.linear("mm.0", merged, merged)
            | draw.linear("mm.2", width, merged)
        ),
    }[kind]()
    if kind != "qwen2vl_merger":
        tensors["v.patch_embd.bias"] = draw(WIDTH)
    facts = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "clip.has_vision_encoder": True,
        "clip.projector_type": kind,
        "clip.use_gelu": True,
        "clip.vision.image_size": IMAGE_SIDE,
        "clip.vision.patch_size": PATCH,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": INNER,
        "clip.vision.block_count": LAYERS,
        "clip.vision.attention.head_count": HEADS,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.projection_dim": width,
        "clip.vision.projector.scale_factor": MERGE,
        "clip.vision.spatial_merge_size": MERGE,
        "clip.vision.image_mean": [0.5] * 3,
        "clip.vision.image_std": [0.5] * 3,
    }
    if longest:
        facts["clip.vision.preproc_image_size"] = longest
    return write_gguf(path, facts, tensors)


class _Draw:
    """Random weights, always the same of one seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, *shape: int, spread: float = 0.3) -> np.ndarray:
        return self._random.normal(0, spread, shape).astype(np.float32)

    def linear(self, name: str, out: int, into: int) -> dict[str, np.ndarray]:
        return {f"{name}.weight": self(out, into), f"{name}.bias": self(out)}


def _norm(name: str) -> dict[str, np.ndarray]:
    return {
        f"{name}.weight": np.ones(WIDTH, np.float32),
        f"{name}.bias": np.zeros(WIDTH, np.float32),
    }


def byte_letters() -> list[str]:
    """The 256 bytes as GPT-2's tokenizer writes them, by their value."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte if byte in shown else next(hidden)) for byte in range(256)]


# The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

KINDS: dict[type, tuple[int, str]] = {int: (4, "<I"), float: (6, "<f"), bool: (7, "<?")}
ALIGNMENT = 32


def write_gguf(path: Path, facts: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Path:
    """A file of that head and those tensors, in single precision."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(facts))
    for name, value in facts.items():
        kind, data = _pack(value)
        head += _text(name) + struct.pack("<I", kind) + data
    body = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(body))
        body += tensor.tobytes() + bytes(-tensor.nbytes % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _pack(value: Any) -> tuple[int, bytes]:
    """A value's kind in the format's numbers, and its bytes."""
    if isinstance(value, str):
        return 8, _text(value)
    if isinstance(value, Sequence):
        kinds = [_pack(item) for item in value]
        data = b"".join(data for _, data in kinds)
        kind = 5 if isinstance(value[0], int) else kinds[0][0]  # whole numbers in lists are signed
        return 9, struct.pack("<IQ", kind, len(kinds)) + data
    kind, form = KINDS[type(value)]
    return kind, struct.pack(form, value)
