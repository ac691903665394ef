"""Requests a second of the describe step by one, two and four servers, beside what they could give.

    python -m benchmarks.servers [--seconds 0.2] [--repeats 3]

Each scripted server says that it has one slot, and takes so many seconds for each answer; the last
line is of two, one of which takes three times as long. The ideal is the sum of what each answers
without a pause; `of one` is the share of what one alone reached, times what the others add to it.
"""

import argparse
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.throughput import RATE, SIZE, draw
from longtake.engines.server import open_server
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.records import Progress
from longtake.settings import Settings
from longtake.store import Store
from tests.servers import CHAT, MODELS, Answer, Asked, ScriptedServer, as_chat, as_json, as_models
from tests.servers import serve as serve_script
from tests.videos import make_video

MODEL = "Qwen2.5-VL-3B"
REQUESTS = 40
"""For each server."""
CHUNK_SECONDS = 2.0
CASES = ((1,), (1, 1), (1, 1, 1, 1), (1, 3))
"""How many times the usual seconds each server takes."""


def set_pace(server: ScriptedServer, seconds: float) -> None:
    """One slot, as llama.cpp's server has it: the next request waits for the one before."""
    slot = threading.Lock()

    def answer(asked: Asked, connection: object) -> Answer:
        with slot:
            time.sleep(seconds)
        return as_chat("Coloured fields move from left to right over the picture.")

    facts = {"id": MODEL, "owned_by": "llamacpp", "max_model_len": 4096}
    sees = {"architecture": {"input_modalities": ["text", "image"]}}
    server.set(MODELS, as_models(facts | sees))
    server.set(f"/props?model={MODEL}", as_json({"total_slots": 1}))
    server.set(CHAT, answer)


def time_run(video: Path, base_url: str) -> tuple[float, list[int]]:
    """Seconds of the describe step with an empty store, and the requests of each server."""
    settings = Settings(
        read_text="off",
        base_url=base_url,
        chunking="fixed",
        chunk_seconds=CHUNK_SECONDS,
        frames=3,
        out=str(video.parent / "out"),
    )
    times: list[float] = []

    def tell(step: Progress) -> None:
        if step.stage == "describe":
            times.append(time.perf_counter())

    with (
        tempfile.TemporaryDirectory() as folder,
        open_server("", settings) as engine,
        Store(Path(folder) / "store.sqlite") as store,
    ):
        result = run_to_end(run(video, settings, store, engine, None), tell)
        assert not result.ledger.gaps, result.ledger
    (usage,) = (usage for usage in result.usage if usage.stage == "describe")
    return times[-1] - times[0], [part.cost.requests for part in usage.servers]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{'seconds an answer':<20} {'requests/s':>10} {'ideal':>6} {'of one':>6}  by server")
    alone = 0.0
    for times in CASES:
        paces = [options.seconds * many for many in times]
        count = REQUESTS * len(paces)
        rates: list[float] = []
        shares: list[int] = []
        with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
            path = Path(folder) / "video.mp4"
            video = make_video(path, seconds=count * CHUNK_SECONDS, rate=RATE, size=SIZE, draw=draw)
            servers = [running.enter_context(serve_script()) for _ in paces]
            for server, seconds in zip(servers, paces, strict=True):
                set_pace(server, seconds)
            for _ in range(options.repeats):
                taken, shares = time_run(video, ",".join(server.base_url for server in servers))
                rates.append(count / taken)
        ideal = sum(1 / seconds for seconds in paces)
        rate = statistics.median(rates)
        alone = alone or rate
        expected = alone * ideal * options.seconds
        named = ", ".join(f"{seconds:g}" for seconds in paces)
        print(
            f"{named:<20} {rate:>10.2f} {ideal:>6.2f} {rate / expected:>6.2f}"
            f"  {', '.join(map(str, shares)) or count}",
            flush=True,
        )


if __name__ == "__main__":
    main()
