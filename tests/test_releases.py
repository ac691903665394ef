"""What earlier releases wrote still opens and is known; `scripts/keep_release.py` kept it."""

import csv
import json
import shutil
from pathlib import Path

import pytest

import longtake
from longtake.report.read_back import read_edited
from longtake.runs.folder import list_runs, read_told
from longtake.store import store_path

RELEASES = sorted(path for path in (Path(__file__).parent / "releases").iterdir())
FAKES = {"engine": "fake", "reconciler": "fake", "read_text": "off"}
FLOWS = ("independent", "context")

of_each_release = pytest.mark.parametrize("kept", RELEASES, ids=lambda path: path.name)


@of_each_release
@pytest.mark.parametrize("flow", FLOWS)
def test_store_knows_every_answer_again(kept: Path, flow: str) -> None:
    store_path().parent.mkdir()
    shutil.copy(kept / "store.sqlite", store_path())
    for name in ("talk.mp4", "talk.srt"):
        shutil.copy(kept / name, name)
    result = longtake.summarize("talk.mp4", flow=flow, out="out", **FAKES)
    assert sum(usage.cost.requests for usage in result.usage) == 0
    assert sum(usage.from_store for usage in result.usage) > len(result.descriptions)
    for name in ("descriptions.csv", "descriptions.vtt"):
        assert (Path("out") / name).read_text() == (kept / f"out-{flow}" / name).read_text()


@of_each_release
@pytest.mark.parametrize("flow", FLOWS)
def test_table_reads_back_as_it_was_written(kept: Path, flow: str) -> None:
    table = kept / f"out-{flow}" / "descriptions.csv"
    edited = read_edited(table)
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert edited.video.duration == 20
    assert [
        (str(d.chunk.number), f"{d.chunk.span.end:.3f}", d.text, d.speech, d.status)
        for d in edited.descriptions
    ] == [(r["chunk"], r["end"], r["description"], r["speech"], r["status"]) for r in rows]
    assert "The door opens" in rows[0]["speech"]


@of_each_release
def test_run_opens_with_all_that_it_told(kept: Path, home: Path) -> None:
    shutil.copytree(kept / "runs", home / "runs")
    (run,) = list_runs()
    assert (run.state, run.error, run.title) == ("done", "", "A talk")
    told = read_told(run.id)
    result = json.loads((run.folder / "out" / "result.json").read_text())
    assert [entry["chunk"] for entry in told] == [1, 2, 3, 4, 5]
    assert [entry["text"] for entry in told] == [d["description"] for d in result["descriptions"]]
