"""Vision-language models worth trying, and arithmetic on what each would take of a machine.

Asks nobody and loads nothing. Speeds are estimates, by a factor of two or so, and only of the
processor: of a card nobody measured none is given.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil

from longtake.describe.frame_limits import SMALLEST_SIDE, View, fit_view
from longtake.describe.prompt import MAX_TOKENS, SPARE_TOKENS
from longtake.inference.frame_tokens import FRAME_WORD_TOKENS, frame_tokens
from longtake.machine import Machine, Speed
from longtake.models.memory_need import LLAMA_WORK_BYTES, Shape, cache_bytes
from longtake.models.table import SMOLVLM2, VLMS, Model

ASPECT = (16, 9)
REPLY_TOKENS = 80
"""What a description has: two to four sentences."""
PROMPT_TOKENS = 192
"""The words that go with a chunk's frames, with room for its cuts."""


@dataclass(frozen=True)
class Precision:
    """A form of the weights; `needs` is the kind of card without which it can't be used."""

    name: str
    weights_bytes: int
    needs: str = ""


@dataclass(frozen=True)
class FrameEncoding:
    """How an engine shows a model its frames; sides in pixels."""

    patch: int
    """What the vision encoder takes as one step."""
    square: int = 0
    """It makes each frame a square of this side; 0: the frame keeps its shape."""
    passes: int = 1
    """How often it encodes a frame."""
    marker_tokens: int = 4
    """Tokens around the frame's own."""


@dataclass(frozen=True)
class Candidate:
    """A model under an engine, as its card and config.json have it; best precision first."""

    model: str
    engine: str
    about: str
    precisions: tuple[Precision, ...]
    shape: Shape
    parameters: float
    """Of text: each token is multiplied with them."""
    vision_parameters: float
    encoding: FrameEncoding


_GGUF_ENCODINGS = {
    # llama.cpp shows SmolVLM each frame whole, then as tiles; up to 512 px that is one tile.
    "smolvlm2-500m-video": FrameEncoding(patch=16, square=512, passes=2, marker_tokens=14),
    "qwen2.5-vl-3b": FrameEncoding(patch=14),
    "qwen3-vl-4b": FrameEncoding(patch=16),
}


def _from_table(model: Model) -> Candidate:
    found = re.search(r"[-._]([A-Z]*Q\d\w*|BF16|F16)\.gguf$", model.weights.file, re.IGNORECASE)
    precision = Precision(found[1] if found else "as in the file", model.bytes)
    return Candidate(
        model.name,
        "gguf",
        model.about,
        (precision,),
        model.shape,
        model.parameters,
        model.vision_parameters,
        _GGUF_ENCODINGS[model.name],
    )


def _from_hub(
    model: str, shape: Shape, parameters: float, vision_parameters: float, encoding: FrameEncoding
) -> Candidate:
    """In half precision, or 4 bits with CUDA; on a processor full precision, where it fits."""
    both = parameters + vision_parameters
    return Candidate(
        model,
        "transformers",
        f"text and images, {both / 1e9:.1f}B parameters",
        (
            Precision("bf16", round(2 * both)),
            Precision("4bit", round(0.65 * both), needs="cuda"),
        ),
        shape,
        parameters,
        vision_parameters,
        encoding,
    )


CANDIDATES = (
    _from_hub(
        "Qwen/Qwen3-VL-8B-Instruct",
        Shape(layers=36, kv_heads=8, head_size=128, context_tokens=262_144),
        8.19e9,
        0.58e9,
        FrameEncoding(patch=16),
    ),
    _from_hub(
        "Qwen/Qwen2.5-VL-7B-Instruct",
        Shape(layers=28, kv_heads=4, head_size=128, context_tokens=128_000),
        7.62e9,
        0.68e9,
        FrameEncoding(patch=14),
    ),
    *(_from_table(model) for model in VLMS if model is not SMOLVLM2),
    _from_hub(
        "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        Shape(layers=24, kv_heads=32, head_size=64, context_tokens=8192),
        1.81e9,
        0.43e9,
        FrameEncoding(patch=14, square=384),
    ),
    _from_table(SMOLVLM2),
)
"""Best first, as their cards rank them on questions about videos."""

