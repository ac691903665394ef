"""Subtitle tracks inside real files: which there are, which is taken, and what they say."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from longtake.errors import SourceError
from longtake.records import Transcript
from longtake.video.tracks import LAST_SECONDS, MOST_BYTES, list_tracks
from longtake.words.speech.subtitles import find_subtitles, read_embedded
from tests.videos import cut, draw_noisy

HEADER = b"[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Effect, Text\n"
RATE = 10

Cues = Sequence[tuple[float, float, bytes]]
"""Start, end, and what the packet holds."""


def sample(text: bytes, style: bytes = b"") -> bytes:
    """As MP4 holds it: the length, the text, boxes of style."""
    return len(text).to_bytes(2) + text + style


def event(number: int, text: str) -> bytes:
    """As Matroska holds a line of ASS."""
    return f"{number},0,Default,,0,0,0,,{text}".encode()


HELLO = ((1.0, 2.5, b"<i>Hello</i>,\nworld"), (3.0, 4.0, b"Good &amp; bad"))
SAID = [(1.0, 2.5, "Hello, world"), (3.0, 4.0, "Good & bad")]


@dataclass(frozen=True)
class Made:
    """A track to write into a file."""

    codec: str = "subrip"
    cues: Cues = HELLO
    language: str = "eng"
    title: str = ""
    disposition: int = 0


def make_file(
    path: Path, tracks: Sequence[Made], *, first: float = 0.0, seconds: int = 5, sound: str = ""
) -> Path:
    """A video with these subtitle tracks; `first` is when its first picture is due."""
    tick = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        picture: Any = container.add_stream("libx264", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        picture.options = {"bf": "0"}
        streams = [add_track(container, track) for track in tracks]
        if sound:
            add_silence(container, sound)
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(draw_noisy(number, 64, 48), format="rgb24")
            frame.pts, frame.time_base = number + int(first * RATE), Fraction(1, RATE)
            container.mux(picture.encode(frame))
            due = number / RATE
            for track, stream in zip(tracks, streams, strict=True):
                for start, end, content in track.cues:
                    if due <= start < due + 1 / RATE:
                        packet = av.Packet(content)
                        packet.stream, packet.time_base = stream, tick
                        packet.pts = packet.dts = int((start + first) * 1000)
                        packet.duration = int((end - start) * 1000)
                        container.mux(packet)
        container.mux(picture.encode(None))
    return path


def add_track(container: Any, track: Made) -> Any:
    stream = container.add_stream(track.codec)
    if track.codec not in ("dvd_subtitle", "dvb_subtitle"):
        stream.codec_context.subtitle_header = HEADER
    stream.metadata["language"] = track.language
    if track.title:
        stream.metadata["title"] = track.title
    stream.disposition = Disposition(track.disposition)
    return stream


def add_silence(container: Any, language: str) -> None:
    stream = container.add_stream("aac", rate=8000)
    stream.metadata["language"] = language
    for number in range(8):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, number * 1024, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def said(transcript: Transcript | None) -> list[tuple[float, float, str]]:
    assert transcript
    return [(s.span.start, s.span.end, s.text) for s in transcript.segments]


@pytest.mark.parametrize(
    ("name", "codec", "cues"),
    [
        ("a.mkv", "subrip", HELLO),
        ("a.mkv", "text", HELLO),
        ("a.mkv", "webvtt", HELLO),
        ("a.webm.mkv", "webvtt", [(1.0, 2.5, b"<c>Hello, world"), HELLO[1]]),
        (
            "a.mkv",
            "ass",
            [(1.0, 2.5, event(0, "{\\an8}Hello,\\Nworld")), (3.0, 4.0, event(1, "Good & bad"))],
        ),
        (
            "a.mp4",
            "mov_text",
            [
                (1.0, 2.5, sample(b"Hello,\nworld", b"\0\0\0\x16styl" + bytes(14))),
                (3.0, 4.0, sample("\ufeffGood & bad".encode("utf-16-be"))),
            ],
        ),
        ("a.mov", "mov_text", [(s, e, sample(text)) for s, e, text in HELLO]),
    ],
)
def test_each_kind_of_track_gives_its_words_and_times(
    tmp_path: Path, name: str, codec: str, cues: Cues
) -> None:
    path = make_file(tmp_path / name, [Made(codec, cues)])
    transcript = find_subtitles(path, 0.0, "auto")
    assert said(transcript) == SAID
    assert transcript and transcript.source == "subtitle track 1 of the file (eng)"
    assert (transcript.language, transcript.remark) == ("en", "")


def test_the_speaker_in_a_webvtt_track_is_kept(tmp_path: Path) -> None:
    cues = [(1.0, 2.0, b"<v Ann Bee>Hello</v>"), (2.0, 3.0, b"[music]")]
    path = make_file(tmp_path / "a.mkv", [Made("webvtt", cues)])
    assert [text for _, _, text in said(find_subtitles(path, 0.0, "auto"))] == [
        "Ann Bee: Hello",
        "[music]",
    ]


def test_times_count_from_the_first_picture(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a.mkv", [Made()], first=1.5)
    assert said(find_subtitles(path, 1.5, "auto")) == SAID
    late = said(find_subtitles(path, 3.0, "auto"))
    assert late == [(0.0, 1.0, "Hello, world"), (1.5, 2.5, "Good & bad")]


def test_tracks_are_listed_with_what_the_file_says_of_them(tmp_path: Path) -> None:
    tracks = [
        Made(title="Signs\nonly", disposition=Disposition.forced),
        Made(language="ger", disposition=Disposition.default, title="x" * 99),
        Made("dvd_subtitle", [(1.0, 2.0, b"\0\x20" + bytes(30))], "fre"),
        Made("ass", [(1.0, 2.0, event(0, "a"))], "", disposition=Disposition.hearing_impaired),
        Made(title="Director's Commentary"),
    ]
    found = list_tracks(make_file(tmp_path / "a.mkv", tracks, sound="ger"))
    assert found.sound_language == "ger"
    assert [str(track).removeprefix("subtitle track ") for track in found.subtitles] == [
        '1 of the file (eng, "Signs only")',
        f'2 of the file (ger, "{"x" * 59}…")',
        "3 of the file (fre, DVD)",
        "4 of the file",
        '5 of the file (eng, "Director\'s Commentary")',
    ]
    assert [track.form for track in found.subtitles] == ["srt", "srt", "", "ass", "srt"]
    assert [track.forced for track in found.subtitles] == [True, *[False] * 4]
    assert [track.default for track in found.subtitles] == [False, True, False, False, False]
    assert [track.hearing_impaired for track in found.subtitles] == [*[False] * 3, True, False]
    assert [track.commentary for track in found.subtitles] == [*[False] * 4, True]


DEFAULT = Disposition.default


@pytest.mark.parametrize(
    ("sound", "tracks", "number"),
    [
        ("", [Made(language="fre"), Made()], 2),
        ("ger", [Made(), Made(language="deu")], 2),
        ("ger", [Made(language="fre"), Made(), Made(language="spa")], 2),
        ("", [Made(language="fre"), Made(language="spa", disposition=DEFAULT)], 2),
        ("", [Made(language="fre", disposition=DEFAULT), Made(language="")], 2),
        ("", [Made(), Made(disposition=DEFAULT)], 2),
        ("", [Made(disposition=Disposition.hearing_impaired), Made()], 2),
        ("", [Made(title="Commentary"), Made(language="fre")], 2),
        ("", [Made(title="English (forced)"), Made(language="fre")], 2),
        ("", [Made(cues=[(1.0, 2.0, b" ")]), Made(language="fre")], 2),
        ("", [Made("dvd_subtitle", [(1.0, 2.0, b"\0\x20" + bytes(30))]), Made(language="fre")], 2),
        ("", [Made(disposition=Disposition.hearing_impaired), Made(language="fre")], 1),
    ],
)
def test_the_best_track_is_taken(
    tmp_path: Path, sound: str, tracks: list[Made], number: int
) -> None:
    path = make_file(tmp_path / "a.mkv", tracks, sound=sound)
    transcript = find_subtitles(path, 0.0, "auto")
    assert said(transcript) == SAID
    assert transcript and f"track {number} of" in transcript.source


@pytest.mark.parametrize(
    ("track", "why"),
    [
        (
            Made("dvd_subtitle", [(1.0, 2.0, b"\0\x20" + bytes(30))]),
            "subtitle track 1 of the file (eng, DVD) is not used: it holds no text",
        ),
        (
            Made(disposition=Disposition.forced),
            "(eng) is not used: it holds forced subtitles alone",
        ),
        (Made(cues=[(1.0, 2.0, b"<b> </b>")]), "(eng) is not used: it is empty"),
        (Made(cues=[]), "(eng) is not used: it is empty"),
    ],
)
def test_a_track_that_is_not_used_is_named(
    tmp_path: Path, track: Made, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_file(tmp_path / "a.mkv", [track])
    with caplog.at_level(logging.INFO, "longtake"):
        assert find_subtitles(path, 0.0, "auto") is None
    assert why in caplog.text


def test_a_file_beside_the_video_comes_before_its_tracks(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a.mkv", [Made()])
    (tmp_path / "a.de.srt").write_text("1\n0:01 --> 0:02\nHallo\n")
    transcript = find_subtitles(path, 0.0, "auto")
    assert said(transcript) == [(1.0, 2.0, "Hallo")]


@pytest.mark.parametrize(
    ("name", "codec", "content"),
    [
        ("a.mkv", "subrip", b"\xff\xfe\xfd"),
        ("a.mkv", "ass", b"0,0,Default,Hello"),
        ("a.mp4", "mov_text", b"\0\xffHello"),
        ("a.mp4", "mov_text", sample(b"\xff\x80\x81")),
        ("a.mp4", "mov_text", b"\0"),
    ],
)
def test_a_track_with_a_packet_that_is_no_text_is_not_used_and_its_time_is_told(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    codec: str,
    content: bytes,
) -> None:
    good = {"ass": event(0, "a"), "mov_text": sample(b"a")}.get(codec, b"a")
    path = make_file(tmp_path / name, [Made(codec, [(1.0, 2.0, good), (3.2, 4.0, content)])])
    with caplog.at_level("INFO", "longtake"):
        assert find_subtitles(path, 0.0, "auto") is None
    track = "subtitle track 1 of the file (eng)"
    said = f"{track} is not used: {name}, {track}, at 0:03.2: what stands there is no"
    assert said in caplog.text


def test_a_track_too_large_to_be_subtitles_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cues = [(1.0, 2.0, b"a" * (MOST_BYTES // 2)), (3.0, 4.0, b"a" * (MOST_BYTES // 2 + 1))]
    path = make_file(tmp_path / "a.mkv", [Made(cues=cues)])
    with caplog.at_level("INFO", "longtake"):
        assert find_subtitles(path, 0.0, "auto") is None
    assert "more than 16 MiB of text" in caplog.text


def test_of_a_file_that_breaks_off_the_subtitles_up_to_there_are_read(tmp_path: Path) -> None:
    cues = [(second, second + 0.5, f"second {second}".encode()) for second in range(20)]
    path = make_file(tmp_path / "a.mkv", [Made(cues=cues)], seconds=20)
    cut(path, 0.5)
    transcript = find_subtitles(path, 0.0, "auto")
    read = [text for _, _, text in said(transcript)]
    assert 5 <= len(read) <= 15
    assert read == [f"second {second}" for second in range(len(read))]


def test_a_text_without_a_length_stands_until_the_next_but_not_for_long(tmp_path: Path) -> None:
    cues = [(1.0, 1.0, b"a"), (2.0, 2.0, b"b"), (7.0, 7.0, b"c")]
    path = make_file(tmp_path / "a.mkv", [Made(cues=cues)], seconds=8)
    assert [(start, end) for start, end, _ in said(find_subtitles(path, 0.0, "auto"))] == [
        (1.0, 2.0),
        (2.0, 2.0 + LAST_SECONDS),
        (7.0, 7.0 + LAST_SECONDS),
    ]


def test_a_file_without_tracks_has_none(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a.mp4", [])
    tracks = list_tracks(path)
    assert (tracks.subtitles, tracks.sound_language, tracks.start) == ((), "", 0.0)
    assert read_embedded(path, 0.0, tracks) is None


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"not a video")
    with pytest.raises(SourceError, match="can't be read as a video"):
        list_tracks(tmp_path / "a.mkv")
