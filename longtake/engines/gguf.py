"""Models in the GGUF format, of text or of text and images, by llama.cpp in this process.

It is asked over HTTP, at a free port of 127.0.0.1 and behind a key that is made anew each time:
so a request can be counted before it is answered, bounded in time, and broken off.
"""

import hashlib
import logging
import re
import secrets
import threading
import time
import weakref
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path
from typing import Any

from longtake.engines.gguf_header import Header, list_control_tokens, read_header, read_shape
from longtake.engines.http import Connection, Response
from longtake.engines.openai import (
    as_openai_body,
    as_openai_content,
    make_blank_frame,
    read_completion,
)
from longtake.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineUnreachable,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from longtake.files import read_samples
from longtake.inference.engine import (
    SMALL_PARAMETERS,
    Capabilities,
    Engine,
    Reply,
    Request,
    byte_bound,
)
from longtake.machine import count_cores, read_memory
from longtake.models.fetch import fetch_model
from longtake.models.memory_need import LLAMA_WORK_BYTES, cache_bytes
from longtake.models.table import MODELS, SMOLLM2, Model, asset_path, find_model
from longtake.settings import Settings
from longtake.text.untrusted import break_markers, one_line

USUAL_CONTEXT_TOKENS = 8192
LEAST_CONTEXT_TOKENS = 2048
FRAME_SIDE = 512
TURN_TOKENS = 64
"""More than a template puts around each turn."""
SMALL_BYTES = 700_000_000
"""A file of weights below this is taken for one of a small model."""
FINGERPRINT_BYTES = 1 << 18

_QUANTIZATION = re.compile(r"[-._](i?q\d\w*|bf16|f16|f32)$", re.IGNORECASE)
_TOO_LARGE = re.compile(r"exceeds? the available context|context size has been exceeded", re.I)
_OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate|memory slot|compute error|failed to process image", re.I
)
"""llama.cpp's words where a buffer could not be had; it says no more than "Compute error."."""

LOG = logging.getLogger("longtake")


@dataclass(frozen=True)
class Weights:
    """The files of a model, with hashes for the store's keys, and what they are in words."""

    name: str
    path: Path
    projector: Path | None
    keys: dict[str, str]
    why: str