FREE_SHARE = {"gguf": 1.0, "transformers": 0.85}
"""Of the free memory that an engine counts on: PyTorch loses some between its blocks."""
WORK_BYTES = {"gguf": LLAMA_WORK_BYTES, "transformers": 1536 << 20}
"""For what is between the layers, and the libraries themselves.

Measured for `gguf` with random weights of SmolVLM2-500M's shape: 0.25 GiB beside weights and cache.
"""
GGUF_CONTEXTS = (8192, 4096, 2048)
"""The engine `gguf` takes a whole cache at once: the longest of these that fits."""


PROMPT_SHARE, VISION_SHARE, REPLY_SHARE = 0.8, 0.5, 0.5
"""Of the processor's speed (`machine.measure_speed`), what is left for prompt, frames and reply.

Calibrated with llama.cpp on an AMD EPYC (107 GFLOP/s a core in single precision, 39 GB/s) with one
thread, as the engine `gguf` has on two cores. SmolLM2-135M Q4_1 in that engine: 205 tokens of
prompt and 117 of reply a second, shares of 0.52 and 0.29 (so small a model spends its time between
the layers). Random weights in the shape of SmolVLM2-500M Q8_0: 139 and 57, shares 0.94 and 0.56;
its vision encoder 3.3 s for 512×512, 0.54. Random weights in the shape of Qwen2.5-VL-3B Q4_K: 19.5
and 12.7, shares 1.1 and 0.59. PyTorch, one thread, fp32, random weights in the shape of
SmolVLM2-500M's text model: 120 and 9.8, shares 0.92 and 0.41; in bf16, which this processor knows,
three times and 1.3 times as fast. (Beside a busy process two threads of it were three to five times
slower than one.)
"""


@dataclass(frozen=True)
class Place:
    """Where an engine could run a model; its speed, where it was measured."""

    name: str
    kind: str
    free: int
    speed: Speed | None = None
    note: str = ""


def list_places(
    machine: Machine, speed: Speed | None, engine: str, cards: Sequence[str], device: str = "auto"
) -> list[Place]:
    """The cards that the engine can use (by kind, `cards`), the freest first; then the memory.

    Never empty: where the wanted device is not here, a place without room stands for it.
    """
    places = [
        Place(gpu.name, gpu.kind, gpu.memory.free)
        for gpu in sorted(machine.gpus, key=lambda gpu: -gpu.memory.free)
        # PyTorch calls AMD's cards cuda, too.
        if gpu.kind in cards and device in ("auto", "mps" if gpu.kind == "metal" else "cuda")
    ]
    if device in ("auto", "cpu"):
        # llama.cpp's threads spin, so its engine leaves a core free.
        threads = max(1, machine.cores - (engine == "gguf"))
        share = threads / max(1, machine.cores)
        mine = speed and Speed(speed.flops * share, speed.bytes_per_second)
        note = f"on {threads} of {machine.cores} cores"
        places.append(Place("memory", "cpu", machine.memory.free, mine, note))
    return places or [Place("no card", device, 0)]


@dataclass(frozen=True)
class Duration:
    """Estimated seconds for one chunk: to encode its frames, read the prompt, write the reply."""

    encode: float
    read: float
    write: float
    tokens: int
    """Of the prompt, frames included."""

    @property
    def total(self) -> float:
        """The sum of the three."""
        return self.encode + self.read + self.write


@dataclass(frozen=True)
class Fit:
    """What a model would take and do here; sizes in bytes."""

    candidate: Candidate
    place: Place
    precision: str
    view: View
    usual_frames: int
    """How many frames most chunks have; the view holds the most."""
    frame_tokens: int
    context_tokens: int
    weights_bytes: int
    cache_bytes: int
    work_bytes: int
    usable: int
    """Of the place's free bytes, those that the engine counts on."""
    fits: bool
    duration: Duration | None
    """None: the place's speed is not known."""

    @property
    def needed_bytes(self) -> int:
        """Weights, cache, and what is between the layers."""
        return self.weights_bytes + self.cache_bytes + self.work_bytes


