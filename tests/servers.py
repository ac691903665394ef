"""An HTTP server on 127.0.0.1 that answers what a test tells it, and keeps what it was asked."""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny"


@dataclass(frozen=True)
class Asked:
    """One request that a server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """One answer: a status, a body, and headers besides its length."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Act = Callable[[Asked, socket.socket], Answer | None]
"""Makes an answer of what is asked; or writes to the connection itself, which is then closed."""
Route = Answer | Act


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """The value as a JSON answer."""
    return Answer(
        status, json.dumps(value).encode(), {"Content-Type": "application/json"} | headers
    )


def as_error(status: int, message: str, **headers: str) -> Answer:
    """An error as OpenAI's API and its likes say it."""
    return as_json({"error": {"message": message, "code": status}}, status, **headers)


def as_chat(content: Any, *, finish: str = "stop", usage: Any = (11, 3)) -> Answer:
    """A chat completion; `usage` is (input, output) tokens, or what stands in their place."""
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return as_json({"choices": [choice], "usage": usage})


def as_models(*entries: dict[str, Any] | str) -> Answer:
    """A list of models; a string is an entry that holds its id alone."""
    data = [{"id": entry} if isinstance(entry, str) else entry for entry in entries]
    return as_json({"object": "list", "data": data})


@dataclass
class ScriptedServer:
    """Answers by path; a list of answers is given one by one, and its last one stays."""

    url: str = ""
    """The address without a path; the API is under `/v1`."""
    routes: dict[str, list[Route]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def chats(self) -> list[Any]:
        """The bodies of the chat completions that were asked for."""
        return [asked.json for asked in self.asked if asked.path == CHAT]

    def set(self, path: str, *answers: Route) -> None:
        """What the path answers from now on."""
        self.routes[path] = list(answers)

    def take(self, asked: Asked) -> Route:
        with self.lock:
            self.asked.append(asked)
            answers = self.routes.get(asked.path) or [as_error(404, "no such path")]
            return answers.pop(0) if len(answers) > 1 else answers[0]


CHAT = "/v1/chat/completions"
MODELS = "/v1/models"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the usual five make a crowd wait for a second


@contextmanager
def serve(port: int = 0) -> Iterator[ScriptedServer]:
    """A running server with one model of 4096 tokens, which says "A cat." to everything."""
    script = ScriptedServer()
    script.set(MODELS, as_models({"id": MODEL, "max_model_len": 4096}))
    script.set(CHAT, as_chat("A cat."))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet: else each answer waits 40 ms

        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(
                self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
            )
            route = script.take(asked)
            if not isinstance(route, Answer):
                made = route(asked, self.connection)
                if made is None:
                    self.close_connection = True
                    return
                route = made
            self.send_response(route.status)
            for name, value in route.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(route.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(route.body)

        do_GET = do_HEAD = do_POST = respond  # noqa: N815

        def handle(self) -> None:
            with suppress(OSError):  # the client has gone
                super().handle()

        def log_message(self, *parts: Any) -> None:
            """Tests have nothing to say."""

    server = _Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hang(seconds: float) -> Act:
    """Says nothing for so long, then closes."""
    return lambda asked, connection: time.sleep(seconds)


def drop(asked: Asked, connection: socket.socket) -> None:
    """Closes without a word."""


def cut(asked: Asked, connection: socket.socket) -> None:
    """Promises a hundred bytes, sends ten, and closes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"{" * 10)


def babble(asked: Asked, connection: socket.socket) -> None:
    """Answers with something that is no HTTP."""
    connection.sendall(b"220 mail.example ESMTP\r\n\r\n")


def echo(asked: Asked, connection: socket.socket) -> None:
    """Sends back the headers that came, where a status line should be."""
    connection.sendall("".join(f"{k}: {v}\r\n" for k, v in asked.headers.items()).encode())


def drip(start: bytes, piece: bytes, every: float, seconds: float) -> Act:
    """Sends `start` at once, then a piece `every` so many seconds, for `seconds` in all."""

    def write(asked: Asked, connection: socket.socket) -> None:
        ends = time.monotonic() + seconds
        with suppress(OSError):
            connection.sendall(start)
            while time.monotonic() < ends:
                connection.sendall(piece)
                time.sleep(every)

    return write


EMBEDDINGS = "/v1/embeddings"


def embed_words(asked: Asked, connection: object) -> Answer:
    """A vector of each text's length, told from the last text to the first."""
    rows = [
        {"index": k, "embedding": [len(text), 1.0]} for k, text in enumerate(asked.json["input"])
    ]
    return as_json({"data": rows[::-1]})


def main() -> None:
    """`python -m tests.servers PORT SECONDS`: until it is killed; answers tell its process."""
    port, seconds = int(sys.argv[1]), float(sys.argv[2])

    def answer(asked: Asked, connection: object) -> Answer:
        time.sleep(seconds)
        return as_chat(f"A cat sits there and looks, says process {os.getpid()}.")

    with serve(port) as server:
        server.set(CHAT, answer)
        print(server.base_url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
