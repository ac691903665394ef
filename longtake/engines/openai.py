"""Requests and replies in the form of OpenAI's chats, for the engines that speak it."""

import base64
import io
from typing import Any

from longtake.errors import EngineFailed
from longtake.inference.engine import RETRY_TEMPERATURE, Reply, Request
from longtake.records import Frame

CUT_OFF = frozenset(
    "length max_length max_tokens max_new_tokens max_output_tokens max_completion_tokens"
    " model_length token_limit model_context_window_exceeded content_filter".split()
)
"""Finish reasons of a text that ends before its end; servers have many words for the others."""


def as_openai_body(request: Request, content: object, *, schemas: bool) -> dict[str, Any]:
    """The body of a chat request: greedy first, sampled later; `content` is the last turn's."""
    body: dict[str, Any] = {
        "messages": request.messages(content),
        "max_tokens": request.max_tokens,
        "temperature": RETRY_TEMPERATURE if request.attempt else 0.0,
        "seed": request.attempt,
    }
    if request.schema is not None and schemas:
        schema = {"name": "reply", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def read_completion(answer: dict[str, Any], seconds: float) -> Reply:
    """The reply in a chat completion; EngineFailed for a body of another form."""
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        finish = str(choice.get("finish_reason") or "").casefold()
        content = message.get("content") or ""
        refusal = message.get("refusal") or ""
        if isinstance(content, list):  # some servers send a text in parts
            refusal = "".join(part["refusal"] for part in content if part.get("refusal"))
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        if not (content or refusal) and finish == "content_filter":
            refusal = "a filter of the server stopped the reply"
        usage = answer.get("usage") or {}
        return Reply(
            text=content.strip(),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            seconds=seconds,
            complete=finish not in CUT_OFF,
            thought=_has_thought(message, usage),
            refusal=str(refusal),
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"the server's answer is no chat completion ({error!r})") from error


def _has_thought(message: dict[str, Any], usage: dict[str, Any]) -> bool:
    """Whether thoughts stand beside the text, or were counted."""
    details = usage.get("completion_tokens_details")
    counted = details.get("reasoning_tokens") if isinstance(details, dict) else 0
    parts = message.get("content")
    apart = isinstance(parts, list) and any(part.get("type") == "thinking" for part in parts)
    return bool(counted or apart or message.get("reasoning_content") or message.get("reasoning"))


def as_openai_content(request: Request) -> list[dict[str, Any]]:
    """The parts in their order; frames as data URIs."""
    content: list[dict[str, Any]] = []
    for part in request.parts:
        if isinstance(part, Frame):
            url = f"data:image/jpeg;base64,{as_base64(part.jpeg)}"
            content.append({"type": "image_url", "image_url": {"url": url}})
        else:
            content.append({"type": "text", "text": part})
    return content


def as_base64(jpeg: bytes) -> str:
    """A JPEG as base64 text, without a prefix."""
    return base64.b64encode(jpeg).decode("ascii")


def make_blank_frame(width: int, height: int, time: float = 0.0) -> Frame:
    """A black picture of that size, to ask what a frame costs."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (width, height)).save(data, "JPEG")
    return Frame(time, data.getvalue(), width, height)