class GgufEngine(Engine):
    """One GGUF model; loaded when it is first asked."""

    def __init__(self, weights: Weights, settings: Settings) -> None:
        self._weights = weights
        self._settings = settings
        header = _read_head(weights.path)
        projector = _read_head(weights.projector) if weights.projector else {}
        _check_heads(weights, header, projector)
        self._markers = list_control_tokens(weights.path)
        self._sizes = _find_sizes(weights, header, settings.context_tokens)
        if settings.device in ("cuda", "mps") and not _card_memory():
            raise UsageError(
                f"--device {settings.device}: this build of llama.cpp finds no graphics card",
                "Install xllamacpp in a build for the card, as its README says; or --device auto.",
            )
        super().__init__(
            name=f"gguf:{weights.name}",
            capabilities=Capabilities(
                images=None if weights.projector else 0,
                context_tokens=self._sizes[0].tokens,
                frame_side=min(FRAME_SIDE, projector.get("clip.vision.image_size", FRAME_SIDE)),
                schemas=True,
                small=_is_small(weights),
            ),
            # The context is none of them: what fits into it is answered the same in any.
            options=dict(weights.keys),
            why=f"{weights.why}, by llama.cpp in this process, with a context of"
            f" {self._sizes[0].tokens} tokens",
        )
        self._lock = threading.Lock()
        self._running: list[Any] = []
        """llama.cpp's server and the connection to it, once it is loaded."""
        self._closed = False
        self._failure: tuple[str, str] | None = None
        # Python must not end under a request: llama.cpp would crash.
        self._end = weakref.finalize(self, _end, self._running)
        self._frame_tokens: dict[tuple[int, int], int] = {}

    def answer(self, request: Request) -> Reply:
        """One chat completion: greedy at first, sampled on later attempts."""
        if request.frames and self.capabilities.images == 0:
            raise RequestTooLarge(f"{self.name} takes no images", "Describe with another engine.")
        started = time.monotonic()
        request = request.without(self._markers)
        content = as_openai_content(request) if request.frames else request.text
        body = as_openai_body(request, content, schemas=True)
        self._check_size(request, body)
        answer = self._ask("/v1/chat/completions", body)
        return read_completion(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer; a bound for what it can't read, such as broken Unicode."""
        self.load()
        try:
            content = break_markers(text, self._markers)
            return len(self._ask("/tokenize", {"content": content})["tokens"])
        except (EngineError, LookupError, TypeError):
            return byte_bound(text)

    def frame_tokens(self, width: int, height: int) -> int:
        """As llama.cpp itself counts them, markers included; each size is asked about once."""
        if self.capabilities.images == 0:
            return 0
        if (width, height) not in self._frame_tokens:
            content = as_openai_content(Request("", (".", make_blank_frame(width, height))))
            with_it, without = (
                self._count({"messages": [{"role": "user", "content": parts}]})
                for parts in (content, content[:1])
            )
            self._frame_tokens[width, height] = with_it - without
        return self._frame_tokens[width, height]

    def close(self) -> None:
        """Unload the model; requests under way are broken off."""
        with self._lock:
            self._closed = True
            self._end()

    def _check_size(self, request: Request, body: dict[str, Any]) -> None:
        """RequestTooLarge where question and reply are more than the context holds."""
        self.load()  # which may find that the memory holds less
        most = self.capabilities.context_tokens - request.max_tokens
        texts = [str(turn["content"]) for turn in request.messages(request.text)]
        bound = sum(byte_bound(text) + TURN_TOKENS for text in texts)
        if not request.frames and bound <= most:
            return
        tokens = self._count(body)
        if tokens > most:
            raise RequestTooLarge(
                f"{tokens} tokens, and {request.max_tokens} for the reply, are more than the"
                f" context of {self.name} holds: {self.capabilities.context_tokens}",
                "Lower --frames or --frame-side, or raise --context-tokens.",
            )

    def _count(self, body: dict[str, Any]) -> int:
        """Tokens of a chat, images included, without encoding them."""
        answer = self._ask("/v1/chat/completions/input_tokens", body)
        try:
            return int(answer["input_tokens"])
        except (LookupError, TypeError, ValueError) as error:
            raise EngineFailed(f"llama.cpp does not say how many tokens ({error!r})") from error

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = self._connect()
        try:
            answer = connection.send("POST", connection.address + path, body)
            if answer.status != 200:
                raise _make_error(answer)
            return connection.read(answer)
        except EngineUnreachable as error:
            if self._closed:
                raise EngineRefused(f"{self.name} was closed while it answered") from error
            raise EngineFailed(f"llama.cpp broke off: {error.message}") from error

    def load(self) -> None:
        """Start llama.cpp, where it is not; the context may turn out shorter."""
        self._connect()

    def _connect(self) -> Connection:
        with self._lock:
            if self._closed:
                raise EngineRefused(f"{self.name} is closed")
            if not self._running:
                self._start()
            connection: Connection = self._running[1]
            return connection

    def _start(self) -> None:
        """Start it with the longest context that loads; after a failure, raise that again."""
        if self._failure:
            raise EngineRefused(*self._failure)
        path = self._weights.path
        for size in self._sizes:
            key = secrets.token_urlsafe()
            try:
                server = _open_server(self._weights, self._settings.device, size.tokens, key)
            except RuntimeError:
                LOG.info("llama.cpp can't load %s for %d tokens", path.name, size.tokens)
                continue
            self.capabilities = replace(self.capabilities, context_tokens=size.tokens)
            address, seconds = server.listening_address, self._settings.timeout_seconds
            connection = Connection(address, key, seconds)
            connection.keep_alive = False  # as server_kinds.py says of llama.cpp
            self._running += [server, connection]
            return
        names = " with ".join(str(part) for part in (path, self._weights.projector) if part)
        self._failure = (
            f"llama.cpp can't load {names}",
            "It may be broken, of an unknown kind, or too large for the memory.",
        )
        if not self._sizes[-1].fits:
            self._failure = (
                f"llama.cpp can't load {path}: it needs about {self._sizes[-1].bytes >> 20} MiB",
                "Close what else runs, or use a smaller model; see `longtake models list`.",
            )
        raise EngineRefused(*self._failure)


def _end(running: list[Any]) -> None:
    """Close the connection, then llama.cpp, which does not end while a request waits."""
    if running:
        running[1].close()
        running.clear()


@dataclass(frozen=True)
class _Size:
    """A context of so many tokens, and what the model then takes in all."""

    tokens: int
    bytes: int
    fits: bool


def open_gguf(model: str, settings: Settings) -> GgufEngine:
    """A model of the table (fetched where it is missing) or a .gguf file; none named: SmolLM2."""
    found = find_weights(model)
    if isinstance(found, Weights):
        return GgufEngine(found, settings)
    path = fetch_model(found)
    projector = asset_path(found, found.projector) if found.projector else None
    keys = {"weights": found.weights.sha256}
    if found.projector:
        keys["projector"] = found.projector.sha256
    return GgufEngine(Weights(found.name, path, projector, keys, found.about), settings)


def find_weights(model: str) -> Model | Weights:
    """What `gguf:MODEL` names: an entry of the table of models, or files."""
    if not model.endswith(".gguf"):
        return find_model(model) if model else SMOLLM2
    path, projector = _split(model)
    if projector:
        why = f"your own file, with {projector.name}"
    else:
        projector, why = _find_projector(path)
    keys = {"weights": _fingerprint(path)}
    if projector:
        keys["projector"] = _fingerprint(projector)
    return Weights(path.name, path, projector, keys, why)


def _split(model: str) -> tuple[Path, Path | None]:
    """`FILE.gguf` or `FILE.gguf+MMPROJ.gguf`; the second may be named as it lies beside the first.

    Names may hold a plus themselves: a file that is there is not split.
    """
    path = Path(model).expanduser()
    first, plus, second = model.partition(".gguf+")
    if path.is_file() or not plus:
        return _check_file(path), None
    path = _check_file(Path(first + ".gguf").expanduser())
    projector = Path(second).expanduser()
    beside = path.parent / projector
    return path, _check_file(projector if projector.is_file() or not beside.is_file() else beside)


def _check_file(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "Name a .gguf file, or see `longtake models`.")
    return path


def _find_projector(path: Path) -> tuple[Path | None, str]:
    """The projector that lies beside a model, and what to say of it."""
    why = "your own file"
    found = sorted(
        file
        for file in path.parent.glob("*.gguf")
        if file.name.lower().startswith("mmproj") and file != path
    )
    name = _QUANTIZATION.sub("", path.stem)
    named = [file for file in found if name.lower() in file.name.lower()]
    exact = [file for file in named if path.stem.lower() in file.name.lower()]
    for some in (exact, named, found):
        if len(some) == 1:
            if some is found and not _may_fit(path, some[0]):
                return None, f"{why}; {some[0].name} beside it is of another model"
            return some[0], f"{why}, with {some[0].name} beside it"
    if found:
        raise UsageError(
            f"beside {path.name} lie several projectors: {', '.join(f.name for f in found)}",
            f"Name one: gguf:{path.name}+{found[0].name}",
        )
    return None, why


def _may_fit(path: Path, projector: Path) -> bool:
    """Whether the projector's embeddings are as wide as the model's."""
    header = _read_head(path)
    width = header.get(f"{header.get('general.architecture')}.embedding_length")
    return bool(_read_head(projector).get("clip.vision.projection_dim") == width)


def _read_head(path: Path) -> Header:
    try:
        return read_header(path)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no GGUF model: {error}", "It may be cut off; fetch it anew."
        ) from error


