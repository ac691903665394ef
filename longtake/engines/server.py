"""Any server that speaks the OpenAI chat API: vLLM, llama.cpp's, SGLang, LM Studio, a cloud.

Knows models, chats and what kinds of servers say of themselves; HTTP is `engines/http.py`'s.
"""

import functools
import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any
from urllib.parse import quote

from longtake.engines.http import Connection, Response, check_address
from longtake.engines.openai import (
    as_base64,
    as_openai_body,
    as_openai_content,
    make_blank_frame,
    read_completion,
)
from longtake.engines.server_kinds import (
    Kind,
    find_context_tokens,
    find_kind,
    find_listed,
    find_slots,
    list_entries,
    takes_images,
    takes_schemas,
)
from longtake.engines.server_pool import open_pool
from longtake.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    LongtakeError,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import Capabilities, Engine, Reply, Request, byte_bound
from longtake.inference.frame_tokens import frame_tokens, is_sure
from longtake.inference.retry import insist
from longtake.records import Frame
from longtake.settings import Settings, list_addresses
from longtake.text.untrusted import one_line
from longtake.timecode import format_time

ASSUMED_CONTEXT_TOKENS = 4096
"""Taken where neither the settings nor the server say how long a context may be."""
WIDTH, WIDEST = 4, 64
SHORT_SECONDS = 15.0
"""For questions about the server itself: a hung one shows soon."""
LOADING_SECONDS = 1.0
"""Between two looks at a server that is loading its model."""
COUNTS_KEPT = 1024
TINY_SIDE, SIGHT_TOKENS = 64, 4
VIDEO_FRAMES = 32
"""vLLM's default for one video: it drops the frames after these without a word."""
VIDEO_TICKS = 100
"""A second, in the numbers that tell vLLM where the frames of a video lie."""

_IMAGES_HINT = "Send them as images: --frames-as images."
_OPTIONAL = {
    "max_tokens": ("max_completion_tokens", "max_completion_tokens"),
    "response_format": ("response[_ ]format|json_schema", ""),
    "chat_template_kwargs": ("chat_template_kwargs", ""),
    "media_io_kwargs": ("media_io_kwargs", ""),
    "temperature": (r"\btemperature\b", ""),
    "seed": (r"\bseed\b", ""),
}
"""What a request can do without: the words of a server that refuses it, and its name there."""

LOG = logging.getLogger("longtake")


