"""A home with runs that real workers have ended, and the API behind its gate, without a queue."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from longtake.api.app import build_app
from longtake.api.serving import Serving
from longtake.door.access import Access, open_access
from longtake.runs.folder import ENDED, read_run
from longtake.runs.queue import Queue
from longtake.runs.requests import Order, place_order

QUICK = {"engine": "fake", "reconciler": "fake", "speech": "off", "read_text": "off",
         "chunking": "fixed"}  # fmt: skip
URL = "http://127.0.0.1:8760"
READER, RUNNER = "reader-0123456789abcdef", "runner-0123456789abcdef"


@dataclass(frozen=True)
class Ended:
    """The ids of runs that are done, by kind."""

    summarize: str
    transcribe: str
    look: str
    ask: str

    def all(self) -> tuple[str, ...]:
        return self.summarize, self.transcribe, self.look, self.ask


def wait_for(run_id: str) -> None:
    deadline = time.monotonic() + 60
    while (found := read_run(run_id)).state not in ENDED:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert found.state == "done", found


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, numbered: Path) -> tuple[Path, Ended]:
    """The home, made once."""
    folder = tmp_path_factory.mktemp("api") / "home"
    roots = [numbered.parent]
    looked = {"engine": "fake", "read_text": "off", "speech": "off"}
    asked = {"engine": "fake", "reconciler": "fake"}
    orders = (
        Order("summarize", str(numbered), settings=QUICK),
        Order("transcribe", str(numbered), settings={"speech": "off"}),
        Order("look", str(numbered), settings=looked, question="who is there?", start=1, end=4),
        Order("ask", question="what is a placeholder?", settings=asked),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGTAKE_HOME", str(folder))
        queue = Queue(2)
        queue.start()
        ids = []
        try:
            for order in orders:  # one by one: the last one asks of what the first one found
                ids.append(place_order(order, roots, "own").id)
                wait_for(ids[-1])
        finally:
            queue.close()
    return folder, Ended(*ids)


@pytest.fixture
def ended(made: tuple[Path, Ended], home: Path) -> Ended:
    """Those runs, in the test's own home."""
    shutil.copytree(made[0], home)
    return made[1]


@pytest.fixture
def access(numbered: Path) -> Access:
    """Files beside the numbered video may be named."""
    return open_access("127.0.0.1", [str(numbered.parent)])


@pytest.fixture
def client(access: Access) -> Iterator[TestClient]:
    """A program on this machine; runs that it places wait."""
    app = build_app(Serving(access, most_wait=0.3), starts_runs=False)
    with TestClient(app, base_url=URL) as client:
        yield client


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Two tokens."""
    path = tmp_path / "tokens"
    path.write_text(f"read {READER} bob\nrun {RUNNER} ann\n")
    path.chmod(0o600)
    return path
