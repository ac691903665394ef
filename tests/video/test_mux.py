from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from longtake.errors import SourceError
from longtake.video.mux import join_streams, plays_in_browsers
from longtake.video.probe import probe
from tests.videos import cut, make_sound, make_video, smash

SECONDS, RATE = 3, 10


def make_opus(path: Path, seconds: float = SECONDS) -> Path:
    """Sound as sites give it beside VP9."""
    with av.open(str(path), "w", format="webm") as container:
        stream: Any = container.add_stream("libopus", rate=48000, layout="mono")
        for start in range(0, int(seconds * 48000), 960):
            wave = np.sin(np.arange(start, start + 960) / 30).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


def sound_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        assert frames[-1].time is not None and frames[0].time is not None
        return frames[-1].time - frames[0].time


@pytest.mark.parametrize("form", ["mp4", "webm", "mpegts"])
def test_picture_and_sound_that_come_apart_become_one_file(tmp_path: Path, form: str) -> None:
    codec = "libvpx-vp9" if form == "webm" else "libx264"
    picture = make_video(tmp_path / "p", seconds=SECONDS, codec=codec, file_format=form)
    sound = tmp_path / "s.mp4"
    (make_opus if form == "webm" else make_sound)(sound, SECONDS)
    out = tmp_path / "joined.mp4"
    join_streams([picture, sound], out)
    assert streams(out) == (["vp9", "opus"] if form == "webm" else ["h264", "aac"])
    before, index = probe(picture, "")
    after, joined = probe(out, "")
    assert len(joined.times) == len(index.times) == SECONDS * RATE
    assert after.duration == pytest.approx(before.duration, abs=0.02)
    assert joined.times == pytest.approx(index.times, abs=0.002)
    assert sound_seconds(out) == pytest.approx(SECONDS, abs=0.15)
    assert plays_in_browsers(out)
    head = out.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # plays while it still loads


def test_a_stream_of_segments_becomes_a_file_that_browsers_play(tmp_path: Path) -> None:
    part = make_video(tmp_path / "p.ts", seconds=2, sound_seconds=2, file_format="mpegts")
    assert not plays_in_browsers(part)
    out = tmp_path / "joined.mp4"
    join_streams([part], out)
    assert plays_in_browsers(out) and streams(out) == ["h264", "aac"]
    before, index = probe(part, "")
    after, joined = probe(out, "")
    assert joined.times == pytest.approx(index.times, abs=0.002)
    assert after.duration == pytest.approx(before.duration, abs=0.05)


def test_times_begin_at_nothing_and_keep_their_distance(tmp_path: Path) -> None:
    late = [Fraction(7) + Fraction(n, RATE) for n in range(20)]
    picture = make_video(tmp_path / "p.ts", times=late, file_format="mpegts")
    out = tmp_path / "joined.mp4"
    join_streams([picture], out)
    _, index = probe(out, "")
    assert index.start == pytest.approx(0, abs=0.2)
    assert np.diff(index.times) == pytest.approx(np.full(19, 0.1), abs=0.002)


def test_pictures_out_of_their_order_stay_so(tmp_path: Path) -> None:
    options = {"bf": "3", "x264-params": "b-adapt=0:bframes=3"}
    picture = make_video(tmp_path / "p.mp4", seconds=SECONDS, options=options)
    sound = make_sound(tmp_path / "s.mp4", SECONDS)
    out = tmp_path / "joined.mp4"
    join_streams([picture, sound], out)
    _, before = probe(picture, "")
    _, after = probe(out, "")
    assert after.times == pytest.approx(before.times, abs=0.002)
    assert (after.reach == before.reach).all() and (after.reach == 0).any()


def test_a_codec_that_nobody_knows_is_an_error_of_the_source(tmp_path: Path) -> None:
    part = make_video(tmp_path / "p.mp4", seconds=1)
    part.write_bytes(part.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    assert not plays_in_browsers(part)
    with pytest.raises(SourceError):
        join_streams([part], tmp_path / "joined.mp4")


def test_a_cover_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    part = make_video(tmp_path / "p.mp4", seconds=2, cover=True)
    out = tmp_path / "joined.mp4"
    join_streams([part], out)
    assert streams(out) == ["h264"] and len(probe(out, "")[1].times) == 20
    assert plays_in_browsers(part)


def test_what_is_cut_off_is_joined_as_far_as_it_goes(tmp_path: Path) -> None:
    part = make_video(tmp_path / "p.ts", seconds=SECONDS, file_format="mpegts")
    cut(part, 0.6)
    out = tmp_path / "joined.mp4"
    join_streams([part], out)
    assert 5 < len(probe(out, "")[1].times) < SECONDS * RATE


@pytest.mark.parametrize("damage", ["noise", "empty", "text", "missing"])
def test_parts_that_are_no_media_are_an_error_of_the_source(tmp_path: Path, damage: str) -> None:
    good = make_video(tmp_path / "p.mp4", seconds=1)
    bad = tmp_path / "bad"
    if damage != "missing":
        content = {"noise": bytes(range(256)) * 40, "empty": b"", "text": b"#EXTM3U\nx.ts\n"}
        bad.write_bytes(content[damage])
    with pytest.raises(SourceError) as raised:
        join_streams([good, bad], tmp_path / "joined.mp4")
    assert raised.value.hint


def test_sound_alone_is_joined_and_then_found_to_be_no_video(tmp_path: Path) -> None:
    out = tmp_path / "joined.mp4"
    join_streams([make_sound(tmp_path / "s.mp4")], out)
    with pytest.raises(SourceError, match="no moving pictures"):
        probe(out, "")


@pytest.mark.parametrize("start", [0.1, 0.4, 0.8])
def test_a_broken_middle_breaks_nothing_else(tmp_path: Path, start: float) -> None:
    for name, form in (("p.mp4", "mp4"), ("p.ts", "mpegts"), ("p.mkv", "matroska")):
        part = make_video(tmp_path / name, seconds=2, file_format=form)
        smash(part, start, start + 0.1)
        with suppress(SourceError):
            plays_in_browsers(part)
            join_streams([part], tmp_path / "joined.mp4")