class ServerEngine(Engine):
    """One model of one server."""

    def __init__(
        self, server: Connection, model: str, settings: Settings, *, patient: bool = True
    ) -> None:
        """`patient`: one that is still loading its model is waited for."""
        self._server = server
        self._chat = f"{server.address}/chat/completions"
        listed = self._list_models(server.timeout_seconds if patient else 0.0)
        facts = self._find_model(listed, model)
        self._kind = find_kind([facts, *listed])
        self.model: str = facts["id"]
        server.keep_alive = self._kind.keep_alive
        facts = facts | ask_about_model(server, self._kind, self.model, SHORT_SECONDS)
        context = settings.context_tokens or find_context_tokens(facts)
        self._as_video = settings.frames_as == "video"
        sees = takes_images(facts)
        self._sight_unsure = sees is None or self._as_video
        self._instead: dict[str, str] = {}
        """Optional fields that the server refused, and what they are called there; empty: not."""
        self._counts_tokens = True
        self._count = functools.lru_cache(COUNTS_KEPT)(self._ask_count)
        self._count_frame = functools.lru_cache(COUNTS_KEPT)(self._ask_count_frame)
        slots = find_slots(facts)
        most = VIDEO_FRAMES if self._as_video else None
        super().__init__(
            name=f"server:{one_line(self.model)}",
            capabilities=Capabilities(
                images=0 if sees is False else most,
                context_tokens=context or ASSUMED_CONTEXT_TOKENS,
                width=slots or WIDTH,
                widest=slots or WIDEST,
                schemas=self._kind.schemas or takes_schemas(facts),
            ),
            options={"base_url": server.address}
            | ({"frames_as": "video"} if self._as_video else {}),
            why=_say_why(server, self._kind, self.model, context),
        )

    def frame_tokens(self, width: int, height: int) -> int:
        """By the arithmetic of the model's family; where that is not sure, the server is asked.

        In a video, Qwen spends on a pair of frames what it spends on one image. Of three frames
        the last has no partner: that makes two thirds a frame.
        """
        tokens = frame_tokens(self.name, width, height)
        if not (self._as_video or is_sure(self.name)):
            tokens = self._count_frame(width, height) or tokens
        paired = self._as_video and "qwen" in self.name.casefold()
        return ceil(tokens * 2 / 3) if paired else tokens

    def answer(self, request: Request) -> Reply:
        """One chat completion."""
        most, frames = self.capabilities.images, len(request.frames)
        if frames and most == 0:
            raise RequestTooLarge(f"{self.name} takes no images", "Describe with another model.")
        if most and frames > most:
            raise RequestTooLarge(f"{frames} frames are more than the {most} of a video")
        started = time.monotonic()
        try:
            answer = self._ask_chat(request)
        except EngineRefused as error:
            # What OpenAI says where all tokens went into thoughts.
            if "output limit was reached" not in error.message:
                raise
            seconds = round(time.monotonic() - started, 3)
            return Reply("", seconds=seconds, complete=False, thought=True)
        return read_completion(answer, round(time.monotonic() - started, 3))

    def count_tokens(self, text: str) -> int:
        """By the server's own tokenizer, where it has such a route (vLLM and llama.cpp do)."""
        if self._counts_tokens:
            try:
                return self._count(text)
            except (EngineBusy, EngineTimeout, EngineUnreachable):
                pass  # not now
            except (EngineError, ArithmeticError, LookupError, TypeError, ValueError):
                self._counts_tokens = False
        return byte_bound(text)

    def check_sight(self) -> None:
        """UsageError with the server's words where it refuses a tiny image; asked once."""
        super().check_sight()
        if not self._sight_unsure:
            return
        times = (0.0, 1.0) if self._as_video else (0.0,)
        frames = [make_blank_frame(TINY_SIDE, TINY_SIDE, time) for time in times]
        try:
            self.answer(Request("You describe.", (*frames, "What is it?"), SIGHT_TOKENS))
        except (EngineFailed, EngineRefused, RequestTooLarge) as error:
            about_images = re.search(r"image|video|vision|multi-?modal", error.message, re.I)
            if not (about_images or isinstance(error, EngineRefused)):
                raise
            # Is it the image? Whatever is wrong with text alone is an error of its own.
            self.answer(Request("You describe.", ("What is it?",), SIGHT_TOKENS))
            if self._as_video:
                raise UsageError(
                    f"{self.name} takes no frames as a video: {error.message}", _IMAGES_HINT
                ) from error
            raise UsageError(
                f"{self.name} takes no images, so it can't describe a video: {error.message}",
                "Name a vision model: --engine server:MODEL. llama.cpp needs its --mmproj, too.",
            ) from error
        self._sight_unsure = False

    def close(self) -> None:
        """Drop the connections."""
        self._server.close()

    def _ask_chat(self, request: Request) -> dict[str, Any]:
        """The completion; an optional field that the server refuses is left out from then on."""
        body = self._make_body(request)
        while True:
            sent = {self._instead.get(name, name): value for name, value in body.items()}
            sent.pop("", None)
            answer = self._server.send("POST", self._chat, sent)
            try:
                return self._server.read(answer)
            except (EngineFailed, EngineRefused, RequestTooLarge) as error:
                if field := _find_refused(answer, sent):
                    self._do_without(field)
                    continue
                if "media_io_kwargs" in body:
                    error.hint = _IMAGES_HINT
                raise

    def _do_without(self, field: str) -> None:
        if field not in self._instead:
            LOG.info("%s does not take %s; it is asked without", self.name, field)
        self._instead[field] = _OPTIONAL[field][1]
        if field == "response_format":
            self.capabilities = replace(self.capabilities, schemas=False)

    def _make_body(self, request: Request) -> dict[str, Any]:
        frames = request.frames
        as_video = self._as_video and len(frames) > 1
        content = (_video_content if as_video else as_openai_content)(request)
        body = {"model": self.model} | as_openai_body(
            request, content, schemas=self.capabilities.schemas
        )
        if self._kind.template_options:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        if as_video:
            body["media_io_kwargs"] = {"video": _video_times(frames)}
        return body

    def _ask_count(self, text: str) -> int:
        # llama.cpp reads `content`, vLLM and SGLang read `prompt`; each passes over the other's.
        body = {"model": self.model, "content": text, "prompt": text}
        url = f"{self._server.address.removesuffix('/v1')}/tokenize"
        answer = self._server.read(self._server.send("POST", url, body, SHORT_SECONDS))
        return int(answer.get("count") or len(answer["tokens"]))

    def _ask_count_frame(self, width: int, height: int) -> int:
        """What a blank frame of that size adds to a prompt; 0 where the server does not say."""
        frame, tokens = make_blank_frame(width, height), []
        try:
            for parts in (("?",), ("?", frame)):
                ask = functools.partial(self.answer, Request("", parts, SIGHT_TOKENS))
                tokens.append(insist(ask)[0].input_tokens)
        except EngineError:
            return 0
        return max(0, tokens[1] - tokens[0]) if tokens[0] else 0

    def _find_model(self, listed: Sequence[dict[str, Any]], model: str) -> dict[str, Any]:
        """What the server says of the model; of its first that chats, where none is named."""
        if found := find_listed(listed, model):
            return found
        known = ", ".join(self._server.show(facts["id"]) for facts in listed[:10])
        if listed and model:
            raise UsageError(
                f"{self._server.address} has no model {model!r}", f"It serves: {known}."
            )
        if listed:
            raise UsageError(
                f"{self._server.address} lists no model that could be asked: {known}",
                "Name one: --engine server:MODEL.",
            )
        if not model:
            raise UsageError(
                f"{self._server.address} lists no models",
                "Name one: --engine server:MODEL. Should the address end in /v1?",
            )
        return {"id": model}

    def _list_models(self, seconds: float) -> list[dict[str, Any]]:
        """The server's models; none where it has no list, for it still serves one that is named."""
        answer = self._wait_for_list(seconds)
        if answer.status not in (404, 405):
            try:
                return list_entries(self._server.read_any(answer))
            except EngineFailed:
                if answer.status >= 500:
                    raise
        self._check_chat()
        return []

    def _wait_for_list(self, seconds: float) -> Response:
        """The list of models, once the server has loaded its own, within so many seconds."""
        ends = time.monotonic() + seconds
        loading = f"the server at {self._server.address} is still loading its model"
        logged = False
        while True:
            answer = self._server.send(
                "GET", f"{self._server.address}/models", seconds=SHORT_SECONDS
            )
            if answer.status != 503 or not re.search(r"\bloading\b", answer.words, re.I):
                return answer
            left = ends - time.monotonic()
            if left <= 0:
                raise EngineBusy(
                    f"{loading}{f' after {seconds:g} s' if seconds else ''}",
                    "Try again later, or raise --timeout-seconds.",
                )
            if not logged:
                LOG.info("%s; waiting", loading)
                logged = True
            time.sleep(min(LOADING_SECONDS, left))

    def _check_chat(self) -> None:
        """UsageError where there is no chat API: an empty question finds out."""
        answer = self._server.send("POST", self._chat, {}, SHORT_SECONDS)
        if answer.status in (404, 405) or answer.body.lstrip().startswith(b"<"):
            ends_well = self._server.address.endswith("/v1")
            raise UsageError(
                f"{self._server.address} answers, but not as an OpenAI-compatible server",
                ("Is it the right port?" if ends_well else "Should the address end in /v1?")
                + " `longtake doctor` lists the servers that answer here.",
            )


