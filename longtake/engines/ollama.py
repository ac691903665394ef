"""A model of Ollama by its own API, where a request can say how much context it needs.

Knows Ollama's models, chats and errors; HTTP is `engines/http.py`'s.
"""

import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from longtake.engines.http import Connection, Response
from longtake.engines.openai import as_base64
from longtake.errors import (
    EngineFailed,
    EngineRefused,
    EngineUnreachable,
    LongtakeError,
    OutOfMemory,
    RequestTooLarge,
    UsageError,
)
from longtake.inference.engine import (
    RETRY_TEMPERATURE,
    SMALL_PARAMETERS,
    Capabilities,
    Engine,
    Reply,
    Request,
    byte_bound,
)
from longtake.inference.frame_tokens import frame_tokens
from longtake.records import Frame
from longtake.settings import Settings
from longtake.text.plurals import say_count
from longtake.text.untrusted import hide_secrets, one_line

PORT = 11434
ASSUMED_CONTEXT_TOKENS = 4096
"""Taken where Ollama does not say how long the model's context is: its own least default."""
CONTEXT_STEP = 4096
"""Ollama loads a model anew for another `num_ctx`, so that grows in few and large steps."""
MESSAGE_TOKENS, TEMPLATE_TOKENS = 16, 64
"""What a chat template puts around each message, and around them all, at most."""
LEAST_FRAME_TOKENS = 768
"""Older versions count so many an image, and drop the first messages where they add up to more."""
LEAST_QWEN_TOKENS = 1120
"""Ollama has Qwen spend 1,024 on an image at least; rounding its sides up adds some."""
WIDEST = 8
SHORT_SECONDS = 15.0
"""For questions about the models: a hung server shows soon."""

_SCALES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

LOG = logging.getLogger("longtake")

_BROKEN_MODEL = re.compile(r"error loading model|unknown model architecture|unable to load", re.I)
_ENDED = re.compile(r"process (has terminated|no longer running)|signal: killed", re.I)
"""What runs the model is gone: mostly the system took it, for its memory."""
_ONE_TURN_ONLY = re.compile(r"roles? must alternate", re.I)


