"""yt-dlp in a process of its own: requests in on stdin, JSON lines out on stdout.

The one file that imports yt_dlp. It reaches the network through the guard alone, runs no program
but Deno, and writes only where it is told; it ends when its parent does.
"""

import io
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import IO, Any

MOST_CAPTION_BYTES = 16 << 20
MOST_MEMORY_BYTES = 1 << 30
WATCH_SECONDS = 0.2
MOST_ENTRIES = 1000
MOST_ASKED = 4
"""Formats whose size is asked for where the site does not say it: those of a plain link."""
OF_FORMAT = ("format_id", "url", "ext", "protocol", "http_headers", "vcodec", "acodec")
LONGEST = 500
TRIES = 5


class TooLarge(Exception):
    """A download has more bytes than `max_bytes`."""


def main() -> None:
    """Requests, a line of JSON each on stdin, one after the other; the first names what all share.

    Stdin stays open as long as the parent lives.
    """
    # What yt-dlp prints by itself must not stand between our lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    threading.Thread(target=_watch_memory, args=(out,), daemon=True).start()
    shared = requests.get()
    wall_in(shared["proxy"])

    def send(line: Mapping[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    while True:
        send(_answer({**shared, **requests.get()}, send))


def _read_requests(requests: "SimpleQueue[dict[str, Any]]") -> None:
    """Read requests until stdin ends, and with it this process."""
    with open(0, "rb") as lines:
        for line in lines:
            requests.put(json.loads(line))
    os._exit(0)  # threads of yt-dlp may still wait for a server


def _watch_memory(out: IO[str]) -> None:
    """A page without end, or one that unpacks into one, ends this process and nothing else.

    Of Linux alone: the most that was used, as other systems report it, may be that of the parent.
    """
    pages = Path("/proc/self/statm")
    if not pages.exists():
        return
    most = MOST_MEMORY_BYTES // os.sysconf("SC_PAGE_SIZE")
    while int(pages.read_text().split()[1]) < most:
        time.sleep(WATCH_SECONDS)
    said = {"kinds": ["MemoryError"], "said": "what it sends fills the memory"}
    out.write(json.dumps({"failed": {"chain": [said, said], "talk": []}}) + "\n")
    out.flush()
    os._exit(1)


def _answer(asked: Mapping[str, Any], send: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    SAID.clear()
    try:
        os.chdir(asked.get("folder", "/"))  # names in it need no quoting as yt-dlp's templates
        act = {"look": _look, "load": _load, "captions": _load_captions}[asked["do"]]
        return {"done": act(asked, send)}
    except Exception as error:  # all that can go wrong is told, none of it is ours to handle
        return {"failed": _describe_error(error)}


def wall_in(proxy: str) -> None:
    """From here on this process connects to the guard alone, and starts nothing but Deno."""
    here = ("127.0.0.1", int(proxy.rpartition(":")[2]))

    def check(event: str, given: tuple[Any, ...]) -> None:
        if event in _SENT and given[1] is not None and tuple(given[1][:2]) != here:
            raise PermissionError(f"no connection but through the guard: {given[1]}")
        if event in _NAMED and given[0] != here[0]:
            raise PermissionError(f"names are looked up by the guard: {given[0]}")
        if event in _STARTED and not _is_deno(given[0]):
            raise PermissionError(f"no program but deno: {given[0]}")

    sys.addaudithook(check)


_SENT = ("socket.connect", "socket.sendto", "socket.sendmsg")
_NAMED = ("socket.getaddrinfo", "socket.gethostbyname")
_STARTED = ("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec", "os.startfile",
            "pty.spawn")  # fmt: skip


def _is_deno(program: object) -> bool:
    return Path(os.fsdecode(program)).stem == "deno"  # type: ignore[arg-type]


SAID: deque[str] = deque(maxlen=5)
"""yt-dlp's own last words, kept for a failure that it explains in a warning alone."""
LOGGER = SimpleNamespace(
    debug=lambda message: None, info=lambda message: None, warning=SAID.append, error=SAID.append
)


def _open(asked: Mapping[str, Any], **more: Any) -> Any:
    from yt_dlp import YoutubeDL

    options = {
        "logger": LOGGER,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "proxy": asked["proxy"],
        "cookiefile": io.StringIO(asked["cookies"]) if asked.get("cookies") else None,
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
        "playlist_items": f"1:{MOST_ENTRIES}",
        "enable_file_urls": False,
        "hls_prefer_native": True,
        "external_downloader": {"default": "native"},
        "fixup": "never",
        "ffmpeg_location": os.devnull,
        "check_formats": False,
        "format": "bv*+ba/b*",
        "overwrites": False,
        "continuedl": True,
        "updatetime": False,
        "usenetrc": False,
        **more,
    }
    return YoutubeDL(options)


def _wait(n: int) -> float:
    """Seconds before another try, counted from 0: a quarter, a half, and up to four."""
    return float(min(4.0, 0.25 * 2**n))


def _look(asked: Mapping[str, Any], send: Callable[[Mapping[str, Any]], None]) -> Any:
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
    from yt_dlp.networking import HEADRequest, Request
    from yt_dlp.networking.exceptions import RequestError

    headers = {"Accept-Encoding": "identity", **(form.get("http_headers") or {})}
    for kind in (HEADRequest, Request):  # not every server knows HEAD
        try:
            with site.urlopen(kind(form["url"], headers=headers)) as reply:
                length = reply.get_header("Content-Length") or ""
                marks = [reply.get_header(name) or "" for name in ("ETag", "Last-Modified")]
        except (RequestError, OSError):
            continue
        return {
            "filesize": int(length) if length.isascii() and length.isdecimal() else None,
            "longtake_marks": [mark[:LONGEST] for mark in marks],
        }
    return {}


def _load(asked: Mapping[str, Any], send: Callable[[Mapping[str, Any]], None]) -> Any:
    """One format of what was looked at, into the file that is named."""
    most = asked["max_bytes"]

    def hook(state: Mapping[str, Any]) -> None:
        done = int(state.get("downloaded_bytes") or 0)
        if most and done > most:
            raise TooLarge(f"{done} bytes")
        total = state.get("total_bytes") or state.get("total_bytes_estimate") or 0
        send({"bytes": done, "of": int(total), "speed": state.get("speed") or 0})

    named = {"outtmpl": {"default": asked["out"]}, "progress_hooks": [hook]}
    info = dict(asked["info"])
    info["formats"] = [_bind(asked["format"])]
    for key in ("requested_formats", "requested_downloads", "subtitles", "automatic_captions"):
        info.pop(key, None)
    with _open(asked, **named) as site:
        site.process_ie_result(info, download=True)
    return {}


def _bind(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left of a load that breaks off is asked for only while the file is the same."""
    mark, changed = form.get("longtake_marks") or ("", "")
    if mark.startswith("W/") or not mark:  # a weak mark does not speak for bytes
        mark = changed
    headers = {**(form.get("http_headers") or {}), **({"If-Range": mark} if mark else {})}
    return {**form, "http_headers": headers}


def _load_captions(asked: Mapping[str, Any], send: Callable[[Mapping[str, Any]], None]) -> Any:
    """One file of captions beside the name that is given; its name, or none."""
    info = dict(asked["info"])
    info["subtitles"] = {"captions": [asked["captions"]]}
    info.pop("automatic_captions", None)
    info.pop("requested_subtitles", None)
    named = {
        "outtmpl": {"default": asked["out"]},
        "writesubtitles": True,
        "subtitleslangs": ["captions"],
        "subtitlesformat": "best",
        "skip_download": True,
        "max_filesize": MOST_CAPTION_BYTES,
    }
    with _open(asked, **named) as site:
        found = site.process_ie_result(info, download=True)
    paths = [entry.get("filepath") for entry in (found.get("requested_subtitles") or {}).values()]
    return {"name": next((Path(path).name for path in paths if path and Path(path).is_file()), "")}


def _describe_error(error: BaseException | None) -> dict[str, Any]:
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
    return {"chain": chain, "talk": [words[:LONGEST] for words in SAID]}


if __name__ == "__main__":
    main()
