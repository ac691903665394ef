"""A model's weights: device, precision, memory, and generation."""

import copy
import gc
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from longtake.engines.transformers.chat import USUAL_FRAME, Chat
from longtake.engines.transformers.hub import Folder
from longtake.engines.transformers.library import call_library, first_words
from longtake.errors import EngineError, EngineRefused, OutOfMemory, UsageError
from longtake.inference.engine import RETRY_TEMPERATURE, Capabilities, Request
from longtake.inference.frame_tokens import FRAME_WORD_TOKENS
from longtake.installation import say_pip_install
from longtake.machine import count_cores, read_memory
from longtake.models.memory_need import Shape, cache_bytes
from longtake.settings import Settings

LOG = logging.getLogger("longtake")

USUAL_TEXT_TOKENS = 1024
"""Prompt and reply of a chunk."""
WIDEST, WIDEST_ON_CPU = 8, 2
PLENTY = 2
"""How many times over the memory must suffice before a CPU takes two at once."""
USED_SHARE = 0.85
"""Of the memory that is free: the rest is lost between blocks, and to others."""
PATCHES_PER_TOKEN = 16
"""What the encoders of some families join to one token; of others fewer."""
ASSUMED_CONTEXT_TOKENS = 4096
"""For models that don't say for what they were trained."""
VALUE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
WEIGHT_BYTES = {"8bit": 1.1, "4bit": 0.65}
"""A parameter's share of a quantized model, its scales included."""


@dataclass(frozen=True)
class Placement:
    """Where a model runs, and in which precision."""

    device: str
    dtype: str
    quantize: str
    free: int
    """Bytes that can be taken there now; 0: not known."""

    def weight_bytes(self, parameters: int) -> int:
        """Memory for so many parameters."""
        return round(parameters * WEIGHT_BYTES.get(self.quantize, VALUE_BYTES[self.dtype]))


class Runner:
    """The loaded weights, and generation with them; only the engine's worker thread uses it."""

    def __init__(self, folder: Folder, loader: Any, placement: Placement, chat: Chat) -> None:
        self.placement = placement
        self.ends: frozenset[int] = frozenset()
        """The tokens that end a reply; known once the model is loaded."""
        self._folder, self._loader, self._chat = folder, loader, chat
        self._model: Any = None
        self._failure: tuple[str, str] | None = None

    def load(self) -> None:
        """Load the weights once; after a failure each call raises the same error again."""
        if self._failure:
            raise EngineRefused(*self._failure)
        if self._model is not None:
            return
        smaller = "Take a smaller model, --quantize 4bit (CUDA), or --device cpu."
        try:
            self._model = load_weights(self._folder, self._loader, self.placement, smaller)
        except EngineRefused as error:
            self._failure = (error.message, error.hint)
            raise
        found = self._model.generation_config.eos_token_id
        ends = found if isinstance(found, list) else [found]
        self.ends = frozenset(token for token in (*ends, self._chat.end) if token is not None)

    def generate(
        self, inputs: dict[str, Any], request: Request, stop: Callable[[], bool]
    ) -> list[list[int]]:
        """The new tokens of each row; `stop` is asked before each token."""
        try:
            return call_library(
                self._folder.name, "answer", lambda: self._generate(inputs, request, stop)
            )
        except OutOfMemory:
            empty_caches(self.placement)
            raise

    def release(self) -> None:
        """Free the weights and the device's caches."""
        self._model = None
        empty_caches(self.placement)

    def _generate(
        self, inputs: dict[str, Any], request: Request, stop: Callable[[], bool]
    ) -> list[list[int]]:
        import torch

        config = self._generation_config(request)
        known = {name: self._place(value) for name, value in inputs.items()}
        begin = known["input_ids"].shape[1]

        def stopped(tokens: Any, scores: Any, **_: Any) -> Any:
            return torch.full((len(tokens),), stop(), device=tokens.device, dtype=torch.bool)

        cards = [torch.device(self.placement.device)] if self.placement.device == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(cards):
            torch.manual_seed(request.attempt)
            rows = self._model.generate(
                **known, generation_config=config, stopping_criteria=[stopped]
            )
        found: list[list[int]] = rows[:, begin:].tolist()
        return found

    def _generation_config(self, request: Request) -> Any:
        """The model's own one, but greedy or sampled as the attempt asks."""
        config = copy.deepcopy(self._model.generation_config)
        config.update(
            max_length=None,
            max_new_tokens=request.max_tokens,
            num_beams=1,
            do_sample=request.attempt > 0,
            temperature=RETRY_TEMPERATURE if request.attempt else None,
            top_p=None,
            top_k=None,
            eos_token_id=sorted(self.ends) or None,
            pad_token_id=self._chat.pad,
        )
        return config

    def _place(self, value: Any) -> Any:
        """A tensor moved to the model's device; floating-point ones (pixels) in its precision."""
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        dtype = self._model.dtype if value.is_floating_point() else value.dtype
        return value.to(self._model.device, dtype)


