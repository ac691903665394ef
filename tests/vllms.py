"""A real vLLM on the CPU with a tiny random model, in an environment of its own."""

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

PYTHON = ROOT / ".cache/vllm/bin/python"
MODEL = "tiny-idefics3"
CONTEXT, MOST_IMAGES, BLOCK = 4096, 8, 32
IMAGE_TOKENS = 4 + 3
"""Four for the picture, and the family's three marks around it."""
START_SECONDS = 300
ALONE = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "1",  # lets caches be emptied
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
}
FLAGS = {
    "--host": "127.0.0.1",
    "--served-model-name": MODEL,
    "--dtype": "float32",
    "--max-model-len": str(CONTEXT),
    "--max-num-seqs": "16",
    "--block-size": str(BLOCK),
    "--limit-mm-per-prompt": json.dumps({"image": MOST_IMAGES}),
    "--structured-outputs-config": json.dumps(
        {"backend": "guidance", "disable_any_whitespace": True}
    ),
}
SWITCHES = ("--enforce-eager", "--enable-prefix-caching", "--enable-prompt-tokens-details")


@dataclass
class Vllm:
    """One server at one port, started as often as wanted; its log says why it did not start."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    starts: list[float] = field(default_factory=list)
    """When it was started, each time."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to start; `wait` says when it is there."""
        module = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server"]
        flags = {**FLAGS, "--model": str(self.folder), "--port": str(self.port)}
        words = [word for flag in flags.items() for word in flag]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*module, *words, *SWITCHES],
                env={**os.environ, **ALONE},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts.append(time.monotonic())

    def wait(self) -> None:
        """Until it answers; its log where it does not."""
        while not self.is_there():
            with self.lock:
                gone = not self.process or self.process.poll() is not None
            if gone or time.monotonic() - self.starts[-1] > START_SECONDS:
                log = (self.folder / "log").read_text()
                raise RuntimeError(f"vLLM does not start:\n{log[-5000:]}")
            time.sleep(0.5)

    def is_there(self) -> bool:
        try:
            return self.read("/health") == ""
        except OSError:
            return False

    def kill(self) -> None:
        """At once, with the processes that it has started."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()

    def restart(self) -> None:
        """Kill it under the requests that it works on, and begin to start it again."""
        with self.lock:
            self.kill()
            self.start()

    def read(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as response:
            return response.read().decode()

    def forget(self) -> None:
        """Empty its caches of prefixes and of media."""
        for path in ("/reset_prefix_cache", "/reset_mm_cache"):
            urllib.request.urlopen(f"{self.url}{path}", data=b"", timeout=10).close()

    def count(self, name: str) -> float:
        """A counter of its metrics."""
        found = re.search(rf"^vllm:{name}\{{[^}}]*\}} (\S+)$", self.read("/metrics"), re.MULTILINE)
        assert found, name
        return float(found[1])


def run_beside(*words: str, stdin: str = "") -> str:
    """What a program prints that runs in vLLM's environment."""
    done = subprocess.run(
        [str(PYTHON), *words],
        cwd=ROOT,
        env={**os.environ, **ALONE},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


def make_random_model(folder: Path) -> None:
    """Make the one that most tests ask, with random weights."""
    run_beside("-m", "tests.tiny_transformers", "idefics3", str(folder))


@contextmanager
def serve_vllm(
    folder: Path, make_model: Callable[[Path], object] = make_random_model
) -> Iterator[Vllm]:
    """A server with a model that is made in that folder; it is killed in the end."""
    if not PYTHON.exists():
        raise RuntimeError("vLLM is not here: `make test-vllm` installs it")
    make_model(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Vllm(folder, port)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.kill()
