"""Values that can't be, and where they stand: on the command line, in the environment or a file."""

import json
from pathlib import Path

import pytest

from longtake.cli.main import main

OFF = ["--read-text", "off", "--reconciler", "digest", "--engine", "sketch"]


def set_line(home: Path, line: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(f"# mine\n{line}\n", encoding="utf-8")


def say_error(capsys: pytest.CaptureFixture[str]) -> str:
    """The first error's line."""
    lines = capsys.readouterr().err.splitlines()
    return next(line for line in lines if line.startswith("error: "))


VALUES = [
    ("engine", "skech", "there is no engine 'skech'"),
    ("reconciler", "digst", "there is no reconciler 'digst'"),
    ("judge", "fke", "there is no judge 'fke'"),
    ("embedder", "minlm", "there is no embedder 'minlm'"),
    ("speech", "tinyy", "there is no speech model 'tinyy'"),
    ("subtitles", "nofile.srt", "there is no file nofile.srt"),
    ("base_url", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1 can't be reached"),
    (
        "base_url",
        "http://127.0.0.1:9/v1,http://127.0.0.1:9/v2",
        "none of the servers is there: http://127.0.0.1:9/v1 can't",
    ),
    ("base_url", "http://127.0.0.1:9/v1,nonsense", "--base-url 'nonsense' is no address"),
    ("out", "taken", "taken is a file, not a folder"),
]


@pytest.mark.parametrize(("name", "value", "said"), VALUES)
def test_value_is_blamed_on_the_line_or_the_variable_where_it_stands(
    name: str,
    value: str,
    said: str,
    numbered: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("taken").touch()
    command = ["summarize", str(numbered)]
    set_line(home, f"{name} = {json.dumps(value)}")
    assert main(command) in (2, 4)
    where = f"{name} in {home / 'settings.toml'}, line 2"
    assert say_error(capsys).startswith(f"error: {where}: {said}")

    variable = f"LONGTAKE_{name.upper()}"
    monkeypatch.setenv(variable, value)
    assert main(command) in (2, 4)
    assert say_error(capsys).startswith(f"error: {variable} in the environment: {said}")

    assert main([*command, f"--{name.replace('_', '-')}", value]) in (2, 4)
    assert say_error(capsys).startswith(f"error: {said}")


def test_error_about_the_source_is_blamed_on_no_setting(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_line(home, "out = 'talk'\nsubtitles = 'talk.srt'\nengine = 'fake'")
    Path("talk.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nStone.\n")
    for source in ("talk.mp4", "talk/film.mp4"):
        assert main(["transcript", source]) == 2
        assert say_error(capsys) == f"error: there is no file {source}"


def test_value_that_is_also_given_as_a_flag_is_blamed_on_no_other_place(
    numbered: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_line(home, "engine = 'sketch'")
    assert main(["summarize", str(numbered), "--reconciler", "sketch"]) == 2
    assert say_error(capsys).startswith("error: the engine 'sketch' only looks at frames")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--engine", "skech"], "sketch"),
        (["--engine", "Sketch"], "sketch"),
        (["--engine", "gguf:qwen3-vl-4"], "gguf:qwen3-vl-4b"),
        (["--engine", "ggfu:qwen3-vl-4b"], "gguf:qwen3-vl-4b"),
        (["--engine", "sketch", "--reconciler", "digst"], "digest"),
        (["--engine", "sketch", "--judge", "fke"], "fake"),
        (["--engine", "sketch", "--speech", "larg-v3"], "large-v3"),
        (["--engine", "sketch", "--embedder", "minilmm"], "minilm"),
    ],
)
def test_name_that_is_nearly_known_is_answered_with_the_one_that_is(
    arguments: list[str], meant: str, numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), *arguments]) == 2
    assert f"\nhint: Did you mean {meant}? Known: " in capsys.readouterr().err


def test_name_that_is_near_none_is_answered_with_those_that_are_known(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), "--engine", "xyzzy"]) == 2
    assert "\nhint: Known: auto, sketch" in capsys.readouterr().err
    assert main(["models", "pull", "xyzzy"]) == 2
    assert "\nhint: Known: " in capsys.readouterr().err
    assert main(["models", "pull", "tiny-en"]) == 2
    assert "\nhint: Did you mean tiny.en? Known: " in capsys.readouterr().err


def test_line_that_can_t_be_stops_only_commands_that_use_it(
    numbered: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_line(home, "length = 'shrt'\nchunk_seconds = 0")
    video = str(numbered)
    assert main(["summarize", video, *OFF, "--chunk-seconds", "5"]) == 2
    assert say_error(capsys).endswith("line 2: 'shrt' is unknown")
    assert main(["summarize", video, *OFF, "--chunk-seconds", "5", "--length", "short"]) == 0
    assert main(["transcript", video]) == 0
    assert main(["scan", video, "--chunk-seconds", "5"]) == 0
    capsys.readouterr()
    assert main(["scan", video]) == 2
    assert "line 3: 0" in say_error(capsys)


def test_doctor_tells_of_every_line_that_can_t_be_and_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_line(home, "length = 'shrt'\nchunk_seconds = 0\nlenght = 'short'")
    assert main(["doctor", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)
    assert [line.rpartition("line ")[2] for line in shown.err.splitlines()] == [
        "2: 'shrt' is unknown",
        "3: 0.0 is out of range",
        "4",
    ]


def test_subtitles_that_are_not_there_are_not_to_be_mended(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcript", str(numbered), "--subtitles", "nofile.srt"]) == 2
    assert "Mend" not in capsys.readouterr().err
