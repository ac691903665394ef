"""Search from the command line and from Python, over videos that were really gone through."""

import json
import re
from pathlib import Path

import pytest

import longtake
from longtake.cli.main import main
from longtake.errors import UsageError
from longtake.pipeline.session import open_session
from tests.videos import make_video

FAKE = ["--engine", "fake", "--reconciler", "digest", "--read-text", "off"]
WORDS = ["--embedder", "words"]
CUES = """\
1
00:00:00,500 --> 00:00:03,000
The red door opens.

2
00:00:12,000 --> 00:00:15,000
A dog barks at the postman.
"""


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A video whose subtitles say two things, gone through."""
    (tmp_path / "talk.srt").write_text(CUES)
    path = make_video(tmp_path / "talk.mp4", seconds=20)
    assert main(["summarize", "talk.mp4", "-q", *FAKE]) == 0
    return path


def test_what_is_said_is_found_with_video_time_and_picture(
    talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["search", "barking dogs", "--said", "-n", "1", *WORDS, "--thumbs", "shown"]) == 0
    shown = capsys.readouterr()
    said = r"talk\.mp4  0:12–0:15  0\.\d\d\n    said: A dog barks at the postman\.\n"
    assert re.fullmatch(said, shown.out)
    assert "found by words alone" in shown.err
    assert Path("shown/01.jpg").read_bytes().startswith(b"\xff\xd8")


def test_json_has_the_moments_and_nothing_else_stands_on_standard_output(
    talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["search", '"red door"', "--json", *WORDS]) == 0
    found = json.loads(capsys.readouterr().out)
    (moment,) = found["moments"]
    assert moment["text"] == "The red door opens." and moment["found"] == ["said"]
    assert (moment["start"], moment["end"]) == (0.5, 3.0)
    assert moment["video"]["source"] == str(talk) and moment["thumbnail"] is None


def test_file_that_is_not_in_the_library_is_gone_through_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ENGINE", "fake"), ("RECONCILER", "digest"), ("READ_TEXT", "off")):
        monkeypatch.setenv(f"LONGTAKE_{name}", value)
    (tmp_path / "new.srt").write_text(CUES)
    video = make_video(tmp_path / "new.mp4", seconds=20)
    found = longtake.search("postman", [video], embedder="words")
    assert [moment.text for moment in found.moments] == ["A dog barks at the postman."]


def test_renamed_file_is_the_same_video(talk: Path, tmp_path: Path) -> None:
    moved = talk.rename(tmp_path / "moved.mp4")
    assert longtake.search("postman", [moved], embedder="words").moments
    with open_session() as session:
        assert session.store.read("SELECT count(*) FROM videos") == [(1,)]


@pytest.mark.parametrize("name", ["talk", "TALK.MP4", "talk.mp4"])
def test_video_is_known_by_its_name(talk: Path, name: str) -> None:
    assert longtake.search("postman", [name], embedder="words").moments


def test_unknown_video_and_an_empty_library_are_told_with_what_to_do(talk: Path) -> None:
    with pytest.raises(UsageError, match="no video 'talks' in the library") as raised:
        longtake.search("dog", ["talks"], embedder="words")
    assert "talk.mp4" in raised.value.hint
    assert main(["library", "forget", "talk"]) == 0
    with pytest.raises(UsageError, match="no video in the library yet"):
        longtake.search("dog", embedder="words")


def test_library_lists_what_is_known_and_is_indexed_anew(
    talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["library"]) == 0
    assert capsys.readouterr().out.startswith("talk.mp4  0:20  ")
    assert main(["library", "--json"]) == 0
    (video,) = json.loads(capsys.readouterr().out)
    assert video["seconds"] == 20 and video["passages"]["said"] == 2
    assert main(["library", "rebuild", *WORDS]) == 0
    assert "1 video is indexed anew" in capsys.readouterr().out
    assert longtake.search("postman", embedder="words").moments


@pytest.mark.parametrize("value", ["1:99:x", "soon", "-3"])
def test_time_that_is_none_is_bad_usage(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "dog", f"--after={value}"]) == 2
    assert "is no time; write 1:30" in capsys.readouterr().err


def test_moment_of_a_file_that_is_gone_is_told_without_a_picture(
    talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.unlink()
    assert main(["search", "postman", *WORDS, "--thumbs", "shown"]) == 0
    shown = capsys.readouterr()
    assert "A dog barks" in shown.out and "there is no picture of talk.mp4" in shown.err
