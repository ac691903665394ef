"""Playlists, in Python and by the command line."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from longtake.links.addresses import check_link
from longtake.links.metadata import list_playlist
from tests.links.download.loads import (
    LOCAL,
    SLOW,
    failure,
    load,
)
from tests.servers import Answer, ScriptedServer
from tests.webs import WebFile, as_feed, as_page


@SLOW
def test_a_playlist_is_said_to_be_one_and_listed_in_its_order(web: ScriptedServer) -> None:
    web.set("/feed", as_feed("Films", one=f"{web.url}/1.mp4", two=f"{web.url}/2.mp4"))
    error = failure(f"{web.url}/feed")
    assert error.kind == "playlist" and "2 videos: Films" in error.message
    assert "--playlist" in error.hint
    entries = list_playlist(check_link(f"{web.url}/feed"), LOCAL)
    assert [(e.link[-6:], e.title) for e in entries] == [("/1.mp4", "one"), ("/2.mp4", "two")]


@SLOW
def test_videos_that_stand_in_one_page_have_links_of_their_own(web: ScriptedServer) -> None:
    web.set("/page", as_page('<video src="/1.mp4"></video><video src="/2.mp4"></video>'))
    links = [entry.link for entry in list_playlist(check_link(f"{web.url}/page"), LOCAL)]
    assert links == [f"{web.url}/1.mp4", f"{web.url}/2.mp4"]


def test_what_a_playlist_lists_is_never_a_file_of_this_machine(
    web: ScriptedServer, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.mp4"
    listed = {"a": str(mine), "b": f"file://{mine}", "c": "x:mine.mp4", "d": "mine.mp4"}
    web.set("/feed", as_feed("Mine", **listed))
    links = [entry.link for entry in list_playlist(check_link(f"{web.url}/feed"), LOCAL)]
    assert links == [f"{web.url}{mine}", f"file://{mine}", f"{web.url}/mine.mp4"]


@SLOW
def test_a_page_without_end_fills_no_memory(web: ScriptedServer) -> None:
    zeros = zlib.compressobj(wbits=31)
    bomb = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(1500)) + zeros.flush()
    start = zlib.compressobj(wbits=31)
    page = start.compress(b"<!doctype html><html>") + start.flush() + bomb
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    web.set("/page", Answer(200, page, headers))
    assert failure(f"{web.url}/page").kind == "site_broken"


@SLOW
def test_a_playlist_of_one_video_is_that_video(web: ScriptedServer, clip: bytes) -> None:
    web.set("/feed", as_feed("Films", one=f"{web.url}/1.mp4"))
    web.set("/1.mp4", WebFile(clip))
    assert load(f"{web.url}/feed")[0].path.read_bytes() == clip


def describe(*more: str) -> tuple[int, str, str]:
    """`longtake describe` on servers of this machine: its status and what it printed."""
    command = [sys.executable, "-m", "longtake", "describe", "--engine", "fake"]
    off = ["--speech", "off", "--read-text", "off", "--allow-private-addresses"]
    done = subprocess.run([*command, *off, *more], capture_output=True, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


@SLOW
def test_a_playlist_goes_on_after_a_video_that_can_not_be_had(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/feed", as_feed("<Films>", one=f"{web.url}/1", two=f"{web.url}/2.mp4"))
    web.set("/2.mp4", WebFile(clip))
    code, out, err = describe(f"{web.url}/feed", "--playlist", "--json", "--out", "films")
    assert code == 3 and "1 of 2: one" in err and "nothing at this address" in err
    found = json.loads(out)
    assert len(found["videos"]) == 1 and len(found["failed"]) == 1
    assert found["failed"][0]["title"] == "one" and found["failed"][0]["hint"]
    assert [path.name for path in Path("films").iterdir()] == ["002"]


@SLOW
@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/none", 4, "there is nothing at this address"),
        ("/feed", 2, "a playlist of 2 videos"),
        ("/page", 2, "no video was found"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_a_link_and_what_to_do(
    web: ScriptedServer, path: str, code: int, said: str
) -> None:
    web.set("/feed", as_feed("Films", one=f"{web.url}/1.mp4", two=f"{web.url}/2"))
    web.set("/page", as_page("nothing"))
    status, out, err = describe(f"{web.url}{path}")
    assert (status, out) == (code, "") and said in err and "\nhint: " in err
