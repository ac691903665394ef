"""Batches on a Ray cluster of three nodes: the same results, and nothing lost with what dies."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longtake.batch.task import BatchOutcome, BatchStep, BatchTask
from longtake.errors import UsageError
from longtake.inference.engine import Request
from longtake.settings import Settings, load_settings
from tests.batch.inline import GIVEN
from tests.batch.slow_server import CHUNKS, SlowServer, wait_for
from tests.batch.test_processes import OFF
from tests.batch.test_run import make_film
from tests.tiny_gguf import write_vlm
from tests.videos import draw_noisy, make_video

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
ray = pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without processors, and three nodes of one each."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 << 20}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False} | small
    )
    cluster.nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(3)]
    yield cluster
    cluster.shutdown()


def start(address: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "longtake", "batch", *arguments, "--ray", address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: "subprocess.Popen[str]") -> str:
    with process:
        said, _ = process.communicate(timeout=240)
    return said


def ask_server(films: Path, server: SlowServer) -> list[str]:
    short = ["--chunk-seconds", "1", "--chunking", "fixed", "--at-once", "2"]
    return [str(films), *OFF, "--base-url", server.url, *short]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(6):
        path = folder / f"{seed}.mp4"
        make_video(path, seconds=CHUNKS, draw=lambda k, w, h, n=seed: draw_noisy(k + 200 * n, w, h))
    return folder


def read_results(out: Path) -> dict[str, str]:
    """What each result says, but for how long it took."""
    found: dict[str, str] = {}
    for path in sorted(out.rglob("*")):
        if path.name == "descriptions.csv":
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row | {"seconds": ""} for row in csv.DictReader(file)]
            found[str(path.relative_to(out))] = str(rows)
        elif path.name == "summary.md":
            found[str(path.relative_to(out))] = path.read_text(encoding="utf-8")
        elif path.name == "index.csv":
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row | {"took": ""} for row in csv.DictReader(file)]
            found["index.csv"] = str(rows)
    return found


def test_thirty_films_of_all_kinds_come_out_as_on_one_machine(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(24):
        make_film(tmp_path / "films" / f"talk {seed}.mp4", seed)
    for number in range(6):
        path = tmp_path / "films" / f"broken {number}.mp4"
        whole = (tmp_path / "films" / f"talk {number}.mp4").read_bytes()
        path.write_bytes(
            [b"no film", whole[:900], b"", whole[300:], b"\0" * 5000, whole[:-200]][number]
        )
    said = end(start(cluster.address, "films", "--engine", "fake", *OFF, "--out", "far"))
    assert re.search("^30 videos: 2[45] done", said, re.MULTILINE), said
    monkeypatch.setenv("LONGTAKE_HOME", str(tmp_path / "other"))
    command = [sys.executable, "-m", "longtake", "batch", "films", "--engine", "fake", *OFF]
    subprocess.run([*command, "--out", "near", "-q", "--jobs", "2"], check=False)
    assert read_results(Path("far")) == read_results(Path("near"))


def test_node_that_dies_costs_what_was_under_way_and_no_more(
    cluster: Any, films: Path, server: SlowServer
) -> None:
    process = start(cluster.address, *ask_server(films, server))
    wait_for(server, 15)
    cluster.remove_node(cluster.nodes[0], allow_graceful=False)
    assert "6 videos: 6 done" in end(process)
    assert len(server.asked) == 6 * CHUNKS
    assert sum(count - 1 for count in server.asked.values()) <= 2  # two under way on that node


def test_driver_that_dies_costs_what_was_under_way_and_no_more(
    cluster: Any, films: Path, server: SlowServer
) -> None:
    process = start(cluster.address, *ask_server(films, server))
    wait_for(server, 25)
    process.kill()
    end(process)
    time.sleep(2)  # its workers end
    assert "6 videos: 6 done" in end(start(cluster.address, *ask_server(films, server)))
    assert len(server.asked) == 6 * CHUNKS
    assert sum(count - 1 for count in server.asked.values()) <= 6  # two of each worker


def find_workers() -> list[int]:
    told = subprocess.run(
        ["pgrep", "-f", "ray::VideoActor"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in told.stdout.split()]


def test_worker_that_is_killed_is_replaced_and_its_video_goes_on(
    cluster: Any, films: Path, server: SlowServer
) -> None:
    process = start(cluster.address, *ask_server(films, server))
    wait_for(server, 15)
    os.kill(find_workers()[0], signal.SIGKILL)
    assert "6 videos: 6 done" in end(process)
    assert sum(count - 1 for count in server.asked.values()) <= 2


def test_video_that_ends_its_workers_is_given_up_and_the_others_are_done(
    cluster: Any, films: Path, server: SlowServer
) -> None:
    for path in sorted(films.iterdir())[2:]:
        path.unlink()
    process = start(cluster.address, *ask_server(films, server), "--jobs", "1")
    deaths = 0
    while process.poll() is None and deaths < 3:
        before = server.asked.total()
        while server.asked.total() <= before and process.poll() is None:
            time.sleep(0.05)
        for pid in find_workers():
            os.kill(pid, signal.SIGKILL)
            deaths += 1
        time.sleep(0.5)
    said = end(process)
    assert "2 videos: 1 done, 1 failed" in said, said
    assert "3 workers ended while they went through it" in said


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1", "head"])
def test_cluster_that_is_not_there_is_told(address: str) -> None:
    from longtake.batch.on_ray import open_crew

    with pytest.raises(UsageError, match=f"the Ray cluster {address} can't be reached"):
        open_crew(address, 1, Settings())


OLD_HEAD = """
import ray
ray.__version__ = "2.59.0"
print(ray.init(num_cpus=0, include_dashboard=False).address_info["gcs_address"], flush=True)
input()
"""


def test_cluster_of_another_version_is_told(films: Path) -> None:
    command = ["env", "RAY_AUTH_MODE=disabled", sys.executable, "-c", OLD_HEAD]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as head:
        assert head.stdin and head.stdout
        said = end(start(head.stdout.readline().strip(), "films", "--engine", "fake", *OFF))
        head.communicate("\n")
    assert re.search(r"can't be joined: .*2\.59\.0", said), said
    assert "Ray and Python must be the same here and there." in said


def test_cluster_on_which_no_worker_starts_is_told(cluster: Any, films: Path) -> None:
    away = {"PYTHONPATH": str(films.parent / "elsewhere")}
    (films.parent / "elsewhere" / "longtake").mkdir(parents=True)
    (films.parent / "elsewhere" / "longtake" / "__init__.py").touch()  # not the Longtake of here
    cluster.remove_node(cluster.nodes[0])
    for node in cluster.nodes[1:]:
        cluster.remove_node(node)
    cluster.add_node(num_cpus=1, env_vars=away)
    said = end(start(cluster.address, "films", "--engine", "fake", *OFF))
    assert "error: no worker starts on the cluster: " in said
    assert "Has each machine the same Longtake and Python as this one?" in said


def test_card_is_asked_for_where_none_is(cluster: Any, films: Path) -> None:
    said = end(start(cluster.address, "films", "--device", "cuda", "--engine", "fake", *OFF))
    assert "error: the Ray cluster has no graphics card, and --device cuda asks for one" in said


@pytest.mark.enable_socket
def test_worker_tells_how_far_it_is_and_what_is_to_be_noted(cluster: Any, tmp_path: Path) -> None:
    from longtake.batch.on_ray import open_crew

    settings = load_settings({**GIVEN, "out": str(tmp_path / "out"), "engine": "fake"})
    film = make_film(tmp_path / "film.mp4", 1)
    try:
        crew = open_crew(cluster.address, 1, settings)
        *steps, outcome = crew.go(iter([BatchTask(1, str(film), settings)]))
    finally:
        ray.shutdown()
    assert isinstance(outcome, BatchOutcome) and outcome.status == "done"
    assert any(isinstance(step, BatchStep) and step.stage for step in steps)


@pytest.mark.enable_socket
def test_model_lives_on_the_cards_and_all_workers_ask_it(cluster: Any, tmp_path: Path) -> None:
    from longtake.batch.on_ray import open_crew

    model = f"gguf:{write_vlm(tmp_path)}"
    for _ in range(2):
        cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=80 << 20)
    given = {**GIVEN, "reconciler": "digest", "engine": model}
    tasks = []
    for number in range(4):
        film = make_film(tmp_path / f"{number}.mp4", number)
        settings = load_settings({**given, "out": str(tmp_path / f"out-{number}")})
        tasks.append(BatchTask(number, str(film), settings))
    try:
        crew = open_crew(cluster.address, 3, tasks[0].settings)
        told = list(crew.go(iter(tasks)))
        free = ray.available_resources().get("GPU", 0)
    finally:
        ray.shutdown()
    outcomes = [each for each in told if isinstance(each, BatchOutcome)]
    assert free == 0
    assert len(outcomes) == 4
    # Its weights are random: it may babble past the end of a reply.
    assert {"done"} <= {each.status for each in outcomes} <= {"done", "gaps"}, outcomes
    assert all(each.output_tokens for each in outcomes)


@pytest.mark.enable_socket
def test_engine_in_an_actor_answers_as_it_does_here_and_its_errors_come_whole(cluster: Any) -> None:
    from longtake.batch.ray_engines import EngineActor, FarEngine
    from longtake.engines import open_engine
    from longtake.errors import RequestTooLarge

    ray.init(address=cluster.address, log_to_driver=False)
    try:
        actor = ray.remote(EngineActor).options(max_concurrency=4)
        far = FarEngine([actor.remote("fake", Settings()) for _ in range(2)])
        near = open_engine("fake", Settings())
        request = Request("You repeat.", ("[1] One thing.",))
        assert far.answer(request).text == near.answer(request).text
        assert (far.name, far.capabilities) == (near.name, near.capabilities)
        assert far.count_tokens("a b c") == 3
        with pytest.raises(RequestTooLarge, match="more than the fake takes"):
            far.answer(Request("You repeat.", ("word " * 9000,)))
    finally:
        ray.shutdown()
