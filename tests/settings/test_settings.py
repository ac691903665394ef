"""Settings: each defined once; flag before environment before file before default."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

import longtake
from longtake.cli.main import main
from longtake.errors import UsageError
from longtake.settings import (
    Settings,
    change_settings,
    list_unknown_variables,
    load_settings,
)

FAKES = ("--engine", "fake", "--reconciler", "fake", "--chunking", "fixed", "--read-text", "off")


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
    settings = Settings(base_url="http://a/v1", api_key="secret", context_tokens=900)
    assert settings.for_reconciler() == settings
    other = replace(settings, reconciler_base_url="http://b/v1").for_reconciler()
    assert (other.base_url, other.api_key, other.context_tokens) == ("http://b/v1", "", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chunk_secs = 3", "unknown setting 'chunk_secs'"),
        ("chunk_seconds = 'soon'", "not a number"),
        ("frames = true", "not a whole number"),
        ("frames = 2.7", "not a whole number"),
        ("chunk_seconds = [1]", "not a number"),
        ("engine = 3", "not a text"),
        ("chunk_seconds = = 3", "can't be read"),
        ("chunk_seconds = -1", "out of range"),
        ("flow = 'sideways'", "is unknown"),
    ],
)
def test_bad_line_in_the_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_settings({}, {}, write(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"flow = 'context'\nengine = 'f\xe4ke'\n", "line 2 is not UTF-8"),
        ("flow = 'context'\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"frames = " + b"[" * 3000, "nested too deep"),
        (b"frames = " + b"1" * 5000, "Exceeds the limit"),
        (b"frames = 0x" + b"f" * 5000, "frames in .* is not a whole number|is out of range"),
        (b"chunk_seconds = 0x" + b"f" * 5000, "a value that can't be shown is not a number"),
        (b"sideways = [0x" + b"f" * 5000 + b"]", "unknown setting"),
        (b"allow_private_addresses = 0x" + b"f" * 5000, "can't be shown is not a switch"),
        (b"#" * 2_000_000, "more than 1 MiB"),
        (b"x" * 5000 + b" = 1", "unknown setting"),
    ],
)
def test_damaged_file_is_told_in_a_line_and_is_no_traceback(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        load_settings({}, {}, file)
    assert len(caught.value.message) < 500 and caught.value.message.isprintable()


def test_mark_that_windows_puts_before_a_file_is_read_over(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(b"\xef\xbb\xbfframes = 3\r\n")
    assert load_settings({}, {}, file).frames == 3


GOOD = b"""# mine
engine = "server:qwen"
base_url = 'http://127.0.0.1:8000/v1'
api_key = "sk-of-mine-alone"
chunk_seconds = 6.5
frames = 4
max_bytes = 2_000_000_000
allow_private_addresses = true
"""
PIECES = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\x1b[2J", b"\r", b"\n", b"=", b"."),
    *(b"[[", b"]", b"{", b"}", b"{a = 1}", b"[a]\n", b"frames.a = 1\n", b'"""', b"'''", b"\\u0000"),
    *(b"\\ud800", b"nan", b"inf", b"1e400", b"true", b"[]", b"1979-05-27", b"07:32:00"),
    *(b"9" * 400, b"1" * 5000, b"0x" + b"f" * 5000, b"[" * 3000),
)


def test_no_damage_to_the_file_is_a_bug_or_shows_a_key(tmp_path: Path) -> None:
    file, random, said = tmp_path / "settings.toml", Random(18), []
    for _ in range(1500):
        content = GOOD
        for _ in range(random.randint(1, 3)):
            start = random.randrange(len(content))
            end = start + random.choice((0, 0, 1, 9))
            content = content[:start] + random.choice(PIECES) + content[end:]
        file.write_bytes(content)
        try:
            load_settings({}, {}, file)
        except UsageError as error:
            said.append(error.message)
    assert all(message.isprintable() and len(message) < 500 for message in said)
    assert not any("sk-of-mine-alone" in message for message in said)
    assert 1000 < len(said) < 1500


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-3", "soon"])
def test_bad_value_in_the_environment_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError):
        load_settings({}, {"LONGTAKE_CHUNK_SECONDS": value}, tmp_path / "none.toml")


