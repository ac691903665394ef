import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import pytest

from longtake.errors import LinkError, OutputError, UsageError
from longtake.links import cache
from longtake.links.addresses import check_link
from longtake.links.download import download
from longtake.links.guard import Guard, open_guard
from longtake.links.look import list_playlist, look
from longtake.links.plan import MediaNeeds
from longtake.records import Progress, SourceFile, Steps
from longtake.settings import Settings
from longtake.video.probe import probe
from tests.conftest import ROOT
from tests.servers import Answer, Asked, ScriptedServer, drop, serve
from tests.videos import draw_noisy, make_sound, make_video
from tests.webs import WebFile, as_dash, as_feed, as_list, as_page, redirect

LOCAL = Settings(allow_private_addresses=True)
WISH = MediaNeeds(512, sound=True, captions=False)

SLOW = pytest.mark.slow
"""Each start of yt-dlp takes half a second, and what can't be had is asked for again and again."""


@pytest.fixture(autouse=True)
def own_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that are marked as slow, too."""
    monkeypatch.setenv("LONGTAKE_HOME", str(home))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return make_video(path, seconds=4, size=(160, 120), draw=draw_noisy).read_bytes()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, clip: bytes) -> bytes:
    """As large as the clip, and with other bytes throughout."""
    path = tmp_path_factory.mktemp("clips") / "other.mp4"
    made = make_video(path, seconds=3, size=(160, 120), draw=draw_noisy).read_bytes()
    spare = len(clip) - len(made)
    return made + spare.to_bytes(4, "big") + b"free" + bytes(spare - 8)


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "segment.ts"
    return make_video(path, seconds=2, sound_seconds=2, file_format="mpegts").read_bytes()


@pytest.fixture
def web() -> Iterator[ScriptedServer]:
    with serve() as server:
        yield server


def fetch(link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH) -> Steps[SourceFile]:
    return download(check_link(link), settings, wish)


def load(
    link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH
) -> tuple[SourceFile, list[Progress]]:
    told: list[Progress] = []
    loaded = yield_from(fetch(link, settings, wish), told)
    return loaded, told


def yield_from(steps: Steps[SourceFile], told: list[Progress]) -> SourceFile:
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def failure(link: str, settings: Settings = LOCAL, wish: MediaNeeds = WISH) -> LinkError:
    with pytest.raises(LinkError) as raised:
        load(link, settings, wish)
    assert raised.value.message and raised.value.hint
    return raised.value


def ranges(web: ScriptedServer) -> list[str]:
    """What the loads asked for, without the look's page and head."""
    asked = [a for a in web.asked if a.method == "GET"]
    return [a.headers.get("Range", "") for a in asked if a.headers.get("If-Range")]


