"""Streams (HLS), and what comes in several files."""

from dataclasses import replace
from pathlib import Path

import av
import pytest

from longtake.links import cache
from longtake.video.probe import probe
from tests.links.download.loads import SLOW, WISH, failure, load
from tests.servers import Answer, ScriptedServer
from tests.videos import make_sound
from tests.webs import WebFile, as_dash, as_list


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
