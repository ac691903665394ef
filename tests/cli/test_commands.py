"""Commands in this process: what goes to which stream, and the status that each ends with."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

import longtake
from longtake.cli.main import main
from longtake.engines import ENGINES
from longtake.settings import Settings
from tests.servers import serve
from tests.videos import make_video
from tests.webs import WebFile, as_feed

OFF = ["--speech", "off", "--read-text", "off"]
FAKE = ["--engine", "fake", "--reconciler", "fake", *OFF]


def test_program_alone_shows_two_examples_and_is_no_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "\n  longtake talk.mp4\n  longtake 'https://" in shown
    assert main(["models"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: longtake models") and shown.err == ""
    assert main(["-V"]) == 0
    assert capsys.readouterr().out == f"longtake {longtake.__version__}\n"


def test_help_shows_the_twelve_settings_that_people_use_first_and_how_to_see_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["summarize", "-h"]) == 0
    basic = {line.split()[0] for line in capsys.readouterr().out.splitlines() if "--" in line}
    flags = {"--" + s.name.replace("_", "-") for s in dataclasses.fields(Settings)}
    assert len(basic & flags) == 12 and {"--engine", "--out", "--length"} < basic
    assert main(["summarize", "--help-all"]) == 0
    assert "--timeout-seconds SECONDS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["sumarize", "a"], "Did you mean 'summarize'?"),
        (["summarize", "a.mp4", "--lenght", "short"], "'--length'"),
        (["summarize", "a.mp4", "--length", "shrt"], "Did you mean 'short'?"),
        (["completion", "bsh"], "Did you mean 'bash'?"),
        (["models", "lst"], "No such command 'lst'"),
    ],
)
def test_mistyped_command_flag_or_value_is_answered_with_the_nearest(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and meant in said and "\nhint: longtake" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", "a.mp4", "--engine", "fake"], "`longtake scan` takes no --engine"),
        (["scan", "a.mp4", "--strict"], "`longtake scan` takes no --strict"),
        (["compare", "a.mp4", "--flow=context"], "`longtake compare` takes no --flow"),
        (["describe", "a.mp4", "--length", "short"], "`longtake describe` takes no --length"),
    ],
)
def test_flag_of_other_commands_is_told_whose_it_is(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {said}\nhint: It is a flag of summarize, ")
    assert "Did you mean" not in shown


def test_describe_takes_no_setting_of_a_summary_and_none_stops_it(
    numbered: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["describe", "--help-all"]) == 0
    shown = capsys.readouterr().out
    assert "--memory-tokens" in shown and "--base-url" in shown
    for flag in ("--length", "--reconciler", "--judge", "--strict", "--focus"):
        assert flag not in shown
    home.mkdir()
    (home / "settings.toml").write_text("length = 'shrt'")
    assert main(["describe", str(numbered), "--engine", "fake", *OFF]) == 0


def test_video_in_place_of_a_command_is_summarised(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(numbered), *FAKE]) == 0
    assert "A placeholder" in capsys.readouterr().out
    Path("-dashed.mp4").symlink_to(numbered)
    assert main(["--", "-dashed.mp4"]) == 0
    assert Path("longtake-out/-dashed/summary.md").exists()
    assert main(["nowhere.mp4", *FAKE]) == 2
    assert "there is no file nowhere.mp4" in capsys.readouterr().err


def test_standard_input_is_refused_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-", *FAKE]) == 2
    assert "from standard input" in capsys.readouterr().err


def test_folder_pattern_and_file_are_done_one_after_the_other_and_end_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("films/deep/a.mp4", "films/b.mkv", "c-1.mp4", "c-2.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(tmp_path / name, seconds=3)
    (tmp_path / "films" / "notes.txt").write_text("no video")
    (tmp_path / "broken.mp4").write_text("no video")
    command = ["summarize", "films", "c-*.mp4", "broken.mp4", *FAKE, "--out", "all"]
    assert main(command) == 3
    shown = capsys.readouterr()
    count, *rows = shown.out.splitlines()[-6:]
    assert count == "5 videos: 4 done, 1 failed"
    assert [row.split()[:2] for row in rows] == [
        *(["done", f"all/{name}"] for name in ("b", "a", "c-1", "c-2")),
        ["failed", "broken.mp4"],
    ]
    assert "3 of 5: c-1.mp4\n" in shown.err
    assert main([*command, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert len(found["videos"]) == 4 and found["failed"][0]["source"] == "broken.mp4"


def test_folder_without_videos_says_what_it_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(tmp_path), *FAKE]) == 2
    said = capsys.readouterr().err
    assert "is a folder without videos" in said and ".mkv .mov .mp4" in said


def test_flag_without_effect_and_unknown_variable_are_told(
    numbered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LONGTAKE_FRAMS", "3")
    assert main(["scan", str(numbered)]) == 0
    assert "LONGTAKE_FRAMS in the environment is no setting; did you mean LONGTAKE_FRAMES?" in (
        capsys.readouterr().err
    )
    assert main(["summarize", str(numbered), *FAKE, "--quantize", "8bit"]) == 0
    assert "note: --quantize has no effect here: it is for transformers" in capsys.readouterr().err


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
    assert shown.err.endswith("\nout: transcript.srt, transcript.vtt, transcript.txt\n")
    assert main(["transcript", str(video), "--out", "out", "-q"]) == 0
    assert capsys.readouterr() == (
        shown.out,
        "out: transcript.srt, transcript.vtt, transcript.txt\n",
    )
    assert main(["transcript", str(video), "--out", "out", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "Stone" in document["segments"][0]["text"] and document["folder"] == "out"


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


@pytest.mark.parametrize("quiet", [[], ["-q"]])
@pytest.mark.parametrize(
    ("command", "names"),
    [
        (["summarize", *FAKE], "descriptions.csv, summary.md, summary.json"),
        (["describe", "--engine", "fake", *OFF], "descriptions.csv"),
        (["compare", *FAKE], "compare.html, compare.csv, compare.json"),
        (["scan"], "sheet.png, strip.png"),
    ],
)
def test_last_line_names_the_folder_and_what_was_written_there(
    command: list[str],
    names: str,
    quiet: list[str],
    numbered: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*command, *quiet, "--out", "here", str(numbered)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"here: {names}") and lines[-2] == ""
    for name in lines[-1].removeprefix("here: ").split(", "):
        assert (Path("here") / name).stat().st_size > 0
    assert main([*command, *quiet, "--out", "here", "--json", str(numbered)]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == "here"


def test_document_in_a_folder_does_not_say_where_it_lay_when_it_was_written(
    numbered: Path,
) -> None:
    assert main(["summarize", str(numbered), *FAKE, "--out", "here"]) == 0
    assert main(["compare", str(numbered), *FAKE, "--out", "there"]) == 0
    assert "folder" not in json.loads(Path("here/summary.json").read_text())
    assert "folder" not in json.loads(Path("there/compare.json").read_text())


def test_scan_that_draws_nothing_names_no_folder(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", str(numbered), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["folder"], document["files"]) == ("", [])


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
        assert shown.out.startswith("== two\n") and "A placeholder" in shown.out
        assert main([*command, "--json"]) == 3
        found = json.loads(capsys.readouterr().out)
        assert [video["title"] for video in found["failed"]] == ["one"]
        assert len(found["videos"]) == 1
    assert [path.name for path in Path("films").iterdir()] == ["002"]
