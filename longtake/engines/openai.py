"""Requests and replies in the form of OpenAI's chats, for the engines that speak it."""

import base64
import io
import re
from typing import Any

from longtake.errors import EngineFailed
from longtake.inference.engine import RETRY_TEMPERATURE, Reply, Request
from longtake.records import Frame


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
        content = choice["message"].get("content") or ""
        if isinstance(content, list):  # some servers send a text in parts
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        usage = answer.get("usage") or {}
        return Reply(
            text=drop_thought(content),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            seconds=seconds,
            complete=choice.get("finish_reason") in ("stop", None),
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"the server's answer is no chat completion ({error!r})") from error


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


def drop_thought(text: str) -> str:
    """The text without the reasoning before it (`<think>…</think>`).

    Some templates open the tag themselves, so that only its end is in the message.
    """
    return re.sub(r"^.*?</think>|^\s*<think>.*", "", text, count=1, flags=re.DOTALL).strip()
