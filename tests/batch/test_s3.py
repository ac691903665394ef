"""Videos and results on S3, by its real client and a server on this machine."""

import hashlib
import os
import shutil
import urllib.request
from collections.abc import Iterator
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