class OllamaEngine(Engine):
    """One model that was pulled."""

    def __init__(
        self,
        server: Connection,
        listed: Mapping[str, Any],
        shown: Mapping[str, Any],
        settings: Settings,
        remark: str = "",
    ) -> None:
        self._server = server
        self.model = str(listed["name"])
        facts = _as_mapping(shown.get("model_info"))
        self._architecture = str(facts.get("general.architecture") or "")
        self._fixed_tokens = _count_fixed_tokens(_as_mapping(shown.get("projector_info")))
        self._spare_tokens = TEMPLATE_TOKENS + _count_own_turns(shown)
        self._thinks = "thinking" in (shown.get("capabilities") or ())
        self._lock = threading.Lock()
        self._context = 0
        self._in_one_turn = False
        context = facts.get(f"{self._architecture}.context_length")
        most = context if isinstance(context, int) and context > 0 else ASSUMED_CONTEXT_TOKENS
        # Llama 3.2 Vision alone looks at one image a request.
        sees = 1 if self._architecture == "mllama" else None
        super().__init__(
            name=f"ollama:{one_line(self.model)}",
            capabilities=Capabilities(
                images=sees if _takes_images(shown) else 0,
                context_tokens=min(most, settings.context_tokens or most),
                width=1,
                widest=WIDEST,
                schemas=True,
                small=_is_small(shown),
            ),
            options={"weights": str(listed.get("digest") or "")},
            why=f"Ollama at {server.address}{remark}"
            + ("" if context else f"; its context is not known, {most} tokens are assumed"),
        )

    def frame_tokens(self, width: int, height: int) -> int:
        """What the model spends, or what Ollama counts for it, whichever is more."""
        family = re.sub(r"qwen([23])5", r"qwen\1.5", self._architecture)
        tokens = max(frame_tokens(f"{family} {self.model}", width, height), self._fixed_tokens)
        least = LEAST_QWEN_TOKENS if re.match(r"qwen\d+vl", self._architecture) else 0
        return max(tokens, least, LEAST_FRAME_TOKENS)

    def count_tokens(self, text: str) -> int:
        """An upper bound: Ollama's API has no tokenizer."""
        return byte_bound(text)

    def answer(self, request: Request) -> Reply:
        """One chat; RequestTooLarge before it is sent where a frame could be cut off."""
        images, frames = self.capabilities.images, len(request.frames)
        if images is not None and frames > images:
            takes = f"at most {images} a request" if images else "no images"
            raise RequestTooLarge(
                f"{self.name} takes {takes}, not {frames}", "Describe with another model."
            )
        started = time.monotonic()
        context = self._grow_context(request)
        try:
            answer = self._chat(request, context)
        except OutOfMemory:
            with self._lock:
                self._context = 0  # with less in a request, less will do
            raise
        except (EngineFailed, EngineRefused) as error:
            # Some templates want no two turns of one role in a row.
            if self._in_one_turn or not _ONE_TURN_ONLY.search(error.message):
                raise
            self._in_one_turn = True
            answer = self._chat(request, context)
        return _read_reply(answer, request, context, round(time.monotonic() - started, 3))

    def check_sight(self) -> None:
        """UsageError where the model has no vision; Ollama said so when it was opened."""
        if self.capabilities.images == 0:
            raise UsageError(
                f"{self.name} takes no images, so it can't describe a video",
                "Get a model that does, such as `ollama pull qwen2.5vl:3b`, and name it with"
                " --engine ollama:MODEL.",
            )

    def close(self) -> None:
        """Drop the connections; Ollama unloads the model in its own time."""
        self._server.close()

    def _chat(self, request: Request, context: int) -> dict[str, Any]:
        turns = request.messages("")[:-1]
        contents: Iterable[dict[str, Any]] = _part_by_part(request)
        if self._in_one_turn:  # the times stand in the order of the images
            images = [as_base64(frame.jpeg) for frame in request.frames]
            contents = [{"content": request.text, "images": images}]
        body = {
            "model": self.model,
            "messages": [*turns, *({"role": "user", **content} for content in contents)],
            "stream": False,
            # Newer versions then refuse what does not fit, where they would drop its beginning.
            "truncate": False,
            "shift": False,
            "options": {
                "num_ctx": context,
                "num_predict": request.max_tokens,
                "temperature": RETRY_TEMPERATURE if request.attempt else 0.0,
                "seed": request.attempt,
            },
        }
        if request.schema is not None:
            body["format"] = request.schema
        if self._thinks:
            body["think"] = False
        return _read(self._server, _send(self._server, "POST", "/api/chat", body))

    def _grow_context(self, request: Request) -> int:
        """The context for this request: enough, and never less than for those before it."""
        need, most = self._count_need(request), self.capabilities.context_tokens
        if need > most:
            frames = len(request.frames)
            what = f"{say_count(frames, 'frame')} and " if frames else ""
            raise RequestTooLarge(
                f"{self.name}: {what}the text may take {need} tokens with the reply, and the"
                f" context holds {most}",
                "Lower --frames or --frame-side, or use a model with a longer context.",
            )
        with self._lock:
            steps = -(-need // CONTEXT_STEP) * CONTEXT_STEP
            if (enough := min(steps, most)) > self._context:
                self._context = enough
                LOG.info("Ollama loads %s with a context of %d tokens", self.model, enough)
            return self._context

    def _count_need(self, request: Request) -> int:
        """Tokens of question and reply, never too low."""
        texts = [request.system, *(part for part in request.parts if isinstance(part, str))]
        texts += [text for example in request.examples for text in example]
        words = sum(byte_bound(text) + MESSAGE_TOKENS for text in texts)
        frames = request.frames
        pictures = sum(self.frame_tokens(f.width, f.height) + MESSAGE_TOKENS for f in frames)
        return words + pictures + self._spare_tokens + request.max_tokens


def open_ollama(model: str, settings: Settings) -> OllamaEngine:
    """The model of that name, which must have been pulled; unnamed: the first that has vision."""
    server = connect(settings)
    try:
        entries = _list_models(server)
        if model:
            listed = _find_model(server, entries, model)
            shown = _show_model(server, listed)
            return OllamaEngine(server, listed, shown, settings, _elsewhere(listed))
        for listed in entries:
            # Models that run elsewhere are for who names them.
            if not _elsewhere(listed) and _takes_images(shown := _show_model(server, listed)):
                remark = "; its first model with vision"
                return OllamaEngine(server, listed, shown, settings, remark)
        raise UsageError(
            f"Ollama at {server.address} has no model with vision",
            f"Get one: `ollama pull qwen2.5vl:3b`. {_say_models(server, entries)}",
        )
    except LongtakeError:
        server.close()
        raise


def read_host(host: str) -> str:
    """The address that a value of OLLAMA_HOST names, as Ollama itself reads it; else ValueError."""
    scheme, said, rest = host.strip().strip("\"' ").partition("://")
    if not said:
        scheme, rest = "http", scheme
    if scheme not in ("http", "https") or re.search(r"[\s@?#]", rest):
        raise ValueError(host)
    place, slash, path = rest.partition("/")
    if place.count(":") > 1 and not place.startswith("["):
        place = f"[{place}]"
    parts = urlsplit(f"{scheme}://{place}")
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - not bound to
    port = parts.port or ({"http": 80, "https": 443}.get(scheme, PORT) if said else PORT)
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}{slash}{path}".rstrip("/")


