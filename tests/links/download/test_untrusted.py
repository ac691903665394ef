"""What is untrusted: titles, cookies, private places, the loader itself."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import LinkError, UsageError
from longtake.links.addresses import check_link
from longtake.links.guard import Guard, open_guard
from longtake.links.metadata import list_playlist, look
from longtake.settings import Settings
from tests.links.download.loads import (
    LOCAL,
    SLOW,
    WISH,
    failure,
    load,
)
from tests.servers import Answer, Asked, ScriptedServer, serve
from tests.webs import WebFile, as_list, as_page, redirect


@pytest.mark.parametrize(
    "title",
    [
        "../../../-o %(id)s <script>alert(1)</script>\n\x1b[2J",
        pytest.param("a" * 10_000, marks=SLOW),
    ],
)
def test_a_title_reaches_no_path(web: ScriptedServer, clip: bytes, title: str, home: Path) -> None:
    shown = title.replace("<", "&lt;").replace("\n", "&#10;").replace("\x1b", "&#27;")
    head = f'<meta property="og:video" content="{web.url}/v.mp4">'
    web.set("/page", as_page("", head=f'{head}<meta property="og:title" content="{shown}">'))
    web.set("/v.mp4", WebFile(clip))
    loaded, _ = load(f"{web.url}/page")
    assert loaded.title and len(loaded.title) <= 300 and loaded.title.isprintable()
    names = {path.name for path in home.rglob("*")}
    letters = set("0123456789abcdef")
    known = {"cache", "media", "links", "parts", "lock"}
    assert all(set(name.split(".")[0]) <= letters for name in names - known)
    assert {path.name for path in home.parent.iterdir()} == {home.name}


def test_cookies_are_sent_and_their_file_stays_as_it_is(
    web: ScriptedServer, clip: bytes, tmp_path: Path, home: Path
) -> None:
    cookies = tmp_path / "cookies.txt"
    content = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsecret\n"
    cookies.write_text(content)

    def answer(asked: Asked, connection: object) -> Answer:
        extra = {"Set-Cookie": "new=1; Max-Age=9999", "Content-Type": "video/mp4"}
        return Answer(200, clip, extra)

    web.set("/v.mp4", answer)
    load(f"{web.url}/v.mp4", replace(LOCAL, cookies=str(cookies)))
    assert all("session=secret" in a.headers.get("Cookie", "") for a in web.asked)
    assert cookies.read_text() == content
    assert not any(b"secret" in p.read_bytes() for p in home.rglob("*") if p.is_file())


@SLOW
def test_cookies_that_are_none_are_a_wrong_setting(web: ScriptedServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--cookies no\.txt can't be read: No such file"):
        load(f"{web.url}/v.mp4", replace(LOCAL, cookies="no.txt"))
    named = tmp_path / "cookies.txt"
    named.write_text("[]")
    with pytest.raises(UsageError, match=r"cookies\.txt"):
        load(f"{web.url}/v.mp4", replace(LOCAL, cookies=str(named)))
    assert web.asked == []


def test_a_link_to_this_machine_is_refused_unless_it_is_allowed(web: ScriptedServer) -> None:
    error = failure(f"{web.url}/v.mp4", Settings())
    assert error.kind == "private_address" and "--allow-private-addresses" in error.hint
    assert web.asked == []


STARTED: list[str] = []
"""Programs, while it is kept watch of what is started."""


@pytest.fixture(scope="module")
def watch() -> Callable[[], list[str]]:
    """Gives what was started since it was called last."""
    sys.addaudithook(lambda event, given: note_start(event, given))

    def take() -> list[str]:
        found, STARTED[:] = list(STARTED), []
        return found

    return take


def note_start(event: str, given: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        STARTED.append(str(given[1]))


def test_no_process_is_started_for_a_link_whose_address_is_private(
    web: ScriptedServer, watch: Callable[[], list[str]]
) -> None:
    watch()
    for link in (f"{web.url}/v.mp4", "https://localhost/v.mp4", "http://[::1]/", "http://10.1/"):
        assert failure(link, Settings()).kind == "private_address"
        with pytest.raises(LinkError, match="private network"):
            list_playlist(check_link(link), Settings())
    assert watch() == []
    web.set("/page", as_page(""))
    failure(f"{web.url}/page")
    assert len(watch()) == 1


def ask_loader(guard: Guard, tmp_path: Path, **asked: object) -> dict[str, object]:
    """The last line of a loader that is given this request."""
    shared = {"proxy": guard.url, "cache": str(tmp_path / "c"), "timeout": 5, "max_bytes": 0}
    command = [sys.executable, "-P", "-W", "ignore", "-m", "longtake.links.loader"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for line in (shared, asked):
            process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()  # and it stays open: the loader ends with its parent
        for said in process.stdout:
            told: dict[str, object] = json.loads(said)
            if told.keys() & {"done", "failed"}:
                return told
    raise AssertionError("the loader said nothing")


def test_the_loader_follows_no_proxy_no_config_file_and_no_plugin_of_the_user(
    web: ScriptedServer, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    trap = tmp_path / "trap"
    plugin = tmp_path / "yt-dlp" / "plugins" / "mine" / "yt_dlp_plugins" / "extractor" / "mine.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(trap)!r}, 'w')")
    (tmp_path / "yt-dlp" / "config").write_text(f"--no-such-option --exec 'touch {trap}'")
    web.set("/v.mp4", WebFile(clip))
    assert look(check_link(f"{web.url}/v.mp4"), LOCAL, WISH).title == "v"
    assert not trap.exists()


def test_the_second_place_that_a_link_leads_to_is_checked_as_the_first(
    web: ScriptedServer, tmp_path: Path
) -> None:
    """A page is allowed; what it names is asked of a guard that allows nothing here any more."""
    with open_guard(True) as guard:

        def forbid(asked: Asked, connection: object) -> Answer:
            guard.allow_private = False
            return pages[asked.path]

        pages = {"/moved": redirect("/v.mp4")}
        web.set("/moved", forbid)
        said = ask_loader(guard, tmp_path, do="look", link=f"{web.url}/moved")
        assert "failed" in said and guard.refused == ["127.0.0.1"]
        assert [a.path for a in web.asked] == ["/moved"]


@SLOW
def test_a_segment_in_a_private_place_is_refused(web: ScriptedServer, tmp_path: Path) -> None:
    web.set("/v.m3u8", as_list("s.ts"))
    with open_guard(True) as guard:
        link = f"{web.url}/v.m3u8"
        info = ask_loader(guard, tmp_path, do="look", link=link)["done"]
        assert isinstance(info, dict)

        def forbid(asked: Asked, connection: object) -> Answer:
            guard.allow_private = False
            return as_list("s.ts")

        web.set("/v.m3u8", forbid)
        asked = {"do": "load", "info": info, "format": info["formats"][0]}
        place = {"folder": str(tmp_path), "out": "part"}
        said = ask_loader(guard, tmp_path, **asked, **place)
        assert "failed" in said and set(guard.refused) == {"127.0.0.1"}
    assert not any(a.path == "/s.ts" for a in web.asked)


WALL = """
import os, socket, subprocess
from longtake.links.loader import wall_in
wall_in("http://guard:secret@127.0.0.1:{port}")
socket.create_connection(("127.0.0.1", {port})).close()
def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {other}))
def unix():
    socket.socket(socket.AF_UNIX).connect("/tmp/x")
for breach in (
    lambda: socket.create_connection(("127.0.0.1", {other})),
    lambda: socket.create_connection(("::1", {port})),
    lambda: socket.getaddrinfo("example.com", 80),
    lambda: subprocess.run(["true"]),
    lambda: subprocess.run("true", shell=True),
    lambda: os.system("true"),
    lambda: os.execv("/bin/true", ["true"]),
    lambda: os.posix_spawn("/bin/true", ["true"], {{}}),
    udp,
    unix,
):
    try:
        breach()
    except PermissionError as error:
        print(error)
"""


def test_the_loader_connects_to_the_guard_alone_and_starts_nothing_but_deno() -> None:
    with serve() as web, serve() as other:
        ports = [server.url.rpartition(":")[2] for server in (web, other)]
        program = WALL.format(port=ports[0], other=ports[1])
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 10 and all(line.startswith(("no ", "names ")) for line in lines)