def test_value_that_can_t_be_is_blamed_on_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "# mine\nengine = 'fake'\nframes = -2\n")
    with pytest.raises(UsageError, match=r"frames in .*settings\.toml, line 3: -2 is out of range"):
        load_settings({}, {}, file)
    none = tmp_path / "none.toml"
    with pytest.raises(
        UsageError, match=r"LONGTAKE_FRAMES in the environment: '2\.5' is not a whole"
    ):
        load_settings({}, {"LONGTAKE_FRAMES": "2.5"}, none)
    assert main(["summarize", "a.mp4", "--frames", "-3"]) == 2
    assert capsys.readouterr().err.startswith("error: --frames: -3 is out of range\n")
    with pytest.raises(UsageError) as caught:
        load_settings({}, {}, write(tmp_path, "chunk_secs = 3"))
    assert caught.value.hint == "Did you mean chunk_seconds?"


def test_flag_that_serves_one_engine_or_flow_names_it(tmp_path: Path) -> None:
    def load(variables: dict[str, str] | None = None, **flags: object) -> Settings:
        return load_settings(flags, variables or {}, tmp_path / "none.toml")

    assert load(base_url="http://a/v1").engine == "server"
    assert load(base_url="http://a/v1", engine="fake").engine == "fake"
    assert load(ollama_url="http://a").engine == "ollama"
    assert load(context="full").flow == "context"
    # Other programs read these, too: nothing is sent anywhere because they stand there.
    assert load({"OPENAI_BASE_URL": "http://a/v1", "OLLAMA_HOST": "http://b"}).engine == "auto"


A, B = "http://a/v1", "http://b/v1"


@pytest.mark.parametrize(
    ("line", "variables", "flags", "engine"),
    [
        (f"base_url = '{A}'", {}, {}, "server"),
        ("", {"LONGTAKE_BASE_URL": A}, {}, "server"),
        ("", {"LONGTAKE_OLLAMA_URL": A}, {}, "ollama"),
        (f"base_url = '{A}'\nengine = 'fake'", {}, {}, "fake"),
        (f"base_url = '{A}'\nengine = 'auto'", {}, {}, "auto"),
        (f"base_url = '{A}'", {"LONGTAKE_ENGINE": "fake"}, {}, "fake"),
        ("engine = 'fake'", {"LONGTAKE_BASE_URL": A}, {}, "server"),
        ("engine = 'fake'", {"LONGTAKE_BASE_URL": A}, {"engine": "auto"}, "auto"),
        ("engine = 'server:q'", {"LONGTAKE_BASE_URL": A}, {"base_url": B}, "server:q"),
        ("engine = 'server:q'", {"LONGTAKE_OLLAMA_URL": A}, {"base_url": B}, "server:q"),
        ("engine = 'fake'", {"OPENAI_BASE_URL": A}, {}, "fake"),
        ("base_url = ''", {}, {}, "auto"),
    ],
)
def test_address_names_its_engine_wherever_it_stands_unless_a_place_as_good_names_one(
    tmp_path: Path, line: str, variables: dict[str, str], flags: dict[str, str], engine: str
) -> None:
    assert load_settings(flags, variables, write(tmp_path, line)).engine == engine


def test_flow_is_named_by_what_is_given_for_it_and_not_by_what_is_kept_for_it(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "memory_tokens = 300\nflow = 'independent'")
    assert load_settings({}, {}, file).flow == "independent"
    assert load_settings({"segments": 3}, {}, file).flow == "context"
    assert load_settings({}, {}, write(tmp_path, "memory_tokens = 300")).flow == "independent"


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("focus", ["", " ", "\n\t"]),
        ("focus", ["prices", " prices "]),
        ("language", ["German", "german", " GERMAN ", "gERMAN".capitalize()]),
        ("language", ["Brazilian Portuguese", "brazilian  portuguese"]),
        ("base_url", ["http://a/v1", "http://a/v1/", " http://a/v1"]),
        ("chunk_seconds", [6, 6.0, "6"]),
    ],
)
def test_values_that_mean_the_same_are_the_same(tmp_path: Path, name: str, same: list[str]) -> None:
    loaded = {load_settings({name: value}, {}, tmp_path / "none.toml") for value in same}
    assert len({getattr(settings, name) for settings in loaded}) == 1
    changed = {getattr(change_settings(Settings(), {name: value}, "x"), name) for value in same}
    assert len(changed) == 1


@pytest.mark.parametrize("value", ["de", "pt-BR", "isiXhosa", "Norwegian (bokmål)", "ไทย", "中文"])
def test_language_that_is_no_plain_word_stays_as_it_is_written(value: str) -> None:
    assert change_settings(Settings(), {"language": value}, "x").language == value


