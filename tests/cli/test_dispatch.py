"""Lines without a command, flags in an unusual place, and files that look like flags."""

from pathlib import Path

import pytest

from longtake.cli.main import main
from tests.cli.test_completion import complete_names

FAKE = ["--engine", "fake", "--reconciler", "fake", "--speech", "off", "--read-text", "off"]


def test_flag_before_the_video_is_one_of_summarize(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", *FAKE, str(numbered)]) == 0
    assert capsys.readouterr().out.startswith("{")
    assert main(["-q", str(numbered), *FAKE]) == 0
    shown = capsys.readouterr()
    assert "A placeholder" in shown.out and shown.err == ""
    assert main(["--length=short", *FAKE, str(numbered)]) == 0


def test_flag_before_a_command_is_told_where_it_belongs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--json", "scan", "a.mp4"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --json stands before the command scan\n")
    assert "hint: Flags come after it: longtake scan --json" in said
    assert main(["--nonsense", "a.mp4"]) == 2
    assert "No such option '--nonsense'" in capsys.readouterr().err


def test_folder_that_is_called_like_no_command_may_stand_first(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("films").mkdir()
    Path("talk").symlink_to(numbered)
    Path("films/a.mp4").symlink_to(numbered)
    for first in ("films", "nofilms", "tal?"):
        status = main([first, str(numbered), *FAKE])
        shown = capsys.readouterr()
        assert "No such command" not in shown.err
        assert status == (3 if first == "nofilms" else 0)
        assert "2 videos: " in shown.out
    # What is nearly a command is one that was mistyped, whatever follows.
    assert main(["sumarize", str(numbered)]) == 2
    assert "Did you mean 'summarize'?" in capsys.readouterr().err


@pytest.mark.parametrize("before", [[], ["summarize"], ["scan"]])
@pytest.mark.parametrize("name", ["-x.mp4", "-q.mp4", "-talk", "--my film.mp4"])
def test_file_that_begins_with_a_dash_is_told_how_it_is_named(
    before: list[str], name: str, numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).symlink_to(numbered)
    assert main([*before, name]) == 2
    said = capsys.readouterr().err
    assert (
        said == f"error: {name} begins with a dash, as flags do\nhint: Name the file as ./{name}\n"
    )
    assert main(["scan", f"./{name}"]) == 0


def test_mistyped_flag_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--lenght", "short"], ["--lenght=a.mp4"]):
        assert main(["summarize", "a.mp4", *given]) == 2
        assert "'--length'" in capsys.readouterr().err


def test_quiet_and_verbose_can_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("summarize", "compare", "reconcile"):
        assert main([command, "a", "-q", "-v"]) == 2
        assert "--quiet and --verbose can't go together" in capsys.readouterr().err


def test_help_of_all_shows_each_command_with_all_its_flags(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help-all"]) == 0
    shown = capsys.readouterr().out
    for line in ("longtake [OPTIONS] COMMAND", "longtake scan ", "longtake models pull "):
        assert f"Usage: {line}" in shown
    assert shown.count("--timeout-seconds SECONDS") > 2 and "--page-runs" in shown


def test_variable_that_is_called_like_a_flag_of_no_setting_is_told_so(
    numbered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("JSON", "QUIET", "HELP_ALL", "XYZZY"):
        monkeypatch.setenv(f"LONGTAKE_{name}", "1")
    assert main(["scan", str(numbered)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "is no setting" in line]
    assert sorted(note.partition("is no setting")[2] for note in notes) == [
        "",
        ": --help-all is a flag alone",
        ": --json is a flag alone",
        ": --quiet is a flag alone",
    ]


def test_shell_is_offered_flags_of_summarize_where_no_command_stands() -> None:
    assert complete_names("longtake", "--len") == ["--length"]
    assert complete_names("longtake", "--length", "s") == ["short"]
    assert complete_names("longtake", "--length", "short", "--engine", "sk") == ["sketch"]
    assert "--version" in complete_names("longtake", "--ver")
