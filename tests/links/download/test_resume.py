"""Loads that break off are gone on with, and leave no process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.errors import LinkError
from tests.conftest import ROOT
from tests.links.download.loads import SLOW, fetch, gone, load, loaders, ranges
from tests.servers import ScriptedServer
from tests.webs import WebFile


def test_a_load_goes_on_where_the_connection_broke(web: ScriptedServer, clip: bytes) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', breaks=3, after=30_000))
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == clip
    first, *later = ranges(web)
    assert not first and len(later) == 2
    assert all(int(asked.removeprefix("bytes=").rstrip("-")) > 8_000 for asked in later)


def test_a_file_that_changes_while_it_breaks_off_is_loaded_from_the_start(
    web: ScriptedServer, clip: bytes, other: bytes
) -> None:
    assert len(other) == len(clip)
    old = WebFile(clip, etag='"1"', breaks=2, after=30_000)
    web.set("/v.mp4", old, old, old, WebFile(other, etag='"2"'))  # GET and HEAD of the look
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == other
    assert ranges(web)[1].startswith("bytes=")


@SLOW
def test_a_server_without_ranges_or_heads_is_asked_for_all_again(
    web: ScriptedServer, clip: bytes
) -> None:
    changed = "Mon, 01 Jan 2024 00:00:00 GMT"
    file = WebFile(clip, modified=changed, ranges=False, heads=False, breaks=3, after=30_000)
    web.set("/v.mp4", file)
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == clip
    assert ranges(web)[1:]


def break_off(link: str, at: int = 20_000) -> None:
    """Close a load in the middle."""
    steps = fetch(link)
    for step in steps:
        if step.done > at:
            break
    steps.close()


def test_a_load_that_was_closed_leaves_no_process_and_is_gone_on_with(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', pause=0.05))
    break_off(f"{web.url}/v.mp4")
    assert loaders() == []
    web.set("/v.mp4", WebFile(clip, etag='"1"'))
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == clip
    assert int(ranges(web)[-1].removeprefix("bytes=").rstrip("-")) > 10_000


@SLOW
def test_what_came_of_an_older_file_is_not_gone_on_with(
    web: ScriptedServer, clip: bytes, other: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', pause=0.05))
    break_off(f"{web.url}/v.mp4")
    web.asked.clear()
    web.set("/v.mp4", WebFile(other, etag='"2"'))
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == other
    assert ranges(web) == [""]


@SLOW
def test_a_loader_that_is_killed_says_so_and_is_gone_on_with(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', pause=0.05))
    steps = fetch(f"{web.url}/v.mp4")
    while next(steps).done < 20_000:
        pass
    (pid,) = loaders()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(LinkError) as raised:
        list(steps)
    assert raised.value.kind == "broke_off"
    web.set("/v.mp4", WebFile(clip, etag='"1"'))
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == clip
    assert int(ranges(web)[-1].removeprefix("bytes=").rstrip("-")) > 10_000


def test_the_loader_ends_with_its_parent(web: ScriptedServer, clip: bytes, tmp_path: Path) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', pause=0.2))
    program = (
        "import sys\n"
        "from tests.links.download.loads import fetch, loaders\n"
        "for step in fetch(sys.argv[1]):\n"
        "    if step.done: print(*loaders(), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, f"{web.url}/v.mp4"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "LONGTAKE_HOME": str(tmp_path / "home")},
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)