def fit_candidate(
    candidate: Candidate, places: Sequence[Place], wanted: View, usual_frames: int
) -> Fit:
    """How the model does in the first place that it fits into, in its best precision there.

    Where it fits nowhere: where least is missing.
    """
    tried = [
        _fit(candidate, precision, place, wanted, usual_frames)
        for place in places
        for precision in _list_precisions(candidate, place)
    ]
    fitting = [fit for fit in tried if fit.fits]
    return fitting[0] if fitting else min(tried, key=lambda fit: fit.needed_bytes - fit.usable)


def _list_precisions(candidate: Candidate, place: Place) -> Iterator[Precision]:
    """Those that can be used there."""
    if candidate.engine == "transformers" and place.kind == "cpu":
        # Processors are at their best in full precision.
        yield Precision("fp32", 2 * candidate.precisions[0].weights_bytes)
    for precision in candidate.precisions:
        if precision.needs in ("", place.kind):
            yield precision


def _fit(
    candidate: Candidate, precision: Precision, place: Place, wanted: View, usual_frames: int
) -> Fit:
    """The model there, with as much of the view as context and memory allow."""
    weights, work = precision.weights_bytes, WORK_BYTES[candidate.engine]
    usable = round(place.free * FREE_SHARE[candidate.engine])
    words = PROMPT_TOKENS + MAX_TOKENS + SPARE_TOKENS
    tokens = partial(count_frame_tokens, candidate)
    affordable = (usable - weights - work) // cache_bytes(candidate.shape, 1)
    context = min(candidate.shape.context_tokens, affordable)
    if candidate.engine == "gguf":
        context = next((size for size in GGUF_CONTEXTS if size <= context), 0)
    view = fit_view(wanted, context - words, tokens)
    shown = view or View(1, min(wanted.side, SMALLEST_SIDE))
    needed = shown.frames * (tokens(shown.side) + FRAME_WORD_TOKENS) + words
    if candidate.engine == "gguf":
        needed = context or GGUF_CONTEXTS[-1]
    frames = min(usual_frames, shown.frames)
    return Fit(
        candidate=candidate,
        place=place,
        precision=precision.name,
        view=shown,
        usual_frames=frames,
        frame_tokens=tokens(shown.side),
        context_tokens=needed,
        weights_bytes=weights,
        cache_bytes=cache_bytes(candidate.shape, needed),
        work_bytes=work,
        usable=usable,
        fits=view is not None,
        duration=estimate(candidate, place, weights, View(frames, shown.side)),
    )


def count_frame_tokens(candidate: Candidate, side: int) -> int:
    """Tokens of a wide frame of that side, as the engine shows it to the model."""
    own = frame_tokens(candidate.model, *_wide(side))
    return candidate.encoding.passes * own + candidate.encoding.marker_tokens


def count_patches(encoding: FrameEncoding, side: int) -> int:
    """Steps of the vision encoder for a wide frame of that side."""
    width, height = (encoding.square,) * 2 if encoding.square else _wide(side)
    return encoding.passes * ceil(width / encoding.patch) * ceil(height / encoding.patch)


def _wide(side: int) -> tuple[int, int]:
    return side, round(side * ASPECT[1] / ASPECT[0])


def estimate(candidate: Candidate, place: Place, weights: int, view: View) -> Duration | None:
    """Seconds for one chunk alone: two operations a parameter for each token, and each patch.

    For each token of the reply all weights are read once. None: the place's speed is not known.
    """
    if not place.speed:
        return None
    words = FRAME_WORD_TOKENS * view.frames + PROMPT_TOKENS
    tokens = view.frames * count_frame_tokens(candidate, view.side) + words
    patches = view.frames * count_patches(candidate.encoding, view.side)
    flops = place.speed.flops
    encode = 2 * candidate.vision_parameters * patches / (flops * VISION_SHARE)
    read = 2 * candidate.parameters * tokens / (flops * PROMPT_SHARE)
    step = weights / (place.speed.bytes_per_second * REPLY_SHARE)
    return Duration(encode, read, REPLY_TOKENS * step, tokens)
