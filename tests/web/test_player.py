"""What the player of a run plays, and what it says instead."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from longtake.runs.playing import Playing
from longtake.web.player import find_player
from tests.web.examples import HOSTILE, make_run

MADE = "What plays is a copy of 640 × 360 pixels: browsers don't play the file itself."


def keep(folder: Path, playing: Playing, *, copied: bool = False) -> None:
    (folder / "play.json").write_text(json.dumps(asdict(playing)))
    if copied:
        (folder / "play.mp4").write_bytes(b"copy")


@pytest.mark.parametrize(
    ("state", "playing", "copied", "sources", "said"),
    [
        ("running", Playing("none", 0.426), False, (), "being made: 43 %"),
        ("stopped", Playing("none", 0.4), False, (), "is not made yet: let the run go on."),
        ("done", Playing("none", 1.0, 640, 360), True, ("copy",), MADE),
        ("done", Playing("none", 1.0), True, ("copy",), "is a copy in MP4"),
        ("done", Playing("none", 1.0, remark="It is silent."), True, ("copy",), "It is silent."),
        ("done", Playing("some", 1.0, 640, 360), True, ("video", "copy"), MADE),
        ("running", Playing("some", 0.1), False, ("video",), "being made: 10 %"),
        ("done", Playing("none", error="no room"), False, ("video",), "no copy that it could: no"),
        ("done", Playing(), False, ("video",), "Its pictures stand in for it."),
    ],
)
def test_the_player_has_what_plays_and_says_what_does_not(
    tmp_path: Path, state: str, playing: Playing, copied: bool, sources: tuple[str], said: str
) -> None:
    (film := tmp_path / "v.avi").write_bytes(b"video")
    keep(tmp_path, playing, copied=copied)
    player = find_player(make_run(tmp_path, state, video=film))
    assert player.sources == sources and said in player.said


def test_a_copy_plays_where_the_video_has_gone(tmp_path: Path) -> None:
    keep(tmp_path, Playing("some", 1.0, 640, 360), copied=True)
    player = find_player(make_run(tmp_path, video=tmp_path / "gone.mov"))
    assert player.sources == ("copy",)


def test_a_run_without_a_video_says_so_once_it_has_ended(tmp_path: Path) -> None:
    assert find_player(make_run(tmp_path, "running")).said == ""
    assert "is not here" in find_player(make_run(tmp_path)).said


@pytest.mark.parametrize("content", ["{", "[]", '{"plays": "none", "other": 1}', "null"])
def test_damaged_facts_are_as_none(tmp_path: Path, content: str) -> None:
    (film := tmp_path / "v.mp4").write_bytes(b"video")
    (tmp_path / "play.json").write_text(content)
    assert find_player(make_run(tmp_path, video=film)).sources == ("video",)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_reason_is_one_line_of_text(tmp_path: Path, hostile: Any) -> None:
    keep(tmp_path, Playing("none", error=hostile))
    (film := tmp_path / "v.avi").write_bytes(b"video")
    assert "\n" not in find_player(make_run(tmp_path, video=film)).said
