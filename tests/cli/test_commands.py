"""Commands in this process: what goes to which stream, and the status that each ends with."""

import json
import os
from pathlib import Path

import pytest

from longtake.cli.main import main
from longtake.engines import ENGINES
from tests.servers import serve
from tests.videos import make_video
from tests.webs import WebFile, as_feed

OFF = ["--speech", "off", "--read-text", "off"]
FAKE = ["--engine", "fake", "--reconciler", "fake", *OFF]


def test_each_engine_is_listed_after_the_one_that_serves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["engines"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("auto") and "sketch here now" in first
    assert [line.split()[0] for line in others] == [*ENGINES]


def test_transcript_alone_goes_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=6)
    (tmp_path / "talk.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nStone \x1b[1mis.\n")
    assert main(["transcript", str(video), "--out", "out"]) == 0
    shown = capsys.readouterr()
    assert "Stone" in shown.out and "\x1b" not in shown.out
    assert "note: subtitles in talk.srt\n" in shown.err
    assert shown.err.endswith("note: out/transcript.txt\n")
    assert main(["transcript", str(video), "--out", "out", "--json"]) == 0
    assert "Stone" in json.loads(capsys.readouterr().out)["segments"][0]["text"]


def test_transcript_of_a_silent_film_says_so_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = make_video(tmp_path / "silent.mp4", seconds=6)
    assert main(["transcript", str(video)]) == 0
    assert not Path("longtake-out").exists()
    assert main(["transcript", str(video), "--out", "out"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == 2 * "note: the file has no sound: no transcript was written\n"
    assert not Path("out").exists()
    assert main(["transcript", str(video), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["segments"] == [] and document["remark"].startswith("the file has no sound")


def test_page_is_refused_where_nothing_can_be_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LONGTAKE_FRAMES", "2")
    assert main(["app", "--port", "65536", "--frames", "3"]) == 2
    assert "nothing can be served at 127.0.0.1, port 65536" in capsys.readouterr().err
    # Its settings are those of the runs, which have processes of their own.
    assert os.environ["LONGTAKE_FRAMES"] == "3"


def test_playlist_is_told_video_by_video_and_a_gap_is_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_video(tmp_path / "clip.mp4", seconds=4).read_bytes()
    with serve() as web:
        web.set("/feed", as_feed("<Films>", one=f"{web.url}/1.mp4", two=f"{web.url}/2.mp4"))
        web.set("/2.mp4", WebFile(clip))
        command = ["summarize", f"{web.url}/feed", "--playlist", *FAKE, "--out", "films"]
        command.append("--allow-private-addresses")
        assert main(command) == 3
        shown = capsys.readouterr()
        assert "1 of 2: one\n" in shown.err and "error: there is nothing at" in shown.err
        assert shown.out.startswith("two\n\n") and "A placeholder" in shown.out
        assert main([*command, "--json"]) == 3
        found = json.loads(capsys.readouterr().out)
        assert [video["title"] for video in found["failed"]] == ["one"]
        assert len(found["videos"]) == 1
    assert [path.name for path in Path("films").iterdir()] == ["002"]
