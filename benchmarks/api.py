"""The API over real sockets: how many ask at once, and what those cost who watch.

    python -m benchmarks.api [--seconds 5] [--watchers 50]

A server as `longtake serve` starts it, in a fresh home, with runs of a made video by the engine
`fake`. Prints requests a second for the state of a run, the time from an order to its first event,
what watchers of one run cost (processor and memory of the server), and what clients cost that open
a stream of 100 MB and read nothing of it. Linux. Clients and server share the machine.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import httpx2

from longtake.runs.queue import take_slot
from tests.videos import make_video

ROOT = Path(__file__).parents[1]
START = (
    "import sys\n"
    "from longtake.api import serve\n"
    "from longtake.door.access import open_access\n"
    "serve('127.0.0.1', int(sys.argv[1]), open_access('127.0.0.1', sys.argv[2:]))\n"
)
QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "chunking": "fixed"}  # fmt: skip
ORDERS = 5
SILENT = 20


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--watchers", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LONGTAKE_HOME"] = f"{folder}/home"
        video = make_video(Path(folder) / "numbers.mp4", seconds=20)
        with start_server(Path(folder)) as (url, pid):
            show("at rest", f"{read_memory(pid) / 2**20:.0f} MiB")
            firsts = [measure_first(url, video) for _ in range(ORDERS)]
            show("order to first event", f"{1000 * median(firsts):.0f} ms")
            run = place(url, video)
            wait(url, run)
            for clients in (1, 8, 50):
                rate = measure_rate(url, run, clients, options.seconds)
                show(f"state of a run, {clients} clients", f"{rate:.0f} requests/s")
            with ExitStack() as files:  # the one slot is ours, so that a run waits
                while not take_slot(1, files):
                    time.sleep(0.1)
                waits = place(url, video)
                measure_watchers(url, pid, waits, options.watchers, options.seconds)
            measure_silent(url, pid, run)


def show(what: str, figure: str) -> None:
    print(f"{what:<44}{figure:>24}", flush=True)


@contextmanager
def start_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(port), str(folder)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with suppress(httpx2.TransportError):
                httpx2.get(f"{url}/v1/health")
                break
            time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def place(url: str, video: Path) -> str:
    order = {"source": str(video), "settings": QUICK}
    return httpx2.post(f"{url}/v1/runs", json=order).raise_for_status().json()["id"]


def wait(url: str, run: str) -> None:
    while httpx2.get(f"{url}/v1/runs/{run}").json()["state"] != "done":
        time.sleep(0.1)


def measure_first(url: str, video: Path) -> float:
    """Seconds from sending an order to the first event of its run."""
    started = time.perf_counter()
    run = place(url, video)
    with httpx2.stream("GET", f"{url}/v1/runs/{run}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                seconds = time.perf_counter() - started
                break
    wait(url, run)
    return seconds


def measure_rate(url: str, run: str, clients: int, seconds: float) -> float:
    """Requests a second that so many clients get answered, each on a connection that stays."""
    until = time.perf_counter() + seconds
    head = f"GET /v1/runs/{run} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    host, port = url.removeprefix("http://").split(":")

    def ask(_number: int) -> int:
        count = 0
        with socket.create_connection((host, int(port))) as client:
            while time.perf_counter() < until:
                client.sendall(head)
                read_answer(client)
                count += 1
        return count

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(ask, range(clients))) / seconds


def read_answer(client: socket.socket) -> None:
    """One whole answer, by its length."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += client.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body)
    while missing > 0:
        missing -= len(client.recv(65536))


def measure_watchers(url: str, pid: int, run: str, count: int, seconds: float) -> None:
    """What the server takes for watchers of one run that waits, beside what it takes without."""
    idle = measure_load(pid, seconds)
    clients = [open_stream(url, run) for _ in range(count)]
    stop = threading.Event()
    threading.Thread(target=drain, args=(clients, stop), daemon=True).start()
    time.sleep(1)
    busy = measure_load(pid, seconds)
    show(f"{count} watchers of a run that waits", f"{100 * (busy - idle):.1f} % of a core")
    show("", f"{read_memory(pid) / 2**20:.0f} MiB")
    held = httpx2.get(f"{url}/metrics").text
    assert f"longtake_event_streams {count}.0" in held, "a stream ended"
    stop.set()
    for client in clients:
        client.close()


def open_stream(url: str, run: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def drain(clients: list[socket.socket], stop: threading.Event) -> None:
    """Read what comes, and keep none."""
    for client in clients:
        client.setblocking(False)
    while not stop.is_set():
        for client in clients:
            with suppress(BlockingIOError, OSError):
                client.recv(65536)
        time.sleep(0.05)


def measure_silent(url: str, pid: int, run: str) -> None:
    """What clients cost that open a stream of 100 MB and read nothing."""
    path = Path(os.environ["LONGTAKE_HOME"]) / "runs" / run / "chunks.jsonl"
    with path.open("a") as file:
        for number in range(100_000):
            file.write(json.dumps({"chunk": number, "text": "x" * 1000}) + "\n")
    before = read_memory(pid)
    clients = [open_stream(url, run) for _ in range(SILENT)]
    time.sleep(3)
    more = (read_memory(pid) - before) / 2**20
    show(f"{SILENT} clients that read nothing of 100 MB", f"{more:.1f} MiB more")
    for client in clients:
        client.close()


def measure_load(pid: int, seconds: float) -> float:
    """Cores that a process takes, over so many seconds."""
    before = read_ticks(pid)
    time.sleep(seconds)
    return (read_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / seconds


def read_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def read_memory(pid: int) -> int:
    """Bytes in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main()