def ask_about_model(server: Connection, kind: Kind, model: str, seconds: float) -> dict[str, Any]:
    """What this kind of server says of the model at its own path; empty where it fails."""
    if not kind.own:
        return {}
    path = kind.own.format(model=quote(model, safe=""))
    url = server.address.removesuffix("/v1") + path
    try:
        found = server.read(server.send("GET", url, seconds=seconds))
    except EngineError:
        return {}
    if not isinstance(found.get("data"), list):
        return found
    return next((entry for entry in list_entries(found) if entry["id"] == model), {})


def open_server(model: str, settings: Settings) -> Engine:
    """The server of the settings, or all of them as one engine.

    Each is asked for its models at once, so a wrong address shows. What one serves where no model
    is named, the others must serve, too.
    """
    addresses = list_addresses(settings.base_url)
    if not addresses:
        raise UsageError(
            "the engine 'server' needs an address",
            "Give --base-url http://127.0.0.1:8000/v1, or set OPENAI_BASE_URL.",
        )
    if len(addresses) == 1:
        return _open_one(addresses[0], model, settings)
    for address in addresses:
        check_address(address)
    wanted = model

    def open_next(address: str, patient: bool) -> Engine:
        nonlocal wanted
        opened = _open_one(address, wanted, settings, patient=patient)
        wanted = opened.model
        return opened

    return open_pool(addresses, open_next)


