"""Where a result goes: nothing that somebody edited or made with other settings is written over."""

import json
import os
import threading
from pathlib import Path

import pytest

import longtake
from longtake.cli.main import main
from longtake.errors import OutputError
from longtake.report.folder import NOTES, ResultFolder
from tests.videos import make_video

FAKE = ["--engine", "fake", "--reconciler", "fake", "--speech", "off", "--read-text", "off"]
NAMES = {"a.txt": {"length": "short"}, "b.txt": {}}


Made = dict[str, dict[str, str]]


def write(wanted: Path, video: str = "1", made: Made = NAMES, table: Path | None = None) -> Path:
    """The folder in which a new result with these files lies."""
    folder = ResultFolder(wanted, video, made, table)
    for name in made:
        folder.write({name: f"{name} of {video} and {table}, {made[name]}"})
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


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions don't hold root")
def test_next_folder_is_in_the_first_one_where_none_can_be_made_beside_it(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "me"
    write(home)
    (home / "a.txt").write_text("mine")
    home.parent.chmod(0o555)
    try:
        assert write(home) == write(home) == home / "me-2"
    finally:
        home.parent.chmod(0o755)
    assert (home / "a.txt").read_text() == "mine"


def test_result_of_other_settings_or_of_another_video_stays(tmp_path: Path) -> None:
    write(tmp_path / "talk")
    assert write(tmp_path / "talk", made={**NAMES, "a.txt": {}}) == tmp_path / "talk-2"
    assert write(tmp_path / "talk", video="2") == tmp_path / "talk-3"
    assert write(tmp_path / "talk") == tmp_path / "talk"
    assert (tmp_path / "talk" / "a.txt").read_text() == "a.txt of 1 and None, {'length': 'short'}"


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


def test_what_appears_or_is_edited_while_a_run_goes_on_stays_and_all_of_it_goes_beside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run = ResultFolder(tmp_path / "talk", "1", NAMES)
    run.write({"a.txt": "ours"})
    (tmp_path / "talk" / "b.txt").write_text("mine")
    run.write({"b.txt": "ours"})
    assert run.files == (tmp_path / "talk-2" / "a.txt", tmp_path / "talk-2" / "b.txt")
    assert [path.read_text() for path in run.files] == ["ours", "ours"]
    assert (tmp_path / "talk" / "b.txt").read_text() == "mine"
    assert f"{tmp_path}/talk: b.txt was there before; it stays" in caplog.text


def test_of_two_runs_with_other_settings_at_once_neither_loses_a_file(tmp_path: Path) -> None:
    short, plain = (
        ResultFolder(tmp_path / "talk", "1", {"a.txt": {}, "b.txt": made})
        for made in ({"length": "short"}, {})
    )
    for run in (short, plain):
        run.write({"a.txt": "the same"})
    for run, text in ((short, "short"), (plain, "plain")):
        run.write({"b.txt": text})
    assert [path.read_text() for path in short.files] == ["the same", "short"]
    assert [path.read_text() for path in plain.files] == ["the same", "plain"]
    assert (short.path.name, plain.path.name) == ("talk", "talk-2")


def test_settings_that_change_no_word_make_no_new_folder(tmp_path: Path) -> None:
    names = ("summary.md", "chapters.txt", "summary.json")
    for made, seconds in (({}, "1 s"), ({"length": "short"}, "2 s"), ({}, "3 s")):
        run = ResultFolder(tmp_path / "talk", "1", dict.fromkeys(names, made))
        run.write({"summary.md": "nothing", "chapters.txt": "", "summary.json": seconds})
        assert run.path == tmp_path / "talk"
        assert (run.path / "summary.json").read_text() == seconds
    (run.path / "summary.json").write_text("mine")
    run = ResultFolder(tmp_path / "talk", "1", {name: {} for name in names})
    run.write({"summary.md": "nothing", "chapters.txt": "", "summary.json": "4 s"})
    assert run.path == tmp_path / "talk-2"


def test_outdated_file_goes_away_where_anything_new_is_said_and_an_edited_one_never(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "talk")
    run = ResultFolder(folder, "1", NAMES)
    run.write({"b.txt": (folder / "b.txt").read_text()}, outdated=["a.txt"])
    assert (folder / "a.txt").exists()
    run.write({"b.txt": "new"}, outdated=["a.txt"])
    assert not (folder / "a.txt").exists()
    (folder / "a.txt").write_text("mine")
    run.write({"b.txt": "newer"}, outdated=["a.txt"])
    assert (folder / "a.txt").read_text() == "mine"
    assert run.files == (tmp_path / "talk-2" / "b.txt",)


def test_what_tells_of_another_table_is_of_another_result(tmp_path: Path) -> None:
    table = tmp_path / "talk" / "descriptions.csv"
    assert write(tmp_path / "talk", table=table) == tmp_path / "talk"
    assert write(tmp_path / "talk", table=table) == tmp_path / "talk"
    assert write(tmp_path / "talk", table=tmp_path / "other.csv") == tmp_path / "talk-2"
    assert write(tmp_path / "talk-2", table=table) == tmp_path / "talk-2-2"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"a.txt": {"length": "short"}}, "a.txt was made with --length short"),
        ({"a.txt": {}}, "a.txt was made without --chunk-seconds"),
    ],
)
def test_note_says_which_file_stays_and_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, known: Made, said: str
) -> None:
    caplog.set_level("INFO")
    write(tmp_path / "talk", made=known)
    write(tmp_path / "talk", made={"a.txt": {"chunk_seconds": "9"}})
    assert f"{tmp_path}/talk: {said}; it stays, and this result is in {tmp_path}/talk-2" in (
        caplog.text
    )


def test_nothing_is_left_where_nothing_was_written(tmp_path: Path) -> None:
    ResultFolder(tmp_path / "out" / "talk", "1", NAMES)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("wanted", ["out", "out/talk"])
def test_file_in_place_of_a_folder_is_told_before_anything_is_done(
    tmp_path: Path, wanted: str
) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="out is a file, not a folder"):
        ResultFolder(tmp_path / wanted, "1", NAMES)


def test_folder_that_can_t_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"can't be written: .*too long") as raised:
        ResultFolder(tmp_path / ("n" * 300), "1", NAMES)
    assert raised.value.hint


def test_file_that_can_t_take_its_place_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    assert write(tmp_path / "talk", made={"a.txt": {}}) == tmp_path / "talk"
    (tmp_path / "talk" / "a.txt").unlink()
    (tmp_path / "talk" / "a.txt").mkdir()
    assert write(tmp_path / "talk", made={"a.txt": {}}) == tmp_path / "talk-2"


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
    assert shown.out.splitlines()[-1].startswith("longtake-out/talk-2: descriptions.csv, ")
    assert "note: longtake-out/talk: descriptions.csv was edited; it stays" in shown.err
    assert "dog" in table.read_text()


def test_result_says_where_it_lies(tmp_path: Path) -> None:
    video = make_video(tmp_path / "talk.mp4", seconds=2)
    settings = {"engine": "fake", "reconciler": "fake", "read_text": "off", "out": "mine"}
    assert longtake.summarize(video, **settings).out == Path("mine")
    assert longtake.summarize(video, **settings, chunk_seconds=1).out == Path("mine-2")
