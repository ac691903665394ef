"""yt-dlp in a process of its own: one request in on stdin, JSON lines out on stdout.

The one file that imports yt_dlp. It reaches the network through the guard alone, runs no program
but Deno, and writes only where it is told; it ends when its parent does.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MOST_CAPTION_BYTES = 16 << 20
MOST_ENTRIES = 1000
MOST_ASKED = 4
"""Formats whose size is asked for where the site does not say it: those of a plain link."""
OF_FORMAT = ("format_id", "url", "ext", "protocol", "http_headers", "vcodec", "acodec")
LONGEST = 500
TRIES = 5


class TooLarge(Exception):
    """More bytes came than may."""


def main() -> int:
    """One request, a line of JSON on stdin, which stays open as long as the parent lives."""
    asked = json.loads(_read_line())
    # What yt-dlp prints by itself must not stand between our lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    _wall_in(asked["proxy"])

    def tell(line: Mapping[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    try:
        found = {"look": _look, "load": _load, "captions": _load_captions}[asked["do"]](asked, tell)
    except Exception as error:  # all that can go wrong is told, none of it is ours to handle
        tell({"failed": _tell_error(error)})
        return 1
    tell({"done": found})
    return 0


def _read_line() -> bytes:
    """As `readline`, without a buffer: a thread that waits for one can't end with the process."""
    line = b""
    while not line.endswith(b"\n") and (block := os.read(0, 1 << 16)):
        line += block
    return line


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(2)


def _wall_in(proxy: str) -> None:
    """From here on this process connects to the guard alone, and starts nothing but Deno."""
    port = int(proxy.rpartition(":")[2])

    def check(event: str, given: tuple[Any, ...]) -> None:
        if event == "socket.connect" and tuple(given[1][:2]) != ("127.0.0.1", port):
            raise PermissionError(f"no connection but through the guard: {given[1]}")
        if event in ("subprocess.Popen", "os.posix_spawn") and not _is_deno(given[0]):
            raise PermissionError(f"no program but deno: {given[0]}")
        if event in ("os.system", "os.exec", "os.startfile", "pty.spawn"):
            raise PermissionError(f"no program but deno: {given}")

    sys.addaudithook(check)


def _is_deno(program: object) -> bool:
    return Path(os.fsdecode(program)).stem == "deno"  # type: ignore[arg-type]