def _open_one(
    address: str, model: str, settings: Settings, *, patient: bool = True
) -> ServerEngine:
    server = Connection(address, settings.api_key, settings.timeout_seconds)
    try:
        return ServerEngine(server, model, settings, patient=patient)
    except LongtakeError:
        server.close()
        raise


def _say_why(server: Connection, kind: Kind, model: str, context: int) -> str:
    why = f"{kind.title} at {server.address}".strip()
    if not context:
        why += (
            f"; it does not say how long its context is, so {ASSUMED_CONTEXT_TOKENS} tokens are"
            " assumed (--context-tokens sets it)"
        )
    if kind.title == "Ollama":
        why += (
            f"; --engine ollama:{one_line(model)} is the better door: through this one the context"
            " can't be set, and frames that don't fit are cut off without a word"
        )
    return why


def _find_refused(answer: Response, sent: Mapping[str, Any]) -> str:
    """The optional field of a request that the server's refusal names; empty: none."""
    if answer.status not in (400, 422):
        return ""
    words = answer.words
    named = (name for name, (pattern, _) in _OPTIONAL.items() if re.search(pattern, words))
    return next((name for name in named if name in sent), "")


def _video_content(request: Request) -> list[dict[str, Any]]:
    """The parts in their order, with one video in place of all frames, after their times.

    The text that stands before a frame and ends with its time is left out: that list has it. vLLM
    takes JPEG frames as a video (`VideoMediaIO` in vllm/multimodal/media/video.py).
    """
    frames = request.frames
    times = ", ".join(format_time(frame.time) for frame in frames)
    url = f"data:video/jpeg;base64,{','.join(as_base64(frame.jpeg) for frame in frames)}"
    parts: list[dict[str, Any]] = []
    for part, following in zip(request.parts, (*request.parts[1:], ""), strict=True):
        if part is frames[0]:
            parts.append({"type": "text", "text": f"Frames at {times}:"})
            parts.append({"type": "video_url", "video_url": {"url": url}})
        elif isinstance(part, str):
            timed = isinstance(following, Frame) and f"{format_time(following.time)}:"
            if not (timed and part.endswith(timed)):
                parts.append({"type": "text", "text": part})
    return parts


def _video_times(frames: Sequence[Frame]) -> dict[str, Any]:
    """Where the frames lie, for vLLM, which else takes them for one a second from 0 on.

    It allows this only if started with --trust-request-mm-kwargs.
    """
    seconds = (frames[-1].time - frames[0].time) * len(frames) / (len(frames) - 1)
    return {
        "fps": VIDEO_TICKS,
        "frames_indices": [round(frame.time * VIDEO_TICKS) for frame in frames],
        "total_num_frames": max(len(frames), round(seconds * VIDEO_TICKS)),
        "duration": seconds,
    }
