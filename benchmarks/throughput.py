"""Longtake's describe step beside a plain client with the same requests, on the same real server.

    python -m benchmarks.throughput [--widths 1,4,16] [--repeats 5] [--vllm] [--own]

Both sides ask a fresh llama.cpp server each time, or one vLLM (`make test-vllm` installs it) whose
caches are emptied in between. The plain client is a closed loop: so many threads, each with a
connection of its own, that send the bodies Longtake had sent to a recorder, as fast as answers
come. The ratio of their requests a second is Longtake's cost: decoding, JPEG, JSON, the store.
`--own` tells that cost apart from any server's: the processor time of each side's own process for a
request, with a scripted server that answers at once in another.
"""

import argparse
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np

from longtake.engines.server import open_server
from longtake.inference.engine import Engine, Reply, Request
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.records import Progress
from longtake.settings import Settings
from longtake.store import Store
from tests.servers import as_models, serve
from tests.videos import make_video
from tests.vllms import Vllm, serve_vllm

Clock = Callable[[], float]
CHUNK_SECONDS = 2.0
RATE, SIZE = 10, (640, 360)
FRAMES = 3
REQUESTS_PER_WIDTH = {1: 10, 4: 24, 16: 64}
OWN_REQUESTS = 192
REPLY_TOKENS = 24
COUNTERS = ("prefix_cache_queries_total", "prefix_cache_hits_total")


