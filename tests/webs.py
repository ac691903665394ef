"""Web servers on 127.0.0.1 that give videos as the web does: well, slowly, in pieces, not at all.

Each is a `servers.serve()`, which keeps what it was asked; here is what it may answer.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tests.servers import Act, Answer, Asked, ScriptedServer, serve

KINDS = {".mp4": "video/mp4", ".webm": "video/webm", ".ts": "video/mp2t", ".vtt": "text/vtt",
         ".m3u8": "application/vnd.apple.mpegurl", ".html": "text/html; charset=utf-8"}  # fmt: skip


@dataclass
class WebFile:
    """A file, and how its server gives it: called as an answer of `servers`.

    `length` is whether its size is told, or the size that it claims. The first `breaks` GETs are
    answered with `after` bytes alone (a look takes one); after 4 KB each, `pause` seconds pass.
    """

    content: bytes
    kind: str = "video/mp4"
    ranges: bool = True
    etag: str = ""
    modified: str = ""
    length: bool | int = True
    breaks: int = 0
    after: int = 0
    pause: float = 0.0
    heads: bool = True
    """Whether it answers HEAD."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked, connection: socket.socket) -> Answer | None:
        if asked.method == "HEAD" and not self.heads:
            return Answer(405)
        start, status = self._read_range(asked)
        content = self.content[start:]
        lines = [f"HTTP/1.1 {status} OK", f"Content-Type: {self.kind}", "Connection: close"]
        if status == 206:
            size = len(self.content)
            lines.append(f"Content-Range: bytes {start}-{size - 1}/{size}")
        if self.ranges:
            lines.append("Accept-Ranges: bytes")
        if self.length is not False:
            lines.append(f"Content-Length: {len(content) if self.length is True else self.length}")
        lines += [f"ETag: {self.etag}"] * bool(self.etag)
        lines += [f"Last-Modified: {self.modified}"] * bool(self.modified)
        with suppress(OSError):
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            if asked.method == "GET":
                self._send(connection, content)
        return None

    def _read_range(self, asked: Asked) -> tuple[int, int]:
        """Where to begin, and the status that says so."""
        named = re.fullmatch(r"bytes=(\d+)-\d*", asked.headers.get("Range", ""))
        wanted = asked.headers.get("If-Range")
        same = wanted is None or wanted in (self.etag, self.modified)
        return (int(named[1]), 206) if named and self.ranges and same else (0, 200)

    def _send(self, connection: socket.socket, content: bytes) -> None:
        with self.lock:
            breaks = self.breaks > 0
            self.breaks -= breaks
        for start in range(0, self.after if breaks else len(content), 4096):
            end = min(start + 4096, self.after) if breaks else start + 4096
            connection.sendall(content[start:end])
            time.sleep(self.pause)


def as_page(body: str, *, head: str = "") -> Answer:
    """A page of HTML."""
    text = (
        f"<!doctype html><html><head><title>A page</title>{head}</head><body>{body}</body></html>"
    )
    return Answer(200, text.encode(), {"Content-Type": KINDS[".html"]})


def redirect(where: str, status: int = 302) -> Answer:
    """To another place."""
    return Answer(status, headers={"Location": where})


def as_list(*segments: str, seconds: float = 2, ended: bool = True, key: str = "") -> Answer:
    """An HLS playlist of these segments; not `ended`, it is of something live."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{seconds + 1:.0f}"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD"] * ended
    lines += [f'#EXT-X-KEY:METHOD=AES-128,URI="{key}",IV=0x{0:032x}'] * bool(key)
    for segment in segments:
        lines += [f"#EXTINF:{seconds},", segment]
    lines += ["#EXT-X-ENDLIST"] * ended
    return Answer(200, "\n".join(lines).encode(), {"Content-Type": KINDS[".m3u8"]})


def as_dash(picture: str, sound: str, seconds: float) -> Answer:
    """A DASH manifest with picture and sound apart, a file each, as large sites give them."""
    sets = "".join(
        f'<AdaptationSet mimeType="{kind}/mp4"><Representation id="{kind}" bandwidth="9000"'
        f' codecs="{codec}"{size}><BaseURL>{link}</BaseURL></Representation></AdaptationSet>'
        for kind, codec, size, link in (
            ("video", "avc1.4d401e", ' width="160" height="120"', picture),
            ("audio", "mp4a.40.2", "", sound),
        )
    )
    start = f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT{seconds}S">'
    text = f"{start}<Period>{sets}</Period></MPD>"
    return Answer(200, text.encode(), {"Content-Type": "application/dash+xml"})


def as_feed(title: str, **links: str) -> Answer:
    """An RSS feed whose entries are titles and links."""
    links = {escape(name): escape(link) for name, link in {"": title, **links}.items()}
    title = links.pop("")
    items = "".join(f"<item><title>{k}</title><link>{v}</link></item>" for k, v in links.items())
    text = f'<rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>'
    return Answer(200, text.encode(), {"Content-Type": "application/rss+xml"})


def then(first: Act, later: Act, times: int = 1) -> Act:
    """The first answer so many times, then the other."""
    left = [first] * times

    def act(asked: Asked, connection: socket.socket) -> Answer | None:
        return (left.pop() if left else later)(asked, connection)

    return act


@contextmanager
def serve_folder(folder: Path) -> Iterator[ScriptedServer]:
    """The files that lie in a folder, with ranges; `url` is the server's, and `set` adds more."""
    with serve() as web:
        for path in folder.iterdir():
            if path.is_file():
                kind = KINDS.get(path.suffix, "application/octet-stream")
                web.set(f"/{path.name}", WebFile(path.read_bytes(), kind))
        yield web
