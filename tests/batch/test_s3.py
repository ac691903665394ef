"""Videos and results on S3, by its real client and a server on this machine."""

import hashlib
import os
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from longtake.batch.remote import RemoteFolder, bring, identify
from longtake.batch.sources import list_items
from longtake.errors import LinkError, OutputError
from longtake.settings import Settings
from tests.batch.inline import run
from tests.batch.test_run import make_film

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
pytest.importorskip("moto")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket, `talks`, of a server that is made for the test."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "someone"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    forget = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    urllib.request.urlopen(forget).close()
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    system.mkdir("talks")
    yield system
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_file_comes_whole_and_as_it_is(bucket: Any, tmp_path: Path) -> None:
    content = os.urandom(11_000_003)
    bucket.pipe_file("talks/a.bin", content)
    bring("s3://talks/a.bin", tmp_path / "a.bin")
    got = hashlib.sha256((tmp_path / "a.bin").read_bytes()).hexdigest()
    assert got == hashlib.sha256(content).hexdigest()


def test_videos_below_a_prefix_are_found_and_results_go_there(bucket: Any, tmp_path: Path) -> None:
    for seed, name in enumerate(("a.mp4", "deep/b.mp4", "notes.txt")):
        bucket.put_file(str(make_film(tmp_path / "film.mp4", seed)), f"talks/in/{name}")
    assert len(run("s3://talks/in/", out="s3://talks/out").begun) == 2
    names = {name.removeprefix("talks/out/") for name in bucket.find("talks/out")}
    assert {"index.csv", "index.parquet", "descriptions.parquet", "a/summary.json"} <= names
    shutil.rmtree(os.environ["LONGTAKE_HOME"])  # another machine
    bucket.invalidate_cache()
    assert run("s3://talks/in/", out="s3://talks/out").begun == []
    bucket.put_file(str(make_film(tmp_path / "film.mp4", 7)), "talks/in/a.mp4")
    bucket.invalidate_cache()
    assert run("s3://talks/in/", out="s3://talks/out").begun == ["a.mp4"]


def test_missing_buckets_and_keys_are_told(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"s3://talks/none\.mp4"):
        bring("s3://talks/none.mp4", tmp_path / "none.mp4")
    with pytest.raises(LinkError, match=r"s3://nowhere/a\.mp4"):
        identify("s3://nowhere/a.mp4")
    (item,) = list_items(["s3://nowhere/talks/"], Settings(), wide=True)
    assert item.error and "s3://nowhere/talks/" in item.error.message
    (tmp_path / "x").write_text("x")
    with pytest.raises(OutputError, match="s3://nowhere/out"):
        RemoteFolder("s3://nowhere/out").put(tmp_path, "x")


@pytest.fixture
def breaking(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator["Breaking"]:
    """What stands before the bucket's server, slow and breaking."""
    import s3fs

    with Breaking(os.environ["AWS_ENDPOINT_URL"]) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.address)
        s3fs.S3FileSystem.clear_instance_cache()
        yield between


class Breaking(ThreadingHTTPServer):
    """Passes requests for objects on; `breaks` of the bodies break off, and each takes a while."""

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = behind
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.breaks = 0
        self.pause_seconds = 0.0
        self.before_body: Callable[[], object] = lambda: None

    def __enter__(self) -> "Breaking":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Passing(BaseHTTPRequestHandler):
    server: Breaking

    def _pass(self) -> None:
        asked = urllib.request.Request(f"{self.server.behind}{self.path}", method=self.command)
        for name, value in self.headers.items():
            if name.lower() not in ("host", "connection"):
                asked.add_header(name, value)
        with urllib.request.urlopen(asked) as answer:
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", answer.headers["Content-Length"])
            self.send_header("Connection", "close")
            self.end_headers()
        if self.command == "GET":
            self.server.before_body()
            self._write(body)

    def _write(self, body: bytes) -> None:
        half = len(body) // 2
        if self.server.breaks:
            self.server.breaks -= 1
            self.wfile.write(body[:half])
            return
        for start in range(0, len(body), half or 1):
            self.wfile.write(body[start : start + half])
            time.sleep(self.server.pause_seconds)

    do_GET = do_HEAD = _pass  # noqa: N815 - the names that the library asks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_file_comes_whole_from_a_slow_store_that_breaks(
    bucket: Any, breaking: Breaking, tmp_path: Path
) -> None:
    content = os.urandom(3_000_001)
    bucket.pipe_file("talks/a.bin", content)
    breaking.breaks, breaking.pause_seconds = 2, 0.3
    bring("s3://talks/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content


def test_store_that_only_breaks_is_told(bucket: Any, breaking: Breaking, tmp_path: Path) -> None:
    bucket.pipe_file("talks/a.bin", os.urandom(300_000))
    breaking.breaks = 1000
    with pytest.raises(LinkError, match=r"s3://talks/a\.bin"):
        bring("s3://talks/a.bin", tmp_path / "a.bin")


def test_file_that_changes_while_it_comes_is_told(
    bucket: Any, breaking: Breaking, tmp_path: Path
) -> None:
    bucket.pipe_file("talks/a.bin", os.urandom(300_000))
    breaking.before_body = lambda: bucket.pipe_file("talks/a.bin", os.urandom(300_000))
    with pytest.raises(LinkError, match="changed while it was brought"):
        bring("s3://talks/a.bin", tmp_path / "a.bin")
