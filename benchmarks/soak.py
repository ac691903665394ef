"""The page's server under hostile uploads: its memory, and that it goes on to serve.

    python -m benchmarks.soak [--rounds 20]

Each round sends, as visitors of their own, a film with bytes overwritten, one cut off, one whose
header promises what is not there, an archive, a page of HTML, a body that is packed, one that
breaks off, and a good film that is dropped again. Prints what the server's process takes after each
fifth of the rounds (proportional set size), how it answered, and how long a look at the page took.
"""

import argparse
import gzip
import io
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from benchmarks.runs import memory
from tests.videos import make_video

KEY = "the-key-of-the-soak"


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_page(Path(folder)) as (url, pid):
        good = make_video(Path(folder) / "good.mp4", seconds=20).read_bytes()
        print(f"{'uploads':>8}{'server MiB':>12}{'page ms':>9}  statuses")
        statuses: Counter[int] = Counter()
        chance = random.Random(0)  # noqa: S311 - the same bodies each time
        send_round(url, good, chance, statuses)  # what is loaded once is loaded
        for number in range(options.rounds):
            send_round(url, good, chance, statuses)
            if (number + 1) % max(1, options.rounds // 5) == 0:
                started = time.perf_counter()
                ask(url, "GET", "/").raise_for_status()
                took = 1000 * (time.perf_counter() - started)
                said = ", ".join(
                    f"{count} of {status}" for status, count in sorted(statuses.items())
                )
                mib = memory(pid) / 2**20
                print(f"{statuses.total():>8}{mib:>12.0f}{took:>9.0f}  {said}", flush=True)


def send_round(url: str, good: bytes, chance: random.Random, statuses: Counter[int]) -> None:
    """One of each kind of upload, by a visitor each."""
    for body in make_bodies(good, chance):
        try:
            answer = ask(url, "PUT", "/longtake/uploads", body)
        except httpx2.TransportError:
            statuses[0] += 1
            continue
        statuses[answer.status_code] += 1
        if answer.status_code == 201:  # as its visitor drops it again
            path = Path(os.environ["LONGTAKE_HOME"]) / "uploads" / answer.json()["upload"]
            path.unlink()


def make_bodies(good: bytes, chance: random.Random) -> Iterator[bytes | Iterator[bytes]]:
    """Bodies that are no film, or not a whole one; then a good one."""
    mutated = bytearray(good)
    for _ in range(len(good) // 200):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    yield bytes(mutated)
    yield good[: chance.randrange(1000, len(good))]
    yield good[:32] + chance.randbytes(2_000_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("film.mp4", bytes(50_000_000))
    yield archive.getvalue()
    yield b"<html>" * 100_000
    yield gzip.compress(bytes(50_000_000))
    yield break_off(good)
    yield good


def break_off(good: bytes) -> Iterator[bytes]:
    """A body whose sender goes away in the middle."""
    yield good[: len(good) // 2]
    raise httpx2.WriteError("gone")


def ask(
    url: str, method: str, path: str, body: bytes | Iterator[bytes] | None = None
) -> httpx2.Response:
    """By a visitor that was not there before."""
    visitor = f"{random.getrandbits(128):032x}"
    cookies = {"longtake_key": KEY, "longtake_visitor": visitor}
    with httpx2.Client(cookies=cookies, timeout=200) as client:
        return client.request(method, f"{url}{path}", content=body)


@contextmanager
def open_page(folder: Path) -> Iterator[tuple[str, int]]:
    """A page of its own: its address, and the server's process."""
    os.environ |= {"LONGTAKE_HOME": str(folder / "home"), "LONGTAKE_PAGE_KEY": KEY}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "longtake", "app", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{url}/_stcore/health").status_code == 200:
                    break
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
