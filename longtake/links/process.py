"""The loader's process, seen from here: started behind the guard, asked, and ended."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from longtake.errors import UsageError
from longtake.files import check_regular
from longtake.links.addresses import tells_private
from longtake.links.cache import cache_folder
from longtake.links.failures import check_size, classify, make_error
from longtake.links.guard import LEAST_BYTES, Guard, open_guard
from longtake.settings import Settings
from longtake.text.untrusted import one_line
from longtake.timecode import format_time

Ask = Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]
"""Gives a request to the loader, and its lines as they come; the last one holds `done`."""

SITE_SECONDS = 20.0
"""How long a site may be silent."""
LIMITS = {"look": 120.0, "load": 12 * 3600.0, "captions": 120.0}
"""How many seconds each thing that is asked may take in all, whatever comes meanwhile."""
PAGE_BYTES = 32_000_000
"""How much may come in all where only facts or captions are asked for: pages, players, lists."""
SLOW = ("broke_off", "timed_out", "unreachable", "site_broken", "unknown")
"""Failures that a host's dripping explains."""
END_SECONDS = 3.0
COOKIES = "Export them from your browser as a cookies.txt, Netscape's form, and name that file."


@contextmanager
def open_loader(
    link: str, settings: Settings, limits: Mapping[str, float] = LIMITS
) -> Iterator[Ask]:
    """A process that takes one request after the other, and ends with this.

    None is started for a link whose address itself is private.
    """
    _refuse_private(link, settings.allow_private_addresses)
    command = [sys.executable, "-P", "-W", "ignore", "-m", "longtake.links.loader"]
    shared = {
        "cookies": _read_cookies(settings.cookies),
        "cache": str((cache_folder() / "yt-dlp").absolute()),
        "timeout": SITE_SECONDS,
        "max_bytes": settings.max_bytes,
    }
    with (
        open_guard(settings.allow_private_addresses) as guard,
        subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            _write(process, {**shared, "proxy": guard.url})
            yield lambda asked: _ask(process, guard, asked, settings.max_bytes, limits)
        finally:
            _end(process)


def _refuse_private(link: str, allow: bool) -> None:
    host = urlsplit(link).hostname or ""
    if not allow and tells_private(host):
        raise make_error("private_address", one_line(host))


def _write(process: subprocess.Popen[bytes], line: Mapping[str, Any]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):  # that it ended is seen where its answer is read
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()


def _read_cookies(name: str) -> str:
    """The user's cookies, as text: yt-dlp would write into the file."""
    try:
        if not name:
            return ""
        path = Path(name).expanduser()
        check_regular(path)  # each load reads it anew
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"--cookies {one_line(name)} can't be read: {why}", COOKIES) from error


def _ask(
    process: subprocess.Popen[bytes],
    guard: Guard,
    asked: Mapping[str, Any],
    most: int,
    limits: Mapping[str, float],
) -> Iterator[Mapping[str, Any]]:
    """What it tells on its way, and its answer as `done`; LinkError for what it failed of."""
    _refuse_private(str(asked.get("link", "")), guard.allow_private)
    for said in (guard.refused, guard.failed, guard.slow, guard.flooded):
        said.clear()
    guard.room = float("inf") if asked["do"] == "load" else PAGE_BYTES
    _write(process, asked)
    seconds = limits[asked["do"]]
    with _ended_after(process, seconds) as over:
        for answer in _read_lines(process):
            if "failed" in answer:
                _raise_for(answer["failed"], guard, most)
            yield answer
            if "done" in answer:
                return
    if over.is_set():
        raise make_error("too_slow", f"stopped after {format_time(seconds)}")
    raise make_error("broke_off", "the loader ended without a word")


def _read_lines(process: subprocess.Popen[bytes]) -> Iterator[Mapping[str, Any]]:
    assert process.stdout
    for line in process.stdout:
        try:
            yield json.loads(line)
        except ValueError:
            return  # it was ended in the middle of a line


@contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """The process is killed when the time is over; the event says that it was."""
    over = threading.Event()

    def end() -> None:
        over.set()
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()


def _raise_for(failed: Mapping[str, Any], guard: Guard, most: int) -> None:
    chain = failed.get("chain", [])
    if chain and "TooLarge" in chain[0].get("kinds", ()):
        check_size(int(chain[0]["said"].split()[0]), most)
    if any("CookieLoadError" in entry.get("kinds", ()) for entry in chain):
        raise UsageError("the file of --cookies holds no cookies.txt", COOKIES)
    error = classify(failed, guard.refused, guard.failed)
    if guard.flooded:
        said = f"{one_line(guard.flooded[-1])}, more than {PAGE_BYTES // 1_000_000} MB"
        raise make_error("too_much", said)
    if guard.slow and error.kind in SLOW:
        said = f"less than {LEAST_BYTES / 1000:.0f} kB in {guard.slow_seconds:.0f} s"
        raise make_error("too_slow", f"{one_line(guard.slow[-1])}, {said}")
    raise error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    with suppress(BrokenPipeError):
        process.stdin.close()  # type: ignore[union-attr]