def connect(settings: Settings) -> Connection:
    """A connection to the settings' Ollama, without a key: theirs are for other servers."""
    host = settings.ollama_url.rstrip("/").removesuffix("/v1")
    try:
        return Connection(read_host(host), "", settings.timeout_seconds)
    except ValueError:
        shown = hide_secrets(host)
        raise UsageError(
            f"--ollama-url (OLLAMA_HOST) {shown!r} is no address", f"Such as 127.0.0.1:{PORT}."
        ) from None


def _send(
    server: Connection,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Response:
    try:
        return server.send(method, f"{server.address}{path}", body, seconds)
    except EngineUnreachable as error:
        error.hint = (
            "Start it with `ollama serve`, or say with OLLAMA_HOST or --ollama-url where it is;"
            " `longtake doctor` lists the servers that answer here."
        )
        raise


def _read(server: Connection, answer: Response) -> dict[str, Any]:
    """The JSON object of an answer; errors carry hints for users of Ollama."""
    try:
        return server.read(answer)
    except OutOfMemory as error:
        error.hint = "Lower --at-once or --frames, use a smaller model, or free some memory."
        raise
    except EngineFailed as error:
        if _BROKEN_MODEL.search(answer.words):
            hint = "Pull the model again, or update Ollama; its log says more."
            raise EngineRefused(error.message, hint) from error
        if _ENDED.search(answer.words):
            raise OutOfMemory(
                error.message,
                "Mostly the memory did not suffice: lower --at-once or --frames, or use a smaller"
                " model. Ollama's log says more.",
            ) from error
        raise


def _list_models(server: Connection) -> list[dict[str, Any]]:
    answer = _send(server, "GET", "/api/tags", seconds=SHORT_SECONDS)
    if answer.status in (404, 405) or answer.body.lstrip().startswith(b"<"):
        raise UsageError(
            f"{server.address} answers, but not as Ollama",
            f"Ollama mostly listens on port {PORT}; for other servers there is --engine"
            " server:MODEL. `longtake doctor` lists those that answer here.",
        )
    found = _read(server, answer).get("models")
    entries = found if isinstance(found, list) else []
    return [e for e in entries if isinstance(e, dict) and isinstance(e.get("name"), str)]


def _find_model(
    server: Connection, entries: Sequence[dict[str, Any]], model: str
) -> dict[str, Any]:
    for listed in entries:
        if _full_name(listed["name"]) == _full_name(model):
            return listed
    raise UsageError(
        f"Ollama at {server.address} has no model {model!r}",
        f"Get it: `ollama pull {one_line(model)}`. {_say_models(server, entries)}",
    )


def _show_model(server: Connection, listed: Mapping[str, Any]) -> dict[str, Any]:
    body = {"model": listed["name"]}
    return _read(server, _send(server, "POST", "/api/show", body, SHORT_SECONDS))


def _full_name(name: str) -> str:
    """A model's name with its tag, `latest` where it has none, and without the usual registry."""
    name = name.casefold().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _say_models(server: Connection, entries: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(server.show(str(entry["name"])) for entry in entries[:10])
    return f"It has: {names}." if names else "It has none yet."


def _elsewhere(listed: Mapping[str, Any]) -> str:
    """A remark on the host that runs a model for this Ollama; empty where it runs here."""
    host = one_line(str(listed.get("remote_host") or ""))
    return f"; it runs at {host}, and all that it is asked goes there" if host else ""


def _takes_images(shown: Mapping[str, Any]) -> bool:
    """By the listed capabilities; older versions list none: there, by the model's vision parts."""
    if isinstance(able := shown.get("capabilities"), list):
        return "vision" in able
    facts = _as_mapping(shown.get("model_info"))
    return bool(shown.get("projector_info")) or any(".vision." in name for name in facts)


def _is_small(shown: Mapping[str, Any]) -> bool:
    """Whether it says that its model has few parameters, as in `494.03M` or `7.6B`."""
    said = str(_as_mapping(shown.get("details")).get("parameter_size") or "")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMBT])", said.strip().upper())
    if not found:
        return False
    return float(found[1]) * _SCALES[found[2]] < SMALL_PARAMETERS


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count_own_turns(shown: Mapping[str, Any]) -> int:
    """Tokens of the turns that a Modelfile puts before every chat, never too low."""
    turns = shown.get("messages")
    return sum(
        byte_bound(str(turn.get("content"))) + MESSAGE_TOKENS
        for turn in (turns if isinstance(turns, list) else ())
        if isinstance(turn, dict)
    )