def draw(number: int, width: int, height: int) -> np.ndarray:
    """Coloured fields that move, others in each chunk: none looks like another."""
    random = np.random.default_rng(int(number / RATE / CHUNK_SECONDS))
    fields = random.integers(0, 256, (9, 16, 3), dtype=np.uint8)
    pixels = np.kron(fields, np.ones((height // 9, width // 16, 1), np.uint8))
    return np.roll(pixels, 6 * number, axis=1)


class Shortened(Engine):
    """The server's answers, each short and taken for a description whatever it says."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.name, engine.capabilities, engine.options, engine.why)
        self._engine = engine

    def answer(self, request: Request) -> Reply:
        reply = self._engine.answer(replace(request, max_tokens=REPLY_TOKENS))
        return replace(reply, text="A model said something of it.", complete=True)

    def count_tokens(self, text: str) -> int:
        return self._engine.count_tokens(text)

    def frame_tokens(self, width: int, height: int) -> int:
        return 16


@contextmanager
def open_address(vllm: Vllm | None, slots: int) -> Iterator[str]:
    """That of the vLLM with empty caches, or of a fresh llama.cpp server, which ends afterwards."""
    if vllm:
        vllm.forget()
        yield f"{vllm.url}/v1"
        return
    command = [sys.executable, "-m", "benchmarks.llama_server", str(slots)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout
        yield f"{it.stdout.readline().strip()}/v1"
        it.communicate()


def time_longtake(
    video: Path, base_url: str, width: int, clock: Clock = time.perf_counter
) -> float:
    """Seconds of the describe step alone, with an empty store."""
    settings = Settings(
        read_text="off",  # the plain client reads nothing either
        base_url=base_url,
        at_once=width,
        chunking="fixed",
        chunk_seconds=CHUNK_SECONDS,
        frames=FRAMES,
        out=str(video.parent / "out"),
    )
    times: list[float] = []

    def tell(step: Progress) -> None:
        if step.stage == "describe":
            times.append(clock())

    with (
        tempfile.TemporaryDirectory() as folder,
        open_server("", settings) as server,
        Store(Path(folder) / "store.sqlite") as store,
    ):
        result = run_to_end(run(video, settings, store, Shortened(server), None), tell)
        assert not result.ledger.gaps, result.ledger
    return times[-1] - times[0]


def record_bodies(video: Path, kind: str) -> list[bytes]:
    """What Longtake sends for that video to a server of that kind, as bytes."""
    with serve() as server:
        facts = {"id": "tiny", "max_model_len": 4096, "owned_by": kind}
        server.set(
            "/v1/models", as_models(facts | {"architecture": {"input_modalities": ["image"]}})
        )
        time_longtake(video, server.base_url, 1)
        return [asked.body for asked in server.asked if asked.path.endswith("/chat/completions")]


def time_plain(
    bodies: list[bytes], base_url: str, width: int, clock: Clock = time.perf_counter
) -> float:
    """Seconds of a closed loop of so many clients over all bodies."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        waiting.put(body)
    model = httpx2.get(f"{base_url}/models").json()["data"][0]["id"]

    def work(client: httpx2.Client) -> None:
        while True:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                return
            answer = client.post(
                f"{base_url}/chat/completions",
                content=body.replace(b'"model": "tiny"', f'"model": "{model}"'.encode()),
                headers={"Content-Type": "application/json"},
            )
            answer.raise_for_status()

    with ExitStack() as opened:
        clients = [opened.enter_context(httpx2.Client(timeout=600)) for _ in range(width)]
        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        begun = clock()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return clock() - begun


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="1,4,16")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--vllm", action="store_true")
    parser.add_argument("--own", action="store_true")
    options = parser.parse_args()
    if options.own:
        for width in options.widths.split(","):
            compare_own(int(width), options.repeats)
        return
    with ExitStack() as opened:
        vllm = None
        if options.vllm:
            folder = opened.enter_context(tempfile.TemporaryDirectory())
            vllm = opened.enter_context(serve_vllm(Path(folder)))
        compare(vllm, [int(width) for width in options.widths.split(",")], options.repeats)
        if vllm:
            asked, hit = map(vllm.count, COUNTERS)
            print(f"prompt tokens found in vLLM's prefix cache: {hit:.0f} of {asked:.0f}")


def compare_own(width: int, repeats: int) -> None:
    """A line a width: the medians of the processor time of a request, and their ranges."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        seconds = OWN_REQUESTS * CHUNK_SECONDS
        video = make_video(path, seconds=seconds, rate=RATE, size=SIZE, draw=draw)
        bodies = record_bodies(video, "vllm")
        command = [sys.executable, "-m", "tests.servers", "0", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            address = server.stdout.readline().strip()
            taken: dict[str, list[float]] = {"longtake": [], "plain": []}
            for _ in range(repeats):
                plain = time_plain(bodies, address, width, time.process_time)
                own = time_longtake(video, address, width, time.process_time)
                taken["plain"].append(1000 * plain / len(bodies))
                taken["longtake"].append(1000 * own / len(bodies))
            server.kill()
    for side, found in taken.items():
        low, high = min(found), max(found)
        middle = statistics.median(found)
        print(
            f"{width:>5} {side:>8} {middle:.1f} ms of processor a request ({low:.1f} to {high:.1f})"
        )


def compare(vllm: Vllm | None, widths: list[int], repeats: int) -> None:
    """A line a width: the medians of both sides, and of their ratio turn by turn."""
    print(f"{'width':>5} {'requests':>8} {'longtake':>10} {'plain':>10} {'ratio':>6}  (requests/s)")
    for width in widths:
        count = REQUESTS_PER_WIDTH.get(width, 4 * width)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            video = make_video(path, seconds=count * CHUNK_SECONDS, rate=RATE, size=SIZE, draw=draw)
            bodies = record_bodies(video, "vllm" if vllm else "llamacpp")
            sides: dict[str, list[float]] = {"longtake": [], "plain": []}
            for turn in range(repeats):
                # Each side is first in turn, so that what warms up or drifts favours neither.
                for side in ("longtake", "plain") if turn % 2 else ("plain", "longtake"):
                    with open_address(vllm, width) as address:
                        if side == "plain":
                            seconds = time_plain(bodies, address, width)
                        else:
                            seconds = time_longtake(video, address, width)
                    sides[side].append(len(bodies) / seconds)
        ours, plain = sides["longtake"], sides["plain"]
        ratios = sorted(a / b for a, b in zip(ours, plain, strict=True))
        print(
            f"{width:>5} {len(bodies):>8} {statistics.median(ours):>10.2f}"
            f" {statistics.median(plain):>10.2f} {statistics.median(ratios):>6.3f}"
            f" ({ratios[0]:.3f} to {ratios[-1]:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