def test_only_what_is_used_and_not_set_elsewhere_can_be_wrong(tmp_path: Path) -> None:
    file = write(tmp_path, "length = 'shrt'\nchunk_seconds = 0\nlenght = 'short'\nframes = 3")

    def load(used: tuple[str, ...], **flags: object) -> tuple[Settings, list[str]]:
        passed: list[str] = []
        settings = load_settings(
            flags, {}, file, used=used, pass_over=lambda wrong: passed.append(wrong.message)
        )
        return settings, passed

    settings, passed = load(("speech", "frames"))
    assert (settings.length, settings.chunk_seconds, settings.frames) == ("medium", 6.0, 3)
    assert len(passed) == 3 and passed[2].startswith("unknown setting 'lenght' in ")
    assert load((), length="long")[0].length == "long"
    with pytest.raises(UsageError, match=r"line 2: 0 is out of range|line 2: 0.0 is out of range"):
        load(("chunk_seconds",))
    with pytest.raises(UsageError, match="'shrt' is unknown"):
        load(("length",))
    with pytest.raises(UsageError, match=r"unknown setting 'lenght' in .*, line 3"):
        load(("length",), length="long")


@pytest.mark.parametrize("text", ["[summary]\nlength = 'short'", "[[runs]]\nframes = 2"])
def test_table_in_the_file_is_told_how_a_setting_is_written(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"unknown setting '(summary|runs)' in .*line 1") as caught:
        load_settings({}, {}, write(tmp_path, text))
    assert "[table]" in caught.value.hint or "Did you mean" in caught.value.hint
    assert len(caught.value.hint) < 200


@pytest.mark.parametrize("name", ["LENGTH", "Chunk-Seconds", "chunk-seconds"])
def test_name_in_another_case_or_with_dashes_is_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({}, {}, write(tmp_path, f"{name} = 3"))
    assert caught.value.hint == f"Did you mean {name.casefold().replace('-', '_')}?"


def test_text_without_quotes_is_told_how_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at line 1") as caught:
        load_settings({}, {}, write(tmp_path, "length = short"))
    assert '`length = "short"`, text in quotes' in caught.value.hint


def test_home_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    with pytest.raises(UsageError, match=r"settings\.toml is no folder") as caught:
        load_settings({}, {}, file / "settings.toml")
    assert "LONGTAKE_HOME" in caught.value.hint


def test_doctor_tells_of_a_file_that_can_not_be_read_and_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    write(home, "length = short")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr()
    assert f"note: the settings file {home / 'settings.toml'} can't be read: " in shown.err
    assert "\nMachine\n" in shown.out


def test_python_s_ways_are_stopped_only_by_what_they_use(numbered: Path, home: Path) -> None:
    home.mkdir()
    write(home, "length = 'shrt'\n")
    assert longtake.scan(numbered).chunks
    with pytest.raises(UsageError, match="'shrt' is unknown"):
        longtake.scan(numbered, length="shrt")
    assert longtake.transcribe(numbered, speech="off").files == ()
    with pytest.raises(UsageError, match="line 1: 'shrt' is unknown"):
        longtake.summarize(numbered, engine="fake")


def test_unknown_name_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({}, {}, write(tmp_path, "lenght = 'short'"))
    assert caught.value.message.count("lenght") == 1
    with pytest.raises(UsageError, match=r"^unknown setting 'nope' in --arm$"):
        change_settings(Settings(), {"nope": 1}, "--arm")


def test_variable_that_is_none_s_is_answered_with_one_that_is_near_alone() -> None:
    asked = {"LONGTAKE_FRAMS": "1", "LONGTAKE_JSON": "1", "LONGTAKE_QUIET": "1", "PATH": ""}
    found = dict(list_unknown_variables(asked))
    assert found == {
        "LONGTAKE_FRAMS": "LONGTAKE_FRAMES",
        "LONGTAKE_JSON": "",
        "LONGTAKE_QUIET": "",
    }


def test_every_setting_is_a_flag_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = {"page": "app", "asking": "ask"}
    for spec in dataclasses.fields(Settings):
        assert main([commands.get(spec.metadata["group"], "summarize"), "--help-all"]) == 0
        assert "--" + spec.name.replace("_", "-") in capsys.readouterr().out
        assert spec.metadata["help"]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json\nfrom longtake.cli.main import main\n"
        "main(['summarize', '--help'])\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    loaded = json.loads(shown.splitlines()[-1])
    heavy = {"av", "numpy", "cv2", "onnxruntime", "rapidocr", "xllamacpp", "httpx2", "PIL", "rich"}
    heavy |= {"torch", "transformers", "huggingface_hub", "streamlit", "ray", "sqlite3"}
    assert not heavy & set(loaded)


def test_json_prints_one_document_and_nothing_else(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["summarize", str(numbered), *FAKES, "--json"])
    assert status == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ledger"]["described"] == 4


