"""Where a result goes: nothing that somebody edited or made with other settings is written over."""

import json
import threading
from pathlib import Path

import pytest

import longtake
from longtake.cli.main import main
from longtake.errors import OutputError
from longtake.report.folder import NOTES, take_folder
from tests.videos import make_video

FAKE = ["--engine", "fake", "--reconciler", "fake", "--speech", "off", "--read-text", "off"]
NAMES = {"a.txt": {"length": "short"}, "b.txt": {}}


def write(wanted: Path, video: str = "1", made: dict[str, dict[str, str]] = NAMES) -> Path:
    """The folder in which a new result with these files lies."""
    folder = take_folder(wanted, video, made)
    for name in made:
        folder.write(name, f"{name} of {video}, {made[name]}")
    return folder.path


def test_same_result_is_written_anew_in_the_same_place(tmp_path: Path) -> None:
    assert write(tmp_path / "talk") == write(tmp_path / "talk") == tmp_path / "talk"


def test_edited_file_stays_and_the_new_result_goes_beside_it_and_is_renewed_there(
    tmp_path: Path,
) -> None:
    write(tmp_path / "talk")
    (tmp_path / "talk" / "a.txt").write_text("mine")
    assert write(tmp_path / "talk") == write(tmp_path / "talk") == tmp_path / "talk-2"
    assert (tmp_path / "talk" / "a.txt").read_text() == "mine"
    (tmp_path / "talk-2" / "b.txt").write_text("mine, too")
    assert write(tmp_path / "talk") == tmp_path / "talk-3"


def test_result_of_other_settings_or_of_another_video_stays(tmp_path: Path) -> None:
    write(tmp_path / "talk")
    assert write(tmp_path / "talk", made={**NAMES, "a.txt": {}}) == tmp_path / "talk-2"
    assert write(tmp_path / "talk", video="2") == tmp_path / "talk-3"
    assert write(tmp_path / "talk") == tmp_path / "talk"
    assert (tmp_path / "talk" / "a.txt").read_text() == "a.txt of 1, {'length': 'short'}"


def test_files_with_other_names_share_the_folder_of_their_video_alone(tmp_path: Path) -> None:
    write(tmp_path / "talk")
    assert write(tmp_path / "talk", made={"c.txt": {}}) == tmp_path / "talk"
    assert write(tmp_path / "talk", video="2", made={"c.txt": {}}) == tmp_path / "talk-2"


def test_somebody_s_own_file_is_not_ours_whatever_the_notes_say(tmp_path: Path) -> None:
    for number, notes in enumerate(["", "{", "[]", '{"files": {"a.txt": 3}}', '{"files": []}']):
        talk = tmp_path / str(number)
        talk.mkdir()
        (talk / "a.txt").write_text("mine")
        if notes:
            (talk / NOTES).write_text(notes)
        assert write(talk) == talk.with_name(f"{number}-2")


def test_file_that_was_removed_is_written_again(tmp_path: Path) -> None:
    write(tmp_path / "talk")
    (tmp_path / "talk" / "a.txt").unlink()
    assert write(tmp_path / "talk") == tmp_path / "talk"


def test_kill_between_note_and_file_leaves_both_of_its_states_ours(tmp_path: Path) -> None:
    write(tmp_path / "talk", made={"a.txt": {}})
    notes = json.loads((tmp_path / "talk" / NOTES).read_text())
    notes["files"]["a.txt"]["sha256"].append("of a file that never took its place")
    (tmp_path / "talk" / NOTES).write_text(json.dumps(notes))
    assert write(tmp_path / "talk", made={"a.txt": {}}) == tmp_path / "talk"


def test_of_two_videos_that_begin_at_once_each_gets_a_folder(tmp_path: Path) -> None:
    found: list[Path] = []
    workers = [
        threading.Thread(target=lambda n=n: found.append(write(tmp_path / "talk", video=str(n))))
        for n in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(found)) == 8


def test_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "talk").write_text("mine")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        take_folder(tmp_path / "talk", "1", NAMES)


def test_folder_is_called_as_the_video_is_and_numbered_only_for_another_of_that_name(
    tmp_path: Path,
) -> None:
    for folder, seconds in (("one", 2), ("two", 3)):
        (tmp_path / folder).mkdir()
        make_video(tmp_path / folder / "talk.mp4", seconds=seconds)
    assert main(["summarize", "one/talk.mp4", *FAKE]) == 0
    assert main(["summarize", "two/talk.mp4", *FAKE]) == 0
    assert main(["scan", "two/talk.mp4"]) == 0
    assert main(["summarize", "one/talk.mp4", *FAKE]) == 0
    assert {path.name for path in Path("longtake-out").iterdir()} == {"talk", "talk-2"}
    assert Path("longtake-out/talk-2/sheet.png").exists()


def test_edited_descriptions_and_a_summary_of_another_length_outlive_what_comes_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_video(tmp_path / "talk.mp4", seconds=3)
    assert main(["summarize", "talk.mp4", *FAKE]) == 0
    summary = Path("longtake-out/talk/summary.md").read_text()
    assert main(["summarize", "talk.mp4", *FAKE, "--length", "short"]) == 0
    assert Path("longtake-out/talk/summary.md").read_text() == summary
    table = Path("longtake-out/talk/descriptions.csv")
    table.write_text(table.read_text().replace("placeholder", "dog"))
    assert main(["reconcile", str(table), "--reconciler", "fake"]) == 0
    capsys.readouterr()
    assert main(["summarize", "talk.mp4", *FAKE]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1].startswith("longtake-out/talk-3: descriptions.csv, ")
    assert "note: longtake-out/talk stays" in shown.err
    assert "dog" in table.read_text()


def test_result_says_where_it_lies(tmp_path: Path) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=2)
    settings = {"engine": "fake", "reconciler": "fake", "read_text": "off", "out": "mine"}
    assert longtake.summarize(video, **settings).out == Path("mine")
    assert longtake.summarize(video, **settings, length="long").out == Path("mine-2")