def loaders() -> list[int]:
    """Processes of the loader that this one started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"longtake.links.loader" in words and parent == os.getpid():
            found.append(int(path.name))
    return found


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


# --- what comes, and what is asked for the second time -----------------------------------------


def test_a_file_comes_whole_and_the_second_time_from_the_cache(clip: bytes) -> None:
    with serve() as web:
        web.set("/a%20film.mp4", WebFile(clip, etag='"1"'))
        link = f"{web.url}/a%20film.mp4#t=3"
        first, told = load(link)
        assert first.path.read_bytes() == clip
        assert (first.title, first.link) == ("a film", link.partition("#")[0])
        assert told[-1].done == told[-1].total == len(clip)
        assert any("MB" in step.note for step in told)
        web.asked.clear()
        again, told = load(link)
        assert again == first and len(told) == 1
        assert [a.method for a in web.asked] == ["GET", "HEAD"]  # a look
    without_network, _ = load(link)
    assert without_network == first


@SLOW
def test_what_is_told_before_loading_is_what_comes(web: ScriptedServer, clip: bytes) -> None:
    web.set("/v.mp4", WebFile(clip))
    facts = look(check_link(f"{web.url}/v.mp4"), LOCAL, WISH)
    assert (facts.title, facts.bytes, facts.site, facts.entries) == ("v", len(clip), "", ())


@SLOW
def test_a_redirect_is_followed_and_a_loop_of_them_is_a_failure(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/1", redirect("/2", 301))
    web.set("/2", redirect(f"{web.url}/v.mp4", 307))
    web.set("/v.mp4", WebFile(clip))
    assert load(f"{web.url}/1")[0].path.read_bytes() == clip
    web.set("/loop", redirect("/loop"))
    assert "redirect" in failure(f"{web.url}/loop").message


def test_a_video_in_a_page_comes_with_the_captions_of_the_page(
    web: ScriptedServer, clip: bytes
) -> None:
    track = '<track kind="captions" srclang="en" src="/c.vtt">'
    web.set("/page", as_page(f'<video src="/v.mp4">{track}</video>'))
    web.set("/v.mp4", WebFile(clip))
    web.set("/c.vtt", WebFile(b"WEBVTT\n\n00:01.000 --> 00:02.000\nA cat.\n", "text/vtt"))
    loaded, _ = load(f"{web.url}/page", wish=replace(WISH, captions=True))
    assert loaded.path.read_bytes() == clip
    assert loaded.captions and "A cat." in loaded.captions.read_text()
    assert loaded.captions_source == "captions published with the video (en)"


# --- resuming ----------------------------------------------------------------------------------


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
        "import sys, glob\n"
        "from tests.links.test_links import *\n"
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


# --- limits ------------------------------------------------------------------------------------


def test_a_video_that_is_too_large_is_refused_before_it_is_loaded(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip))
    error = failure(f"{web.url}/v.mp4", replace(LOCAL, max_bytes=50_000))
    assert error.kind == "too_large" and str(len(clip)) in error.hint
    assert [a.method for a in web.asked] == ["GET", "HEAD"]


def test_a_video_of_unknown_size_is_stopped_when_it_grows_too_large_and_never_gone_on_with(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip, length=False))
    error = failure(f"{web.url}/v.mp4", replace(LOCAL, max_bytes=50_000))
    assert error.kind == "too_large" and loaders() == []
    web.asked.clear()
    assert load(f"{web.url}/v.mp4")[0].path.read_bytes() == clip
    assert not any(a.headers.get("Range") for a in web.asked)  # it might be another file now


def test_a_video_that_is_too_long_is_refused_before_it_is_loaded(web: ScriptedServer) -> None:
    web.set("/v.m3u8", as_list("a.ts", "b.ts", seconds=5000))
    error = failure(f"{web.url}/v.m3u8", replace(LOCAL, max_duration=3600))
    assert error.kind == "too_long" and "--max-duration 10000" in error.hint
    assert not any(a.path.endswith(".ts") for a in web.asked)


# --- what is no video --------------------------------------------------------------------------


def test_a_page_without_a_video_is_no_video(web: ScriptedServer) -> None:
    web.set("/page", as_page("<p>No film here.</p>"))
    assert failure(f"{web.url}/page").kind == "not_a_video"


@SLOW
def test_a_file_that_only_calls_itself_a_video_is_no_video_and_is_not_kept(
    web: ScriptedServer,
) -> None:
    web.set("/v.mp4", WebFile(b"none of this is a video\n" * 500))
    error = failure(f"{web.url}/v.mp4")
    assert error.kind == "not_a_video" and str(cache.cache_folder()) not in error.message
    assert not [p for p in cache.cache_folder().rglob("*") if p.is_file() and p.name != "lock"]


@SLOW
def test_sound_alone_is_no_video(web: ScriptedServer, tmp_path: Path) -> None:
    web.set("/s.mp4", WebFile(make_sound(tmp_path / "s.mp4").read_bytes()))
    assert failure(f"{web.url}/s.mp4").kind == "not_a_video"


def test_a_stream_that_is_not_over_is_live(web: ScriptedServer) -> None:
    web.set("/v.m3u8", as_list("a.ts", ended=False))
    assert failure(f"{web.url}/v.m3u8").kind == "live"


@SLOW
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404), "not_found"),
        (Answer(429), "busy"),
        (Answer(503), "site_broken"),
    ],
)
def test_what_the_server_says_is_told_apart(web: ScriptedServer, answer: Answer, kind: str) -> None:
    web.set("/v.mp4", answer)
    assert failure(f"{web.url}/v.mp4").kind == kind


@SLOW
def test_a_host_that_does_not_answer_and_one_that_has_no_name_are_told_apart() -> None:
    with serve() as web:
        url = web.url
    assert failure(f"{url}/v.mp4").kind == "unreachable"
    assert failure("http://no-such-host.invalid/v.mp4").kind in ("name_not_found", "no_network")


# --- HLS ---------------------------------------------------------------------------------------


def test_segments_come_as_one_file_that_browsers_play(web: ScriptedServer, segment: bytes) -> None:
    web.set("/v.m3u8", as_list("s.ts"))
    web.set("/s.ts", WebFile(segment, "video/mp2t"))
    loaded, _ = load(f"{web.url}/v.m3u8")
    video, index = probe(loaded.path, "")
    assert (len(index.times), loaded.path.suffix) == (20, ".mp4")
    assert video.duration == pytest.approx(2, abs=0.2)


def test_picture_and_sound_that_come_apart_are_put_together(
    web: ScriptedServer, clip: bytes, tmp_path: Path
) -> None:
    web.set("/v.mpd", as_dash("p.mp4", "s.mp4", 4))
    web.set("/p.mp4", WebFile(clip))
    web.set("/s.mp4", WebFile(make_sound(tmp_path / "s.mp4", 4).read_bytes()))
    loaded, told = load(f"{web.url}/v.mpd")
    with av.open(str(loaded.path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    assert len(probe(loaded.path, "")[1].times) == 40
    done = [step.done for step in told]
    assert done == sorted(done)
    silent, _ = load(f"{web.url}/v.mpd", wish=replace(WISH, sound=False))
    assert silent.path == loaded.path  # what is here serves a smaller wish, too


@SLOW
def test_segments_under_a_key_are_read(web: ScriptedServer, segment: bytes) -> None:
    from Cryptodome.Cipher import AES
    from Cryptodome.Util.Padding import pad

    key = b"sixteen letters!"
    hidden = AES.new(key, AES.MODE_CBC, iv=bytes(16)).encrypt(pad(segment, 16))
    web.set("/v.m3u8", as_list("s.ts", key="key"))
    web.set("/key", Answer(200, key))
    web.set("/s.ts", WebFile(hidden, "video/mp2t"))
    assert len(probe(load(f"{web.url}/v.m3u8")[0].path, "")[1].times) == 20


@pytest.mark.parametrize(
    "where",
    [
        "file://{path}",
        pytest.param("{path}", marks=SLOW),
        pytest.param("concat:{path}", marks=SLOW),
        pytest.param("ftp://127.0.0.1/x", marks=SLOW),
    ],
)
def test_a_segment_of_this_machine_is_not_read(
    web: ScriptedServer,
    tmp_path: Path,
    segment: bytes,
    where: str,
) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(segment)
    web.set("/v.m3u8", as_list(where.format(path=secret)))
    failure(f"{web.url}/v.m3u8")
    assert not list((cache.cache_folder() / "media").glob("*"))


# --- playlists ---------------------------------------------------------------------------------


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


# --- what is untrusted -------------------------------------------------------------------------


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


# --- the command line --------------------------------------------------------------------------


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


# --- the cache ---------------------------------------------------------------------------------


def test_two_runs_of_one_link_load_it_once(web: ScriptedServer, clip: bytes) -> None:
    web.set("/v.mp4", WebFile(clip, etag='"1"', pause=0.005))
    found: list[SourceFile] = []
    runs = [
        threading.Thread(target=lambda: found.append(load(f"{web.url}/v.mp4")[0])) for _ in "ab"
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert found[0] == found[1] and ranges(web) == [""]


def test_a_run_that_waits_for_the_load_of_another_says_so(web: ScriptedServer, clip: bytes) -> None:
    link = f"{web.url}/v.mp4"
    web.set("/v.mp4", WebFile(clip))
    with closing(fetch(link)) as steps:
        with cache.open_part(link):
            assert next(steps).note == "asking 127.0.0.1"
            assert "another run is loading it" in next(steps).note
        assert yield_from(steps, []).title


@SLOW
def test_a_home_that_takes_no_files_is_said_to_be_so(
    web: ScriptedServer, clip: bytes, home: Path
) -> None:
    home.mkdir()
    (home / "cache").write_text("a file where the folder should be")
    web.set("/v.mp4", WebFile(clip))
    with pytest.raises(OutputError, match="can't be written"):
        load(f"{web.url}/v.mp4")


@SLOW
def test_a_server_that_promises_more_than_it_gives_is_a_load_that_broke_off(
    web: ScriptedServer, clip: bytes
) -> None:
    web.set("/v.mp4", WebFile(clip, length=len(clip) + 1000))
    assert failure(f"{web.url}/v.mp4").kind == "broke_off"
    web.set("/gone.mp4", WebFile(clip), WebFile(clip), drop)
    assert failure(f"{web.url}/gone.mp4").kind == "broke_off"