class _Talk:
    """yt-dlp's own words, kept for a failure that it explains in a warning alone."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def debug(self, message: str) -> None:
        pass

    def info(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        self.said.append(message[:LONGEST])

    def error(self, message: str) -> None:
        self.said.append(message[:LONGEST])


TALK = _Talk()


def _open(asked: Mapping[str, Any], **more: Any) -> Any:
    from yt_dlp import YoutubeDL

    options = {
        "logger": TALK,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "proxy": asked["proxy"],
        "cookiefile": asked.get("cookies") or None,
        "cachedir": asked["cache"],
        "socket_timeout": asked["timeout"],
        "retries": TRIES,
        "fragment_retries": TRIES,
        "extractor_retries": 2,
        "file_access_retries": 0,
        "retry_sleep_functions": {"http": _wait, "fragment": _wait, "extractor": _wait},
        "skip_unavailable_fragments": False,
        "noplaylist": not asked.get("playlist"),
        "extract_flat": "in_playlist",
        "lazy_playlist": False,
        "playlist_items": f"1:{MOST_ENTRIES}",
        "enable_file_urls": False,
        "hls_prefer_native": True,
        "external_downloader": {"default": "native"},
        "fixup": "never",
        "ffmpeg_location": os.devnull,
        "ignore_no_formats_error": False,
        "allow_unplayable_formats": False,
        "check_formats": False,
        "format": "bv*+ba/b*",
        "overwrites": False,
        "continuedl": True,
        "nopart": False,
        "updatetime": False,
        "writeinfojson": False,
        "xattr_set_filesize": False,
        "usenetrc": False,
        **more,
    }
    return YoutubeDL(options)


def _wait(n: int) -> float:
    """Seconds before try `n`: a second, then two, then four."""
    return min(4.0, 2.0 ** max(0, n - 1))


def _look(asked: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> Any:
    """What the site says of the link; nothing is loaded."""
    with _open(asked) as site:
        info = site.sanitize_info(site.extract_info(asked["link"], download=False))
        if not info.get("formats") and info.get("url"):  # a plain link of an unusual type
            info["formats"] = [{name: info[name] for name in OF_FORMAT if info.get(name)}]
        for form in (info.get("formats") or ())[:MOST_ASKED]:
            if form.get("protocol") in ("http", "https") and not form.get("filesize"):
                form.update(_ask_size(site, form))
        return info


def _ask_size(site: Any, form: Mapping[str, Any]) -> dict[str, Any]:
    """What the head of a file says of it, where its site said nothing; a server need not know."""
    from yt_dlp.networking import HEADRequest
    from yt_dlp.networking.exceptions import RequestError

    try:
        with site.urlopen(HEADRequest(form["url"], headers=form.get("http_headers"))) as reply:
            length = reply.get_header("Content-Length") or ""
            marks = [reply.get_header(name) or "" for name in ("ETag", "Last-Modified")]
    except (RequestError, OSError):
        return {}
    return {
        "filesize": int(length) if length.isascii() and length.isdecimal() else None,
        "longtake_marks": [mark[:LONGEST] for mark in marks],
    }


def _load(asked: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> Any:
    """One format of what was looked at, into the file that is named."""
    most = asked["max_bytes"]

    def hook(state: Mapping[str, Any]) -> None:
        done = int(state.get("downloaded_bytes") or 0)
        if most and done > most:
            raise TooLarge(f"{done} bytes")
        total = state.get("total_bytes") or state.get("total_bytes_estimate") or 0
        tell({"bytes": done, "of": int(total), "speed": state.get("speed") or 0})

    named = {"outtmpl": {"default": _literal(asked["out"])}, "progress_hooks": [hook]}
    info = dict(asked["info"])
    info["formats"] = [asked["format"]]
    for key in (
        "requested_formats",
        "requested_downloads",
        "subtitles",
        "automatic_captions",
    ):
        info.pop(key, None)
    with _open(asked, **named) as site:
        site.process_ie_result(info, download=True)
    return {"path": asked["out"]}


def _load_captions(asked: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> Any:
    """One file of captions beside the name that is given; its path."""
    info = dict(asked["info"])
    info["subtitles"] = {"captions": [asked["captions"]]}
    info.pop("automatic_captions", None)
    info.pop("requested_subtitles", None)
    named = {
        "outtmpl": {"default": _literal(asked["out"])},
        "writesubtitles": True,
        "subtitleslangs": ["captions"],
        "subtitlesformat": "best",
        "skip_download": True,
        "max_filesize": MOST_CAPTION_BYTES,
    }
    with _open(asked, **named) as site:
        found = site.process_ie_result(info, download=True)
    paths = [entry.get("filepath") for entry in (found.get("requested_subtitles") or {}).values()]
    return {"path": next((path for path in paths if path and Path(path).is_file()), "")}


def _literal(path: str) -> str:
    """A path that yt-dlp takes as it stands, and not as a template."""
    return path.replace("%", "%%")


def _tell_error(error: BaseException | None) -> dict[str, Any]:
    """The chain of what went wrong, the outermost first, each with its class and HTTP status."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(chain) < 12:
        seen.add(id(error))
        entry: dict[str, Any] = {
            "kinds": [kind.__name__ for kind in type(error).__mro__[:-3]],
            "said": str(getattr(error, "orig_msg", None) or error)[:LONGEST],
        }
        if isinstance(status := getattr(error, "status", None), int):
            entry["status"] = status
        if countries := getattr(error, "countries", None):
            entry["countries"] = list(countries)
        chain.append(entry)
        inner = getattr(error, "exc_info", None)
        error = (
            (inner[1] if inner else None)
            or getattr(error, "cause", None)
            or error.__cause__
            or error.__context__
        )
    return {"chain": chain, "talk": TALK.said[-5:]}


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # threads of yt-dlp may still wait for a server
