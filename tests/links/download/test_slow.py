"""Servers that drip, and what is asked of them without end."""

import socket

import pytest

from longtake.errors import LinkError
from longtake.links.process import PAGE_BYTES, open_loader
from tests.links.download.loads import LOCAL, SLOW, failure, load, loaders
from tests.servers import Act, Answer, Asked, ScriptedServer, drip, hang
from tests.webs import WebFile


def drip_file(clip: bytes, first: int) -> Act:
    """A file of which the first bytes come at once, and then one a second."""

    def act(asked: Asked, connection: socket.socket) -> Answer | None:
        lines = ["HTTP/1.1 200 OK", "Content-Type: video/mp4", f"Content-Length: {len(clip)}"]
        head = "\r\n".join([*lines, "Accept-Ranges: bytes", "", ""]).encode()
        if asked.method == "HEAD":
            connection.sendall(head)
            return None
        return drip(head + clip[:first], b"x", 1.0, 100)(asked, connection)

    return act


@SLOW
def test_a_video_that_drips_is_given_up_and_that_is_said_and_nothing_runs_on(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", drip_file(clip, 2000))
    error = failure(f"{web.url}/v.mp4")
    assert error.kind == "too_slow" and "127.0.0.1, less than 20 kB in 20 s" in error.message
    assert len([asked for asked in web.asked if asked.method == "GET"]) == 3 and loaders() == []


@SLOW
def test_what_is_in_the_cache_serves_where_its_site_drips(web: ScriptedServer, clip: bytes) -> None:
    web.set("/v.mp4", WebFile(clip))
    first, _ = load(f"{web.url}/v.mp4")
    web.set("/v.mp4", drip_file(clip, 0))
    assert load(f"{web.url}/v.mp4")[0] == first


def test_no_site_may_take_longer_than_the_limit_whatever_it_does(web: ScriptedServer) -> None:
    web.set("/v.mp4", hang(10))
    link = f"{web.url}/v.mp4"
    with open_loader(link, LOCAL, {"look": 1.0}) as ask:
        with pytest.raises(LinkError, match=r"never end: stopped after 0:01") as caught:
            list(ask({"do": "look", "link": link}))
        assert caught.value.kind == "too_slow"
    assert loaders() == []


@SLOW
def test_page_that_never_ends_is_cut_off_and_that_is_said(web: ScriptedServer) -> None:
    page = b"<html><head><title>" + b"a" * (PAGE_BYTES + 5_000_000)
    web.set("/page", Answer(200, page, {"Content-Type": "text/html"}))
    error = failure(f"{web.url}/page")
    assert error.kind == "too_much" and "127.0.0.1, more than 32 MB" in error.message
    assert loaders() == []
