"""A batch does what is missing, writes down what came of each, and does nothing twice."""

import csv
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from longtake.batch.journal import NAME, Journal, open_journal
from longtake.batch.run import MOST_TROUBLE
from longtake.batch.task import BatchOutcome, BatchTask, fail
from longtake.errors import EngineUnreachable, LongtakeError, OutputError, UsageError
from tests.batch.inline import run
from tests.videos import draw_noisy, make_video

ODD = [
    "new\nline.mp4",
    'quo"te.mp4',
    "..mp4",
    "e😀moji.mp4",
    "\u202eright.mp4",
    "=cmd().mp4",
    "%41.mp4",
]


def make_film(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return make_video(path, seconds=2, draw=lambda k, w, h: draw_noisy(k + 100 * seed, w, h))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two films of one name, and what is none."""
    make_film(tmp_path / "films" / "one" / "talk.mp4", 1)
    make_film(tmp_path / "films" / "two" / "talk.mp4", 2)
    (tmp_path / "films" / "bad.mp4").write_text("no film")
    return tmp_path / "films"


def read_index() -> dict[str, dict[str, str]]:
    with Path("out/index.csv").open(encoding="utf-8", newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def test_each_video_has_a_folder_and_a_row_and_what_fails_costs_no_other(films: Path) -> None:
    run("films")
    rows = read_index()
    assert [rows[name]["status"] for name in sorted(rows)] == ["failed", "done", "done"]
    assert "can't be read as a video" in rows["films/bad.mp4"]["error"]
    first, second = rows["films/one/talk.mp4"], rows["films/two/talk.mp4"]
    assert {first["folder"], second["folder"]} == {"talk", "talk-2"}
    for row in (first, second):
        assert Path("out", row["folder"], "summary.json").is_file()
        assert len(row["sha256"]) == 64 and float(row["seconds"]) == 2 and row["chunks"] == "1"


def test_second_batch_does_nothing_and_tells_the_same(films: Path) -> None:
    run("films")
    told = Path("out/index.csv").read_text()
    again = run("films")
    assert again.begun == [] and len(again.before) == 3
    assert Path("out/index.csv").read_text() == told


def test_failed_is_tried_again_only_where_that_is_wanted_or_the_file_is_another(
    films: Path,
) -> None:
    run("films")
    assert run("films", retry_failed=True).begun == ["bad.mp4"]
    make_film(films / "bad.mp4", 3)
    assert run("films").begun == ["bad.mp4"]
    assert read_index()["films/bad.mp4"]["status"] == "done"


def test_other_settings_a_changed_file_or_a_lost_result_are_done_anew(films: Path) -> None:
    run("films/one")
    assert run("films/one", chunk_seconds=1).begun == ["talk.mp4"]
    make_film(films / "one" / "talk.mp4", 7)
    assert run("films/one", chunk_seconds=1).begun == ["talk.mp4"]
    shutil.rmtree(Path("out") / read_index()["films/one/talk.mp4"]["folder"])
    assert run("films/one", chunk_seconds=1).begun == ["talk.mp4"]


def test_folder_of_a_video_stays_its_own_whatever_comes_beside_it(films: Path) -> None:
    run("films/two")
    assert read_index()["films/two/talk.mp4"]["folder"] == "talk"
    run("films/one", "films/two", chunk_seconds=1)
    rows = read_index()
    assert rows["films/one/talk.mp4"]["folder"] != rows["films/two/talk.mp4"]["folder"]


def test_same_content_under_two_names_is_done_once_and_that_is_said(films: Path) -> None:
    shutil.copy(films / "one" / "talk.mp4", films / "zwilling.mp4")
    batch = run("films")
    assert len(batch.begun) == 3 and batch.rows["zwilling.mp4"].status == "same"
    row = read_index()["films/zwilling.mp4"]
    assert row["same_as"] == "films/one/talk.mp4" and row["folder"] == "talk"
    assert run("films").begun == []
    make_film(films / "zwilling.mp4", 9)
    assert run("films").begun == ["zwilling.mp4"]


def test_file_that_is_new_and_equals_an_old_one_is_known(films: Path) -> None:
    run("films/one")
    shutil.copy(films / "one" / "talk.mp4", films / "two" / "talk.mp4")
    batch = run("films/one", "films/two")
    assert batch.begun == [] and read_index()["films/two/talk.mp4"]["status"] == "same"


def test_source_that_is_named_twice_is_done_once(films: Path) -> None:
    assert run("films/one/talk.mp4", "films/one/talk.mp4", "films/one").begun == ["talk.mp4"]


def test_odd_names_become_folders_inside_and_text_in_the_tables(tmp_path: Path) -> None:
    for seed, name in enumerate(ODD):
        make_film(tmp_path / "odd" / name, seed)
    batch = run("odd")
    assert {row.status for row in batch.rows.values()} == {"done"} and len(batch.rows) == len(ODD)
    for row in batch.rows.values():
        assert (tmp_path / "out" / row.folder).resolve().parent == tmp_path / "out"
    page = Path("out/index.html").read_text(encoding="utf-8")
    assert "\u202e" not in page and 'quo"te' not in page and "quo&#34;te" in page
    with Path("out/index.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == len(ODD) + 1


def test_file_that_vanishes_is_a_row_with_its_error(films: Path) -> None:
    def remove_first(tasks: Iterator[BatchTask]) -> Iterator[BatchOutcome]:
        from tests.batch.inline import go_here

        for task in tasks:
            Path(task.source).unlink()
            yield from go_here(iter([task]))

    run("films/one", go=remove_first)
    assert "there is no file" in read_index()["films/one/talk.mp4"]["error"]


def test_after_some_errors_of_the_engine_in_a_row_the_rest_is_untried(tmp_path: Path) -> None:
    for seed in range(MOST_TROUBLE + 2):
        make_film(tmp_path / "films" / f"{seed}.mp4", seed)

    def fail_all(tasks: Iterator[BatchTask]) -> Iterator[BatchOutcome]:
        for task in tasks:
            yield fail(task.number, EngineUnreachable("nobody answers"))

    states = [row.status for row in run("films", go=fail_all).rows.values()]
    assert states == ["failed"] * MOST_TROUBLE + ["untried"] * 2
    assert {row["status"] for row in read_index().values()} == {"failed"}
    assert len(run("films").begun) == MOST_TROUBLE + 2


@pytest.mark.parametrize("error", [EngineUnreachable("away"), OutputError("the disk is full")])
def test_what_failed_by_no_fault_of_the_video_is_tried_in_the_next_batch(
    films: Path, error: LongtakeError
) -> None:
    run("films/one", go=lambda tasks: (fail(task.number, error) for task in tasks))
    assert read_index()["films/one/talk.mp4"]["status"] == "failed"
    run("films/two")
    assert read_index()["films/one/talk.mp4"]["error"] == error.message
    assert run("films/one").rows["talk.mp4"].status == "done"


def test_results_are_not_put_to_an_address_of_the_web(films: Path) -> None:
    with pytest.raises(UsageError, match=r"results can't be put to https://a\.org/out"):
        run("films", out="https://a.org/out")


def test_source_that_stands_twice_with_other_settings_is_told(films: Path) -> None:
    Path("list.csv").write_text(
        "source,chunk_seconds\nfilms/one/talk.mp4,1\nfilms/one/talk.mp4,2\n"
    )
    batch = run("list.csv")
    assert batch.begun == ["talk.mp4"]
    assert batch.notes == [
        "films/one/talk.mp4 stands there again with other settings: the first are taken"
    ]


def test_batch_that_is_stopped_has_its_tables_and_goes_on_where_it_was(films: Path) -> None:
    def stop(tasks: Iterator[BatchTask]) -> Iterator[BatchOutcome]:
        from tests.batch.inline import go_here

        for number, task in enumerate(tasks):
            if number == 1:
                raise KeyboardInterrupt
            yield from go_here(iter([task]))

    with pytest.raises(KeyboardInterrupt):
        run("films/one", "films/two", go=stop)
    assert [row["status"] for row in read_index().values()] == ["done"]
    assert run("films/one", "films/two").begun == ["talk.mp4"]


def test_half_a_line_that_a_kill_left_is_cut_off(films: Path) -> None:
    run("films/one")
    with Path("out", NAME).open("ab") as file:
        file.write(b'{"source": "films/two/ta')
    assert run("films/one", "films/two").begun == ["talk.mp4"]
    lines = Path("out", NAME).read_bytes().splitlines()
    assert [json.loads(line)["source"][6:9] for line in lines] == ["one", "two"]


def test_two_batches_into_one_folder_are_refused(films: Path) -> None:
    with open_journal(Path("out")), pytest.raises(UsageError, match="another batch writes into"):
        run("films")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_can_t_be_written_is_told(films: Path) -> None:
    Path("out").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="can't be written"):
        run("films")


def test_out_that_is_a_file_is_told(films: Path) -> None:
    Path("out").write_text("x")
    with pytest.raises(OutputError, match="out can't be written: File exists"):
        run("films")


def test_results_go_to_an_address_and_nothing_is_done_twice(films: Path, tmp_path: Path) -> None:
    far = f"file://{tmp_path}/far"
    run(f"file://{films}/one", out=far)
    assert {p.name for p in (tmp_path / "far").iterdir()} >= {
        "index.csv", "index.html", "index.parquet", "descriptions.parquet", NAME, "talk", "thumbs"
    }  # fmt: skip
    assert (tmp_path / "far" / "talk" / "report.html").is_file()
    told = json.loads((tmp_path / "far" / "talk" / "summary.json").read_text())
    assert told["video"]["source"] == f"file://{films}/one/talk.mp4"
    assert run(f"file://{films}/one", out=far).begun == []
    shutil.rmtree(os.environ["LONGTAKE_HOME"])  # another machine
    assert run(f"file://{films}/one", out=far).begun == []
    assert run(f"file://{films}/one", out=far, chunk_seconds=1).begun == ["talk.mp4"]


def test_journal_is_read_anew_for_what_is_asked(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.find("a") is None
    assert [journal.name_folder(s, "Talk") for s in ("a", "b", "a")] == ["Talk", "Talk-2", "Talk"]
    journal.close()


def test_folder_of_a_video_is_no_table_and_no_other_s_in_other_letters(tmp_path: Path) -> None:
    names = ("thumbs.mp4", "index.csv.mp4", "Index-2.html.mp4", "batch.jsonl.mp4", "Talk.mp4")
    for seed, name in enumerate(names):
        make_film(tmp_path / "films" / name, seed)
    first = run("films")
    make_film(tmp_path / "more" / "talk.mp4", 9)
    make_film(tmp_path / "more" / "deep" / "Talk.mp4", 10)
    second = run("films", "more")
    rows = read_index()
    assert {row["status"] for row in rows.values()} == {"done"}
    folders = [row["folder"].casefold() for row in rows.values()]
    assert len(set(folders)) == len(names) + 2 and "thumbs" not in folders
    assert len(list(Path("out/thumbs").iterdir())) == len(names) + 2
    assert first.begun and second.begun == ["Talk.mp4", "talk.mp4"]


def test_same_content_lies_where_its_twin_came_to_lie(films: Path) -> None:
    run("films/one")
    shutil.copy(films / "one" / "talk.mp4", films / "one" / "zwilling.mp4")
    run("films/one", chunk_seconds=1)
    rows = read_index()
    assert rows["films/one/talk.mp4"]["folder"] == "talk-2"
    assert rows["films/one/zwilling.mp4"]["folder"] == "talk-2"


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_name_that_is_no_utf_8_costs_nothing(tmp_path: Path) -> None:
    make_film(tmp_path / "odd" / os.fsdecode(b"\xffd.mp4"))
    (row,) = run("odd").rows.values()
    assert row.status == "done"
    (told,) = read_index()
    assert told == "odd/?d.mp4"


def test_file_of_somebody_s_is_not_replaced_by_a_table(films: Path, tmp_path: Path) -> None:
    Path("out").mkdir()
    Path("out/index.html").write_text("mine")
    for out in ("out", f"file://{tmp_path}/out"):
        with pytest.raises(UsageError, match=r"has index\.html, of no batch"):
            run("films", out=out)
    assert Path("out/index.html").read_text() == "mine"


def test_what_was_wrong_with_a_list_is_told_until_it_is_mended(films: Path) -> None:
    Path("list.csv").write_text("source,chunk_seconds\nfilms/one/talk.mp4,x\n")
    run("list.csv")
    assert read_index()["list.csv, line 2"]["status"] == "failed"
    Path("list.csv").write_text("source,chunk_seconds\nfilms/one/talk.mp4,1\n")
    run("list.csv")
    assert list(read_index()) == ["films/one/talk.mp4"]


def test_two_machines_that_write_to_one_address_lose_no_row(films: Path, tmp_path: Path) -> None:
    home, far = Path(os.environ["LONGTAKE_HOME"]), f"file://{tmp_path}/far"
    run(films / "one", out=far)
    home.rename("first")
    run(films / "two", out=far)
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(tmp_path / "far" / "descriptions.parquet").to_pylist()
    assert {row["folder"] for row in rows} == {"talk", "talk-2"}
    shutil.rmtree(home)
    Path("first").rename(home)
    assert run(films, out=far).begun == ["bad.mp4"]
    with (tmp_path / "far" / "index.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["failed", "done", "done"]
    assert (tmp_path / "far" / "index.html").read_text(encoding="utf-8").count("<img") == 2
