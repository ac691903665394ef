"""Models in Hugging Face's form, run by `transformers` and PyTorch in this process.

Requests that wait together are answered as one batch, by one thread, which owns the model.
"""

import queue
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from longtake.engines.transformers.chat import Chat, ChatPrompt, open_chat
from longtake.engines.transformers.hub import Folder, check_name, find_folder
from longtake.engines.transformers.library import call_library, import_libraries
from longtake.engines.transformers.model import (
    Placement,
    Runner,
    choose_placement,
    fitting_width,
    pick_device,
    read_config,
    read_shape,
)
from longtake.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    LongtakeError,
    RequestTooLarge,
)
from longtake.inference.engine import SMALL_PARAMETERS, Capabilities, Engine, Reply, Request
from longtake.settings import Settings

GATHER_SECONDS = 0.005
"""How long a batch waits for one more request."""
CLOSE_SECONDS = 5.0
"""How long closing waits for what is under way; it stops at its next token."""
WATCH_SECONDS = 1.0
"""How often a caller looks whether its time is up: a batch's first token may take long."""
MOST_FRAME_SIDE = 1024


class TransformersEngine(Engine):
    """One model; loaded when it is first asked."""

    def __init__(
        self,
        folder: Folder,
        chat: Chat,
        runner: Runner,
        capabilities: Capabilities,
        settings: Settings,
    ) -> None:
        placement = runner.placement
        super().__init__(
            name=f"transformers:{folder.name}",
            capabilities=capabilities,
            options={
                "weights": folder.fingerprint,
                "dtype": placement.dtype,
                "quantize": placement.quantize,
                "context_tokens": capabilities.context_tokens,
            },
            why=_say_why(folder, placement),
        )
        self._chat, self._runner = chat, runner
        self._seconds = settings.timeout_seconds
        self._jobs: queue.SimpleQueue[_PendingRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._closed = threading.Event()

    def answer(self, request: Request) -> Reply:
        """Greedy at first, sampled on later attempts; those are answered one by one."""
        if request.frames and not self._chat.sees:
            raise RequestTooLarge(f"{self.name} takes no images", "Describe with another model.")
        job = _PendingRequest(request, self._chat.render(request))
        with self._lock:
            if self._closed.is_set():
                raise self._closed_error()
            if not self._worker:
                self._worker = threading.Thread(target=self._work, daemon=True)
                self._worker.start()
            self._jobs.put(job)
        while True:
            try:
                return job.outcome.result(WATCH_SECONDS)
            except TimeoutError:
                if self._closed.is_set():
                    raise self._closed_error() from None
                if time.monotonic() > job.ends + WATCH_SECONDS:
                    raise self._timeout_error() from None

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer, of the text as it is sent."""
        return self._chat.count_tokens(text)

    def frame_tokens(self, width: int, height: int) -> int:
        """As the model's own processor makes of a blank frame; its markers count."""
        return self._chat.frame_tokens(width, height)

    def close(self) -> None:
        """Stop what is under way at its next token, and free the model."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._jobs.put(None)
        if self._worker:
            self._worker.join(CLOSE_SECONDS)

    def _work(self) -> None:
        """The one thread that uses the model: it ends when the engine is closed."""
        try:
            while jobs := self._gather():
                for group in _group(jobs):
                    self._serve(group)
        finally:
            while not self._jobs.empty():
                if job := self._jobs.get():
                    job.fail(self._closed_error())
            self._runner.release()

    def _gather(self) -> "list[_PendingRequest]":
        """The next request, and those that come right after it; none once the engine is closed."""
        jobs: list[_PendingRequest] = []
        while len(jobs) < self.capabilities.width:
            try:
                job = self._jobs.get(timeout=GATHER_SECONDS if jobs else None)
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _serve(self, jobs: "list[_PendingRequest]") -> None:
        """Answer a batch; any exception, a bug's too, becomes the outcome of each of its jobs."""
        try:
            self._answer_batch(jobs)
        except Exception as error:
            for job in jobs:
                job.fail(error)

    def _answer_batch(self, jobs: "list[_PendingRequest]") -> None:
        if self._closed.is_set():
            raise self._closed_error()
        self._runner.load()
        started = time.monotonic()
        for job in jobs:
            job.ends = started + self._seconds
        try:
            self._answer_together(jobs, started)
        except EngineFailed:
            if len(jobs) == 1:
                raise
            for job in jobs:  # some processors and models take no batches
                self._serve([job])

    def _answer_together(self, jobs: "list[_PendingRequest]", started: float) -> None:
        inputs = self._chat.encode([job.prompt for job in jobs])
        lengths = [int(length) for length in inputs["attention_mask"].sum(1)]
        most = self.capabilities.context_tokens
        for job, length in zip(jobs, lengths, strict=True):
            if (total := length + job.request.max_tokens) > most:
                job.fail(
                    RequestTooLarge(
                        f"the request takes {total} tokens, its reply included, and {self.name}"
                        f" takes at most {most}",
                        "Lower --frames or --frame-side.",
                    )
                )
        left = [job for job in jobs if not job.outcome.done()]
        if len(left) < len(jobs):
            if left:
                self._serve(left)
            return
        ends = jobs[0].ends
        rows = self._runner.generate(
            inputs, jobs[0].request, lambda: self._closed.is_set() or time.monotonic() > ends
        )
        for job, row, length in zip(jobs, rows, lengths, strict=True):
            try:
                job.outcome.set_result(self._read_reply(row, length, job.request, started))
            except EngineError as error:
                job.fail(error)

    def _read_reply(self, row: list[int], tokens: int, request: Request, started: float) -> Reply:
        """The reply that a row of new tokens is; an error for one that was stopped before."""
        end = next((place for place, token in enumerate(row) if token in self._runner.ends), None)
        if end is None and len(row) < request.max_tokens:
            raise self._closed_error() if self._closed.is_set() else self._timeout_error()
        return Reply(
            text=self._chat.decode(row[:end]),
            input_tokens=tokens,
            output_tokens=len(row[:end]),
            seconds=round(time.monotonic() - started, 3),
            complete=end is not None,
        )

    def _closed_error(self) -> EngineError:
        return EngineRefused(f"{self.name} is closed")

    def _timeout_error(self) -> EngineError:
        return EngineTimeout(
            f"{self.name} gave no reply within {self._seconds:g} s",
            "Raise --timeout-seconds, or lower --frames or --at-once.",
        )


@dataclass
class _PendingRequest:
    """A request on its way through the worker; its outcome is set once."""

    request: Request
    prompt: ChatPrompt
    ends: float = float("inf")
    """When its time is up, of the monotonic clock; known when its batch begins."""
    outcome: "Future[Reply]" = field(default_factory=Future)

    def fail(self, error: Exception) -> None:
        """Set a copy of the error, for several threads may raise that of one batch."""
        if not self.outcome.done():
            self.outcome.set_exception(
                type(error)(error.message, error.hint)
                if isinstance(error, LongtakeError)
                else error
            )


def _group(jobs: "Iterable[_PendingRequest]") -> "list[list[_PendingRequest]]":
    """The requests in batches that leave each one's reply as it would be alone.

    Sampled ones stay alone: what is drawn for a row depends on the rows beside it.
    """
    groups: dict[tuple[object, ...], list[_PendingRequest]] = {}
    for job in jobs:
        request = job.request
        alone = id(job) if request.attempt else None
        groups.setdefault((request.max_tokens, bool(request.frames), alone), []).append(job)
    return list(groups.values())


def open_transformers(model: str, settings: Settings) -> TransformersEngine:
    """A model of the hub (fetched where its cache lacks it), or of a folder; loaded when asked."""
    check_name(model)
    import_libraries(model)
    device = pick_device(settings)
    folder = find_folder(model)
    config, loader, sees = read_config(folder)
    shape = call_library(folder.name, "be understood", lambda: read_shape(config))
    chat = open_chat(folder, sees)
    placement = call_library(
        folder.name, "be placed", lambda: choose_placement(folder, device, settings.quantize)
    )
    capabilities = Capabilities(
        images=None if sees else 0,
        context_tokens=shape.context_tokens,
        width=settings.at_once or fitting_width(folder, placement, config, shape, chat),
        small=folder.parameters < SMALL_PARAMETERS,
    )
    if side := chat.square:
        capabilities = replace(capabilities, frame_side=min(side, MOST_FRAME_SIDE))
    runner = Runner(folder, loader, placement, chat)
    return TransformersEngine(folder, chat, runner, capabilities, settings)


def _say_why(folder: Folder, placement: Placement) -> str:
    bits = f", {placement.quantize}" if placement.quantize != "none" else ""
    return (
        f"{folder.parameters / 1e6:,.0f}M parameters in {placement.dtype}{bits} on"
        f" {placement.device}, by transformers in this process"
    )