def load_weights(folder: Folder, loader: Any, placement: Placement, smaller: str) -> Any:
    """The model by one of the library's classes.

    EngineRefused where it can't be loaded; `smaller` is what to do where memory doesn't suffice.
    """
    LOG.info("loading %s onto %s (%s)", folder.name, placement.device, placement.dtype)
    try:
        return call_library(
            folder.name, "be loaded", lambda: _read_weights(folder, loader, placement)
        )
    except EngineError as error:
        broken = "The files may be broken, or made for another version of transformers."
        hint = smaller if isinstance(error, OutOfMemory) else broken
        raise EngineRefused(error.message, hint) from None


def _read_weights(folder: Folder, loader: Any, placement: Placement) -> Any:
    import torch
    import transformers

    dtype = getattr(torch, placement.dtype)
    options: dict[str, Any] = {"dtype": dtype}
    if placement.device == "cpu":
        # Its threads wait for one another: without a free core all are as slow as one.
        torch.set_num_threads(max(1, count_cores() - 1))
    else:
        options["device_map"] = {"": placement.device}
    if placement.quantize != "none":
        options["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_8bit=placement.quantize == "8bit",
            load_in_4bit=placement.quantize == "4bit",
            bnb_4bit_compute_dtype=dtype,
        )
    model, facts = loader.from_pretrained(
        folder.path,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    if missing := sorted(facts["missing_keys"]):
        raise ValueError(f"its weights lack {missing[0]} and {len(missing) - 1} more")
    return model.eval()


def empty_caches(placement: Placement) -> None:
    """Give back to the device what no tensor holds any more."""
    import torch

    gc.collect()
    if placement.device != "cpu":
        getattr(torch, placement.device).empty_cache()


def load_config(folder: Folder) -> Any:
    """The model's configuration; UsageError where the library doesn't know it."""
    import transformers

    try:
        return transformers.AutoConfig.from_pretrained(
            folder.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever a stranger's file brings about
        raise UsageError(
            f"{folder.name} is no model that transformers {transformers.__version__} knows:"
            f" {first_words(error, folder.path)}",
            f"Try a newer version: {say_pip_install('--upgrade', 'transformers')}. Models that"
            " bring code of their own are not run.",
        ) from None


def read_config(folder: Folder) -> tuple[Any, Any, bool]:
    """The model's configuration, the class that loads it, and whether it takes images."""
    import transformers
    from transformers.models.auto import modeling_auto

    config = load_config(folder)
    if config.model_type in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return config, transformers.AutoModelForImageTextToText, True
    if config.model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return config, transformers.AutoModelForCausalLM, False
    raise UsageError(
        f"{folder.name} is of the kind {config.model_type!r}, which doesn't answer in words",
        "Name a model that takes images and text, or text alone.",
    )


def pick_device(settings: Settings) -> str:
    """The device of the settings, or the best there is; UsageError where it is not there."""
    import torch

    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    device = settings.device
    if device == "auto":
        device = next(name for name, found in here.items() if found)
    if not here[device]:
        found = ", ".join(name for name in here if here[name])
        raise UsageError(
            f"--device {device}: PyTorch finds none here",
            f"It finds: {found}. Is its build ({torch.__version__}) the one for your card?",
        )
    quantize = settings.quantize
    if quantize != "none" and device != "cuda":
        raise UsageError(
            f"--quantize {quantize} needs CUDA, and the model would run on {device}",
            "Leave --quantize out, or use a GGUF file, which has fewer bits everywhere.",
        )
    if quantize != "none" and not importlib.util.find_spec("bitsandbytes"):
        raise UsageError(
            f"--quantize {quantize} needs the package 'bitsandbytes', which is not installed",
            f"Install it: {say_pip_install('bitsandbytes')}",
        )
    return device


def choose_placement(folder: Folder, device: str, quantize: str) -> Placement:
    """The precision that suits device and memory; UsageError where the weights can't ever fit."""
    total, free = _device_memory(device)
    placement = Placement(device, _pick_dtype(device), quantize, free)
    if device == "cpu" and total and placement.weight_bytes(folder.parameters) > total * USED_SHARE:
        placement = replace(placement, dtype="bfloat16")
    need = placement.weight_bytes(folder.parameters)
    if total and need > total:
        raise UsageError(
            f"the weights of {folder.name} take {need / 1e9:.1f} GB, and {device} has"
            f" {total / 1e9:.1f} GB in all",
            "Take a smaller model, --quantize 4bit (CUDA), or --device cpu.",
        )
    return placement


def _pick_dtype(device: str) -> str:
    import torch

    if device == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if able else "float16"
    return "float16" if device == "mps" else "float32"


def _device_memory(device: str) -> tuple[int, int]:
    """Bytes in all, and free now; zeros: not known."""
    import torch

    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return total, free
    memory = read_memory()
    if device == "mps":
        most = torch.mps.recommended_max_memory()
        return most, min(most - torch.mps.driver_allocated_memory(), memory.free or most)
    return memory.total, memory.free


def read_shape(config: Any) -> Shape:
    """The attention shape of the text model; models without attention have no cache."""
    text = config.get_text_config(decoder=True)
    heads = getattr(text, "num_attention_heads", 0) or 0
    size = getattr(text, "head_dim", 0) or (text.hidden_size // heads if heads else 0)
    return Shape(
        layers=getattr(text, "num_hidden_layers", 0) or 0,
        kv_heads=getattr(text, "num_key_value_heads", heads) or heads,
        head_size=size,
        context_tokens=getattr(text, "max_position_embeddings", 0) or ASSUMED_CONTEXT_TOKENS,
    )


def fitting_width(
    folder: Folder, placement: Placement, config: Any, shape: Shape, chat: Chat
) -> int:
    """How many usual requests fit beside the weights; on a CPU one, or two if there is plenty."""
    free = placement.free * USED_SHARE - placement.weight_bytes(folder.parameters)
    usual = Capabilities(None, 0).frames_per_chunk if chat.sees else 0
    frames = usual * (chat.frame_tokens(*USUAL_FRAME) + FRAME_WORD_TOKENS)
    tokens = min(shape.context_tokens, USUAL_TEXT_TOKENS + frames)
    value = VALUE_BYTES[placement.dtype]
    each = cache_bytes(shape, tokens, value) + _working_bytes(config, tokens, value)
    if chat.sees:
        patches = frames * PATCHES_PER_TOKEN
        each += _working_bytes(getattr(config, "vision_config", config), patches, value)
    fit = int(free // max(each, 1))
    if placement.device == "cpu":
        return WIDEST_ON_CPU if fit >= PLENTY * WIDEST_ON_CPU else 1
    return max(1, min(WIDEST, fit))


def _working_bytes(config: Any, tokens: int, value: int) -> int:
    """Activations of one layer for so many tokens: states, queries, the feed-forward layer."""
    part = config.get_text_config() if hasattr(config, "get_text_config") else config
    hidden = getattr(part, "hidden_size", 0) or 0
    feed_forward = getattr(part, "intermediate_size", 0) or 4 * hidden
    return tokens * value * (8 * hidden + 3 * feed_forward)
