"""What comes of a link: a file, whole; within limits; and what is no video."""

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.errors import OutputError
from longtake.links import cache
from longtake.links.addresses import check_link
from longtake.links.metadata import look
from longtake.records import SourceFile
from tests.links.download.loads import (
    LOCAL,
    SLOW,
    WISH,
    failure,
    fetch,
    load,
    loaders,
    ranges,
    yield_from,
)
from tests.servers import Answer, ScriptedServer, drop, serve
from tests.videos import make_sound
from tests.webs import WebFile, as_list, as_page, redirect


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
