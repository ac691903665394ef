"""Several videos in a line: what can't be one of them costs no other, and is told once."""

import json
from pathlib import Path

import pytest

from longtake.cli.main import main
from tests.servers import serve
from tests.webs import WebFile

OFF = ["--speech", "off", "--read-text", "off"]
FAKE = ["--engine", "fake", "--reconciler", "fake", *OFF]


def test_folder_without_videos_stops_no_other(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty/deep.mp4").mkdir(parents=True)  # a folder, whatever its name says
    assert main(["empty", str(numbered), *FAKE]) == 3
    shown = capsys.readouterr()
    assert "2 videos: 1 done, 1 failed" in shown.out
    assert shown.err.count("error: empty is a folder without videos\n") == 1
    assert main(["empty", str(numbered), *FAKE, "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert len(document["videos"]) == 1 and document["failed"][0]["source"] == "empty"


def test_playlist_that_can_not_be_had_stops_no_other(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as web:
        command = ["summarize", "--playlist", f"{web.url}/none", str(numbered), *FAKE]
        assert main([*command, "--allow-private-addresses"]) == 3
    assert "2 videos: 1 done, 1 failed" in capsys.readouterr().out


def test_link_that_points_nowhere_is_told_once_and_whereto(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("gone.mp4").symlink_to("nowhere.mp4")
    assert main(["gone.mp4", *FAKE]) == 2
    shown = capsys.readouterr()
    said = "error: there is no file gone.mp4\nhint: It points to nowhere.mp4, which is not there.\n"
    assert shown.err.endswith(said) and shown.err.count("error: ") == 1
    assert shown.out == ""
    assert main(["gone.mp4", str(numbered), *FAKE]) == 3
    assert capsys.readouterr().err.count(said) == 1


def test_one_video_of_a_folder_is_counted_as_one(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("films").mkdir()
    Path("films/a.mp4").symlink_to(numbered)
    assert main(["films", *FAKE]) == 0
    assert "\n1 video: 1 done\n" in capsys.readouterr().out


def test_where_all_fail_each_is_told_once_and_the_status_is_the_first_one_s(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("text.mp4").write_text("no video")
    assert main(["text.mp4", "none.mp4", *FAKE]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("error: ") == 2
    assert "2 videos: 2 failed" in shown.out
    assert main(["text.mp4", "none.mp4", *FAKE, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["videos"] == [] and len(document["failed"]) == 2


def test_setting_from_the_file_is_blamed_for_each_video_that_it_costs(
    numbered: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("subtitles = 'nofile.srt'")
    assert main([str(numbered), str(numbered), *FAKE]) == 2
    said = f"error: subtitles in {home / 'settings.toml'}, line 1: there is no file nofile.srt\n"
    assert capsys.readouterr().err.count(said) == 2


def test_name_that_is_too_long_is_no_matter_of_permissions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["a" * 300 + ".mp4", *FAKE]) == 2
    said = capsys.readouterr().err
    assert "hint: No file can have so long a name" in said and "permissions" not in said


def test_folder_that_a_pattern_names_is_gone_through(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("talks/a.mp4", "talks/day 2/b.mp4", "talks/day 2/notes.txt"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).symlink_to(numbered)
    assert main(["talks/*", *FAKE]) == 0
    assert "2 videos: 2 done" in capsys.readouterr().out
    assert main(["talk*", *FAKE]) == 0
    assert "2 videos: 2 done" in capsys.readouterr().out
    Path("talks/0").mkdir()
    assert main(["talks/*", *FAKE]) == 3
    assert "3 videos: 2 done, 1 failed" in capsys.readouterr().out


def test_folder_that_can_not_be_written_costs_its_video_alone(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        Path(name).symlink_to(numbered)
    Path("out").mkdir()
    Path("out/b").write_text("a file of the user's")
    assert main(["a.mp4", "b.mp4", "c.mp4", *FAKE, "--out", "out"]) == 3
    shown = capsys.readouterr()
    assert "error: out/b is a file, not a folder" in shown.err
    assert "3 videos: 2 done, 1 failed" in shown.out


def test_engine_that_fails_leaves_the_rest_untried_and_what_is_done_told(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["a.mp4", "b.mp4", "c.mp4", *OFF, "--engine", "server:x", "--base-url"]
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        Path(name).symlink_to(numbered)
    assert main([*command, "http://127.0.0.1:1/v1"]) == 4
    shown = capsys.readouterr()
    assert "3 videos: 1 failed, 2 untried\n" in shown.out
    assert shown.err.count("error: ") == 1 and "can't be reached" in shown.err
    assert main([*command, "http://127.0.0.1:1/v1", "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["untried"] == ["b.mp4", "c.mp4"] and len(document["failed"]) == 1


def test_link_s_folder_is_called_like_its_file(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*FAKE, "--allow-private-addresses", "--out", "out"]
    with serve() as web:
        web.set("/a%20talk.mp4", WebFile(numbered.read_bytes()))
        assert main([f"{web.url}/a%20talk.mp4", str(numbered), *command]) == 0
    assert "\nout/a talk: descriptions.csv" in capsys.readouterr().out
