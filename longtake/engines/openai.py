"""Requests and replies in the form of OpenAI's chats, for the engines that speak it."""

import base64
import re
from typing import Any

from longtake.ask.engine import Request
from longtake.records import Frame


def as_openai_content(request: Request) -> list[dict[str, Any]]:
    """The parts in their order; frames as data URIs."""
    return [
        as_image(part.jpeg) if isinstance(part, Frame) else {"type": "text", "text": part}
        for part in request.parts
    ]


def as_image(jpeg: bytes) -> dict[str, Any]:
    """One JPEG picture as a part of a chat."""
    url = f"data:image/jpeg;base64,{as_base64(jpeg)}"
    return {"type": "image_url", "image_url": {"url": url}}


def as_base64(jpeg: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(jpeg).decode("ascii")


def drop_thought(text: str) -> str:
    """The text without what the model thought before.

    Some templates open the thought themselves, so that only its end is in the message.
    """
    return re.sub(r"^.*?</think>|^\s*<think>.*", "", text, count=1, flags=re.DOTALL).strip()