def _check_heads(weights: Weights, header: Header, projector: Header) -> None:
    """UsageError where the model's file is a projector, or the projector is none."""
    if header.get("general.architecture") == "clip":
        raise UsageError(
            f"{weights.path} is a projector, which makes tokens of images, and no model",
            "Name the model's own file; a projector beside it is found.",
        )
    if weights.projector and not (
        projector.get("clip.has_vision_encoder")
        and isinstance(projector.get("clip.vision.image_size"), int)
    ):
        raise UsageError(
            f"{weights.projector} is no projector for images",
            "Its name usually begins with mmproj: gguf:MODEL.gguf+MMPROJ.gguf",
        )


def _find_sizes(weights: Weights, header: Header, wanted: int) -> list[_Size]:
    """The longest context that is asked for and that the memory holds, then shorter ones."""
    try:
        shape = read_shape(header)
    except ValueError as error:
        raise UsageError(f"{weights.path} is no GGUF model: {error}") from error
    files = [path for path in (weights.path, weights.projector) if path]
    fixed = sum(path.stat().st_size for path in files) + LLAMA_WORK_BYTES
    free = read_memory().free

    def weigh(tokens: int) -> _Size:
        needed = fixed + cache_bytes(shape, tokens)
        return _Size(tokens, needed, not free or needed <= free or needed <= _card_memory())

    sizes = [weigh(min(wanted or USUAL_CONTEXT_TOKENS, shape.context_tokens))]
    while sizes[-1].tokens > LEAST_CONTEXT_TOKENS:
        sizes.append(weigh(max(LEAST_CONTEXT_TOKENS, sizes[-1].tokens // 2)))
    return list(dropwhile(lambda size: not size.fits, sizes)) or sizes[-1:]


def _is_small(weights: Weights) -> bool:
    """By its parameters where they are known, else by the size of the file."""
    if weights.name in MODELS:
        return MODELS[weights.name].parameters < SMALL_PARAMETERS
    return weights.path.stat().st_size < SMALL_BYTES


def _card_memory() -> int:
    """Free bytes of the graphics cards that this build of llama.cpp can use."""
    import xllamacpp

    kind = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return sum(
        int(device["memory_free"])
        for device in xllamacpp.get_device_info()
        if device["type"] != kind
    )


def _open_server(weights: Weights, device: str, context_tokens: int, key: str) -> Any:
    """A running llama.cpp; RuntimeError, which says nothing, where it can't."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights.path)
    if weights.projector:
        params.mmproj.path = str(weights.projector)
    params.n_ctx = context_tokens
    params.n_parallel = 1
    # Prompts that went before would else be kept in up to 8 GiB.
    params.cache_ram_mib = 0
    params.enable_reasoning = 0
    # llama.cpp's threads spin: without a free core each token waits for the scheduler.
    params.cpuparams.n_threads = max(1, count_cores() - 1)
    if device == "cpu":
        params.n_gpu_layers = 0
        params.no_op_offload = True
        params.mmproj_use_gpu = False
    params.warmup = False
    params.verbosity = -1
    params.ui = False
    params.api_keys = [key]
    return xllamacpp.Server(params)


def _fingerprint(path: Path) -> str:
    """A hash of the file's size and of samples from all over it: it may have gigabytes."""
    try:
        digest = hashlib.sha256(str(path.stat().st_size).encode())
        for part in read_samples(path, FINGERPRINT_BYTES):
            digest.update(part)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    return digest.hexdigest()


def _make_error(answer: Response) -> EngineError:
    """The error for llama.cpp's answer; it hardly says where the memory did not suffice."""
    said = one_line(f"llama.cpp answered {answer.status}: {answer.words}")[:300]
    if _TOO_LARGE.search(said):
        return RequestTooLarge(said, "Lower --frames or --frame-side, or raise --context-tokens.")
    if answer.status >= 500 and _OUT_OF_MEMORY.search(said):
        return OutOfMemory(said, "Its memory may not suffice: lower --frames or --frame-side.")
    # A picture that can't be read is refused with either status.
    refused = answer.status < 500 or "failed to load image" in said.lower()
    return EngineRefused(said) if refused else EngineFailed(said)