def _count_fixed_tokens(projector: Mapping[str, Any]) -> int:
    """Tokens that LLaVA's family spends on an image of any size; 0: they depend on its size."""
    kind = str(projector.get("clip.projector_type") or "mlp")
    size, patch = (projector.get(f"clip.vision.{name}") for name in ("image_size", "patch_size"))
    if not (re.match("mlp|ldp", kind) and isinstance(size, int) and isinstance(patch, int)):
        return 0
    in_tiles = any(re.search("grid_pinpoints|patch_merge_type", name) for name in projector)
    return (size // max(1, patch)) ** 2 * (5 if in_tiles else 1)


def _part_by_part(request: Request) -> Iterator[dict[str, Any]]:
    """Each part as a turn of its own: some models see the images of a turn first, others last."""
    texts: list[str] = []
    for part in request.parts:
        if isinstance(part, Frame):
            if texts:
                yield {"content": "\n".join(texts)}
            yield {"content": "", "images": [as_base64(part.jpeg)]}
            texts = []
        else:
            texts.append(part)
    if texts:
        yield {"content": "\n".join(texts)}


def _read_reply(answer: dict[str, Any], request: Request, context: int, seconds: float) -> Reply:
    """RequestTooLarge where the context was full, so that frames may have been missing.

    Fewer tokens than expected prove nothing: older versions leave out those that they remembered.
    """
    try:
        message = answer["message"]
        reply = Reply(
            text=(message["content"] or "").strip(),
            input_tokens=int(answer.get("prompt_eval_count") or 0),
            output_tokens=int(answer.get("eval_count") or 0),
            seconds=seconds,
            complete=answer.get("done") is not False and answer.get("done_reason") != "length",
            thought=bool(message.get("thinking")),
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"Ollama's answer is no chat ({error!r})") from error
    if reply.input_tokens + request.max_tokens > context:
        raise RequestTooLarge(
            f"the question took {reply.input_tokens} tokens of a context of {context}, more than"
            " was to be expected: something may have been cut off",
            "Lower --frames or --frame-side, or use a model with a longer context.",
        )
    return reply
