"""What loading a link costs beside a plain client: the guard alone, and all of it.

    python -m benchmarks.links [--megabytes 200] [--turns 5]

A video of that size from Python's own file server on this machine: read by urllib, read by urllib
through the guard, and loaded by `fetch` (yt-dlp in its own process, through the guard, checked and
put into the cache). Prints the median of the turns, in turn with each other, and the range.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from longtake.links.addresses import check_link
from longtake.links.download import download
from longtake.links.guard import open_guard
from longtake.links.plan import MediaNeeds
from longtake.settings import Settings

ROOT = Path(__file__).parents[1]
WISH = MediaNeeds(640, sound=True, captions=True)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        content = (ROOT / "examples" / "lecture.mp4").read_bytes()
        room = options.megabytes * 10**6 - len(content) - 8  # in a box that players skip
        box = (room + 8).to_bytes(4, "big") + b"free"
        video.write_bytes(content + box + bytes(room))
        with serve(Path(folder)) as url:
            for turn in range(options.turns):
                os.environ["LONGTAKE_HOME"] = f"{folder}/home{turn}"
                for name, load in list_ways(f"{url}/video.mp4").items():
                    started = time.perf_counter()
                    load()
                    took.setdefault(name, []).append(time.perf_counter() - started)
    for name, seconds in took.items():
        middle = statistics.median(seconds)
        span = f"{min(seconds):.2f} to {max(seconds):.2f}"
        rate = options.megabytes / middle
        print(f"{name:24}{middle:7.2f} s  ({span}) {rate:8.0f} MB/s")


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The files of a folder; the address of the server, which is a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=quiet) as server:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            with suppress(OSError), urllib.request.urlopen(url):
                break
            time.sleep(0.1)
        try:
            yield url
        finally:
            server.terminate()


def list_ways(link: str) -> dict[str, Callable[[], None]]:
    """Each way to load it, by its name."""

    def read(proxies: dict[str, str]) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with opener.open(link) as reply:
            while reply.read(1 << 20):
                pass

    def read_guarded() -> None:
        with open_guard(allow_private=True) as guard:
            read({"http": guard.url})

    def load() -> None:
        for _ in download(check_link(link), Settings(allow_private_addresses=True), WISH):
            pass

    return {"a plain client": lambda: read({}), "the same, guarded": read_guarded, "download": load}


if __name__ == "__main__":
    main()
