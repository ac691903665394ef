"""A scripted Ollama: the answers of its API, and what it does to a chat that is too long.

There is no Ollama here. This follows its API's documentation and, for what that leaves open, its
source: which messages are dropped, what its errors say.
"""

import base64
import json
from typing import Any

from tests.servers import Answer, Asked, ScriptedServer, as_json

TAGS, SHOW, CHAT = "/api/tags", "/api/show", "/api/chat"
OLD_IMAGE_TOKENS = 768
"""What versions before `truncate` count an image for, of whatever model."""


def as_tags(*models: str | dict[str, Any]) -> Answer:
    """The models that were pulled; a string is an entry with that name."""
    entries = [{"name": m} if isinstance(m, str) else m for m in models]
    facts = [{"model": e["name"], "size": 1, "digest": f"digest of {e['name']}"} for e in entries]
    return as_json({"models": [fact | entry for fact, entry in zip(facts, entries, strict=True)]})


def as_show(
    *capabilities: str, architecture: str = "qwen25vl", context: int = 128_000, **more: Any
) -> Answer:
    """What a model is; `more` is added."""
    facts = {"general.architecture": architecture, f"{architecture}.context_length": context}
    return as_json({"model_info": facts, "capabilities": list(capabilities)} | more)


def as_reply(content: str = "A cat.", *, prompt: int = 11, output: int = 3, **more: Any) -> Answer:
    """A chat's answer; `more` is added, or stands in the place of what is there."""
    answer: dict[str, Any] = {
        "model": "m",
        "created_at": "2026-11-01T00:00:00Z",
        "message": {"role": "assistant", "content": content},
        "done": True,
        "done_reason": "stop",
        "total_duration": 9,
        "prompt_eval_count": prompt,
        "eval_count": output,
    }
    return as_json(answer | more)


def as_wrong(status: int, message: str) -> Answer:
    """An error as Ollama says it."""
    return as_json({"error": message}, status)


def set_ollama(server: ScriptedServer, name: str = "see:3b", **facts: Any) -> None:
    """The server is an Ollama with one model that sees, which answers "A cat."."""
    server.set(TAGS, as_tags(name))
    server.set(SHOW, as_show("completion", "vision", **facts))
    server.set(CHAT, as_reply())


def chats(server: ScriptedServer) -> list[Any]:
    """The bodies of the chats that were asked for."""
    return [asked.json for asked in server.asked if asked.path == CHAT]


def images_of(body: Any) -> list[bytes]:
    """The images of a chat, in the order in which they stand."""
    found = [image for message in body["messages"] for image in message.get("images", ())]
    return [base64.b64decode(image, validate=True) for image in found]


class CuttingOllama:
    """Keeps to `num_ctx` as Ollama does: an old one drops what comes first, a new one refuses.

    Words are its tokens; an image takes `image_tokens`, and counts for 768 where an old one drops
    messages. `seen` holds the images of each chat that came through.
    """

    def __init__(self, image_tokens: int, *, old: bool, default_context: int = 4096) -> None:
        self.image_tokens, self.old, self.default_context = image_tokens, old, default_context
        self.seen: list[list[bytes]] = []

    def __call__(self, asked: Asked, connection: object) -> Answer:
        body = asked.json
        context = body["options"].get("num_ctx", self.default_context)
        messages = body["messages"]
        if self.old:
            while len(messages) > 1 and self._count_old(messages) > context:
                systems = [m for m in messages if m["role"] == "system"]
                others = [m for m in messages if m["role"] != "system"]
                messages = [*systems, *others[1:]]
        tokens = _count(messages, self.image_tokens)
        if tokens > context:
            return as_wrong(
                400,
                f"request ({tokens} tokens) exceeds the available context size ({context} tokens),"
                " try increasing it",
            )
        self.seen.append(images_of({"messages": messages}))
        said = f"I see {len(self.seen[-1])} images and {tokens} tokens."
        if "format" in body:
            said = json.dumps({"count": len(self.seen[-1])})
        return as_reply(said, prompt=tokens)

    def _count_old(self, messages: list[Any]) -> int:
        return _count(messages, max(OLD_IMAGE_TOKENS, self.image_tokens))


def _count(messages: list[Any], image_tokens: int) -> int:
    words = sum(len(message["content"].split()) for message in messages)
    return words + image_tokens * sum(len(message.get("images", ())) for message in messages)