def test_one_line_before_the_start_says_who_describes_and_who_summarises(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), *FAKES]) == 0
    assert capsys.readouterr().err == "described by fake, summarised by fake\n"


def test_verbose_says_which_engines_serve_and_why_and_what_became_of_every_chunk(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), *FAKES, "--verbose"]) == 0
    shown = capsys.readouterr()
    said = shown.err.splitlines()
    assert said[0].startswith("describer: fake (asked for by name")
    assert said[1] == "summary by: fake (as --reconciler says)"
    assert said[2].startswith("judge: none (")
    assert len(said) == 3
    assert "ledger: 4 chunks planned, 4 described, 0 failed, 4 read for the summary," in shown.out


def test_quiet_says_nothing_beside_the_result(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), *FAKES]) == 0
    capsys.readouterr()
    longer = ("--length", "long")  # goes to a folder beside, of which there is a note
    assert main(["summarize", str(numbered), *FAKES, *longer, "-q", "--quantize", "8bit"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and "A placeholder" in shown.out


def test_last_line_says_where_the_result_lies(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["summarize", str(numbered), *FAKES, "--out", "here"])
    where, _, names = capsys.readouterr().out.splitlines()[-1].partition(": ")
    assert where == "here"
    assert names.split(", ")[:3] == ["descriptions.csv", "summary.md", "summary.json"]
    for name in names.split(", "):
        assert (Path("here") / name).stat().st_size > 0


def test_describe_needs_no_reconciler(numbered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = ["--engine", "fake", "--chunking", "fixed", "--read-text", "off"]
    assert main(["describe", str(numbered), *fake, "--json", "--out", "here"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["descriptions"]) == 4
    assert [path.name for path in Path("here").glob("[!.]*")] == ["descriptions.csv"]


def test_python_s_settings_are_checked_like_all_others(numbered: Path) -> None:
    for values in ({"nope": 3}, {"chunk_seconds": "soon"}, {"frames": [1]}):
        with pytest.raises(UsageError):
            longtake.summarize(numbered, **values)


@pytest.mark.parametrize("name", ["file:///etc/passwd", "ftp://example.com/a.mp4", "https://", ""])
def test_link_that_may_not_be_loaded_is_refused_before_anything_is_asked(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["describe", name, "--engine", "fake"]) == 2
    said = capsys.readouterr().err
    assert "describer" not in said and ("link" in said or not name)


def test_link_without_its_scheme_is_told_how_it_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["describe", "youtube.com/watch?v=x", "--engine", "fake"]) == 2
    assert "If it is a link: https://youtube.com/watch?v=x" in capsys.readouterr().err


def run_longtake(*arguments: str, redirect: str = "", **variables: str) -> tuple[int, str, str]:
    """Exit status, standard output and error of the command in a shell."""
    quoted = " ".join(shlex.quote(argument) for argument in arguments)
    command = f"{shlex.quote(sys.executable)} -m longtake {quoted} {redirect}"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, env=os.environ | variables
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminal_that_can_t_show_a_letter_is_no_reason_to_fail(
    numbered: Path, encoding: str
) -> None:
    command = ("summarize", str(numbered), *FAKES, "--out", "桥")
    status, shown, _ = run_longtake(*command, PYTHONIOENCODING=encoding)
    assert status == 0
    assert "?: descriptions.csv, summary.md" in shown


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_no_reason_to_fail(numbered: Path, redirect: str) -> None:
    status, shown, told = run_longtake(
        "summarize", str(numbered), *FAKES, "--json", "--out", "here", redirect=redirect
    )
    assert status == 0
    assert "Traceback" not in told
    assert (Path("here") / "summary.json").exists()
    if ">&-" not in redirect.replace("2>&-", ""):
        assert json.loads(shown)["ledger"]["described"] == 4


def test_full_standard_output_is_told(numbered: Path) -> None:
    status, _, told = run_longtake("summarize", str(numbered), *FAKES, redirect="> /dev/full")
    assert status == 2
    assert "no room" in told
    assert "Traceback" not in told


def test_reconciler_that_reads_no_text_is_refused_before_anything_is_described(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(numbered), "--engine", "fake", "--reconciler", "sketch"]) == 2
    assert "only looks at frames" in capsys.readouterr().err
    assert not Path("longtake-out").exists()


def test_program_ends_at_once_with_its_status_whatever_a_thread_still_does() -> None:
    code = (
        "import sys, threading, time\n"
        "from longtake.cli.main import start\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "sys.argv = ['longtake', 'models', 'path', 'nothing']\n"
        "start()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert "there is no model 'nothing'" in ended.stderr
