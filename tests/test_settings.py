"""Settings: each defined once; flag before environment before file before default."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.cli import main, make_parser
from longtake.errors import UsageError
from longtake.settings import Settings, load_settings


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def test_flag_goes_before_environment_before_file_before_default(tmp_path: Path) -> None:
    file = write(tmp_path, "chunk_seconds = 3\nframes = 3\nengine = 'fake'\n")
    environment = {"LONGTAKE_CHUNK_SECONDS": "4", "LONGTAKE_FRAMES": "4"}
    settings = load_settings({"chunk_seconds": 5.0, "frames": None}, environment, file)
    assert (settings.chunk_seconds, settings.frames, settings.engine) == (5.0, 4, "fake")
    assert settings.reconciler == Settings().reconciler


def test_servers_own_variables_are_read(tmp_path: Path) -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_API_KEY": "secret"}
    settings = load_settings({}, environment, tmp_path / "none.toml")
    assert settings.base_url == "http://127.0.0.1:1/v1"
    assert settings.api_key == "secret"
    environment["LONGTAKE_BASE_URL"] = "http://127.0.0.1:2/v1"
    assert load_settings({}, environment, tmp_path / "none.toml").base_url.endswith(":2/v1")


def test_describer_s_key_does_not_go_to_the_reconciler_s_server() -> None:
    settings = Settings(base_url="http://a/v1", api_key="secret")
    assert settings.for_reconciler() == settings
    other = Settings(
        base_url="http://a/v1", api_key="secret", reconciler_base_url="http://b/v1"
    ).for_reconciler()
    assert (other.base_url, other.api_key) == ("http://b/v1", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chunk_secs = 3", "unknown setting 'chunk_secs'"),
        ("chunk_seconds = 'soon'", "not a number"),
        ("frames = true", "not a whole number"),
        ("engine = 3", "not a text"),
        ("chunk_seconds = = 3", "can't be read"),
        ("chunk_seconds = -1", "out of range"),
        ("flow = 'sideways'", "is unknown"),
    ],
)
def test_bad_line_in_the_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_settings({}, {}, write(tmp_path, text))


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-3", "soon"])
def test_bad_value_in_the_environment_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError):
        load_settings({}, {"LONGTAKE_CHUNK_SECONDS": value}, tmp_path / "none.toml")


def test_every_setting_is_a_flag_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["summarize", "--help"])
    shown = capsys.readouterr().out
    for spec in dataclasses.fields(Settings):
        assert "--" + spec.name.replace("_", "-") in shown
        assert spec.metadata["help"]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json, longtake, longtake.cli\n"
        "longtake.cli.make_parser().format_help()\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    heavy = {"av", "numpy", "cv2", "onnxruntime", "rapidocr", "xllamacpp", "httpx2", "PIL", "rich"}
    assert not heavy & set(loaded)
    assert not {"torch", "transformers", "streamlit", "ray", "sqlite3"} & set(loaded)


def test_json_prints_one_document_and_nothing_else(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(
        ["summarize", str(numbered), "--engine", "fake", "--reconciler", "fake", "--json"]
    )
    assert status == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ledger"]["described"] == 4


def test_first_lines_say_which_engines_serve_and_why(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), "--engine", "fake", "--reconciler", "fake"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("describer: fake (asked for by name")
    assert said[1].startswith("reconciler: fake (")
    assert len(said) == 2


def test_summary_is_printed_with_ledger_and_files(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["summarize", str(numbered), "--engine", "fake", "--reconciler", "fake", "--out", "here"])
    shown = capsys.readouterr().out
    assert "ledger: 4 chunks planned, 4 described, 0 failed, 4 in the summary." in shown
    for name in ("descriptions.csv", "summary.md", "summary.json"):
        assert f"files: here/{name}" in shown
        assert (Path("here") / name).stat().st_size > 0


def test_describe_needs_no_reconciler(numbered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", str(numbered), "--engine", "fake", "--json", "--out", "here"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["descriptions"]) == 4
    assert [path.name for path in Path("here").iterdir()] == ["descriptions.csv"]
