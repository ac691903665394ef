"""The loader's process, seen from here: started behind the guard, asked, and ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from longtake.errors import UsageError
from longtake.links.cache import cache_folder
from longtake.links.failures import check_size, classify, make_error
from longtake.links.guard import Guard, open_guard
from longtake.settings import Settings
from longtake.text.untrusted import one_line

Ask = Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]
"""Gives a request to the loader, and its lines as they come; the last one holds `done`."""

SITE_SECONDS = 20.0
"""How long a site may be silent."""
END_SECONDS = 3.0
COOKIES = "Export them from your browser as a cookies.txt, Netscape's form, and name that file."


@contextmanager
def open_loader(settings: Settings) -> Iterator[Ask]:
    """A process that takes one request after the other, and ends with this."""
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
            yield lambda asked: _ask(process, guard, asked, settings.max_bytes)
        finally:
            _end(process)


def _write(process: subprocess.Popen[bytes], line: Mapping[str, Any]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):  # that it ended is seen where its answer is read
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()


def _read_cookies(name: str) -> str:
    """The user's cookies, as text: yt-dlp would write into the file."""
    try:
        return Path(name).expanduser().read_text(encoding="utf-8") if name else ""
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"--cookies {one_line(name)} can't be read: {why}", COOKIES) from error


def _ask(
    process: subprocess.Popen[bytes], guard: Guard, asked: Mapping[str, Any], most: int
) -> Iterator[Mapping[str, Any]]:
    """What it tells on its way, and its answer as `done`; LinkError for what it failed of."""
    assert process.stdout
    guard.refused.clear()
    guard.failed.clear()
    _write(process, asked)
    for line in process.stdout:
        try:
            answer = json.loads(line)
        except ValueError:
            break  # it was ended in the middle of a line
        if "failed" in answer:
            _raise_for(answer["failed"], guard, most)
        yield answer
        if "done" in answer:
            return
    raise make_error("broke_off", "the loader ended without a word")


def _raise_for(failed: Mapping[str, Any], guard: Guard, most: int) -> None:
    chain = failed.get("chain", [])
    if chain and "TooLarge" in chain[0].get("kinds", ()):
        check_size(int(chain[0]["said"].split()[0]), most)
    if any("CookieLoadError" in entry.get("kinds", ()) for entry in chain):
        raise UsageError("the file of --cookies holds no cookies.txt", COOKIES)
    raise classify(failed, guard.refused, guard.failed)


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
