"""The small model in the GGUF format, for llama.cpp: what reads and writes, and what looks."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.tiny_gguf import write_gguf

TEXT_NAMES = {
    "model.text_model.embed_tokens": "token_embd",
    "model.text_model.norm": "output_norm",
    "lm_head": "output",
    "model.text_model.layers": "blk",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
VISION_NAMES = {
    "model.vision_model.embeddings.patch_embedding": "v.patch_embd",
    "model.vision_model.embeddings.position_embedding": "v.position_embd",
    "model.vision_model.post_layernorm": "v.post_ln",
    "model.vision_model.encoder.layers": "v.blk",
    "model.connector.modality_projection.proj": "mm.model.fc",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}


def convert(folder: Path, out: Path) -> Path:
    """Write `sight.gguf` and `mmproj-sight.gguf` there, of a model as `transformers` saves it."""
    weights = read_safetensors(folder / "model.safetensors")
    config, tokenizer = (
        json.loads((folder / name).read_text()) for name in ("config.json", "tokenizer.json")
    )
    out.mkdir(parents=True, exist_ok=True)
    vision = {name: t for name, t in weights.items() if _is_vision(name)}
    text = {name: t for name, t in weights.items() if not _is_vision(name)}
    write_gguf(out / "mmproj-sight.gguf", _list_vision_facts(config), _rename(vision, VISION_NAMES))
    facts = _list_text_facts(config["text_config"], tokenizer)
    facts["tokenizer.chat_template"] = (folder / "chat_template.jinja").read_text()
    tensors = _rename(text, TEXT_NAMES)
    heads = config["text_config"]["num_attention_heads"]
    for name in tensors:
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            tensors[name] = _pair_turns(tensors[name], heads)
    return write_gguf(out / "sight.gguf", facts, tensors)


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file in single or half precision."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    kinds = {"F32": np.float32, "F16": np.float16}
    return {
        name: np.frombuffer(
            data[8 + size + facts["data_offsets"][0] : 8 + size + facts["data_offsets"][1]],
            kinds[facts["dtype"]],
        ).reshape(facts["shape"])
        for name, facts in head.items()
        if name != "__metadata__"
    }


def _is_vision(name: str) -> bool:
    return name.startswith(("model.vision_model", "model.connector"))


def _rename(weights: Mapping[str, np.ndarray], names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Single precision: half of it is not enough for what is added up in norms and biases."""
    renamed = {}
    for name, tensor in weights.items():
        for old, new in names.items():
            name = name.replace(old, new)
        renamed[name] = tensor.astype(np.float32)
    return renamed


def _pair_turns(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows in llama.cpp's order: of what is turned by a position, pairs lie side by side."""
    rows, width = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, width)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows, width)


def _list_text_facts(text: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    vocabulary = tokenizer["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return {
        "general.architecture": "llama",
        "general.name": "sight",
        "general.license": "apache-2.0",
        "llama.context_length": text["max_position_embeddings"],
        "llama.embedding_length": text["hidden_size"],
        "llama.feed_forward_length": text["intermediate_size"],
        "llama.block_count": text["num_hidden_layers"],
        "llama.attention.head_count": text["num_attention_heads"],
        "llama.attention.head_count_kv": text["num_key_value_heads"],
        "llama.rope.dimension_count": text["head_dim"],
        "llama.rope.freq_base": float(text["rope_parameters"]["rope_theta"]),
        "llama.attention.layer_norm_rms_epsilon": float(text["rms_norm_eps"]),
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": text["bos_token_id"],
        "tokenizer.ggml.eos_token_id": text["eos_token_id"],
        "tokenizer.ggml.padding_token_id": text["pad_token_id"],
        "tokenizer.ggml.add_bos_token": False,
    }


def _list_vision_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    vision = config["vision_config"]
    return {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.license": "apache-2.0",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "idefics3",
        "clip.use_gelu": True,
        "clip.vision.image_size": vision["image_size"],
        "clip.vision.patch_size": vision["patch_size"],
        "clip.vision.embedding_length": vision["hidden_size"],
        "clip.vision.feed_forward_length": vision["intermediate_size"],
        "clip.vision.block_count": vision["num_hidden_layers"],
        "clip.vision.attention.head_count": vision["num_attention_heads"],
        "clip.vision.attention.layer_norm_epsilon": float(vision["layer_norm_eps"]),
        "clip.vision.projection_dim": config["text_config"]["hidden_size"],
        "clip.vision.projector.scale_factor": config["scale_factor"],
        # Without it a picture is cut into tiles, as large as it comes.
        "clip.vision.preproc_image_size": vision["image_size"],
        "clip.vision.image_mean": [0.5] * 3,
        "clip.vision.image_std": [0.5] * 3,
    }
