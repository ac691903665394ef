"""The tables of a batch: guarded, escaped, typed; as many pages as it takes."""

import csv
from pathlib import Path

import pytest

from longtake.batch.journal import BatchRow
from longtake.batch.tables import ON_PAGE, write_tables
from longtake.records import Action, Chunk, Description
from longtake.report.csv import as_csv
from longtake.timecode import Span
from tests.batch.inline import run
from tests.batch.test_run import make_film

pq = pytest.importorskip("pyarrow.parquet")

ATTACK = BatchRow(
    "=HYPERLINK(1)<script>alert(1)</script>", "failed", error="<img src=x onerror=alert(1)>"
)


def test_cells_are_guarded_and_markup_is_text(tmp_path: Path) -> None:
    write_tables(tmp_path, lambda: [ATTACK])
    with (tmp_path / "index.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["source"].startswith("'=HYPERLINK")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page and "&lt;script&gt;" in page
    (kept,) = pq.read_table(tmp_path / "index.parquet").to_pylist()
    assert kept["source"] == ATTACK.source


def test_many_videos_take_several_pages_that_lead_to_each_other(tmp_path: Path) -> None:
    rows = [BatchRow(f"{n:04}.mp4", "done", headline=f"Talk {n}") for n in range(2 * ON_PAGE + 1)]
    names = write_tables(tmp_path, lambda: rows)
    assert {"index.html", "index-2.html", "index-3.html"} <= set(names)
    second = (tmp_path / "index-2.html").read_text(encoding="utf-8")
    assert 'href="index.html"' in second and 'href="index-3.html"' in second
    assert f"Talk {ON_PAGE}<" in second and f"Talk {ON_PAGE - 1}<" not in second


def test_empty_batch_has_its_tables(tmp_path: Path) -> None:
    write_tables(tmp_path, list)
    assert pq.read_table(tmp_path / "index.parquet").num_rows == 0
    assert (tmp_path / "index.html").is_file()


def test_descriptions_of_all_videos_are_one_table_with_numbers(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_film(tmp_path / "films" / f"{seed}.mp4", seed)
    run("films", chunk_seconds=1)
    table = pq.read_table("out/descriptions.parquet")
    rows = table.to_pylist()
    assert [(row["folder"], row["chunk"]) for row in rows] == [
        ("1", 1),
        ("1", 2),
        ("2", 1),
        ("2", 2),
    ]
    assert rows[1]["start"] == 1.0 and rows[1]["status"] == "described" and rows[1]["description"]
    assert len({row["sha256"] for row in rows}) == 2
    assert str(table.schema.field("start").type) == "double"


def test_table_that_somebody_broke_costs_its_own_rows_alone(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_film(tmp_path / "films" / f"{seed}.mp4", seed)
    run("films")
    Path("out/1/descriptions.csv").write_text("chunk,start\nx,y\n")
    run("films")
    assert {row["folder"] for row in pq.read_table("out/descriptions.parquet").to_pylist()} == {"2"}


def test_actions_are_a_column_of_all_videos_where_one_has_some(tmp_path: Path) -> None:
    rows = [BatchRow(f"{name}.mp4", "done", folder=name) for name in ("bare", "full", "gone")]
    for name, actions in (("bare", ()), ("full", (Action("pouring", 0.5, Span(0, 6)),))):
        described = Description(Chunk(1, Span(0, 6)), "described", "it", "A cup.", actions=actions)
        (tmp_path / name).mkdir()
        (tmp_path / name / "descriptions.csv").write_text(as_csv([described]), newline="")
    write_tables(tmp_path, lambda: rows[:1])
    assert "actions" not in pq.read_table(tmp_path / "descriptions.parquet").column_names
    write_tables(tmp_path, lambda: rows)
    table = pq.read_table(tmp_path / "descriptions.parquet").to_pylist()
    assert [row["actions"] for row in table] == [None, "pouring 0.50 (0:00.0–0:06.0)"]
