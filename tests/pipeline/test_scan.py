"""`longtake scan`: the shots as text, as JSON, and as two pictures."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import longtake
from longtake.cli.main import main
from longtake.pipeline.session import run_to_end
from longtake.pipeline.sources import look_at
from longtake.records import SourceFile
from longtake.report.json import read_json
from longtake.store import Store
from longtake.timecode import Span
from longtake.video.scan import scan_as_json, scan_key
from tests.videos import cut, make_video, read_number

CUTS = (4.0, 11.0)
PAGES = np.random.default_rng(2).integers(0, 255, (3, 6, 8, 3)).astype(np.uint8)


def draw_three(number: int, width: int, height: int) -> np.ndarray:
    """Three pages, changing at CUTS."""
    page = PAGES[sum(number / 10 >= time for time in CUTS)]
    return np.kron(page, np.ones((height // 6, width // 8, 1), np.uint8))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return make_video(folder / "film.mp4", seconds=16, size=(160, 96), draw=draw_three)


def scan(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["scan", *arguments])
    return status, capsys.readouterr().out


def test_json_has_the_contract_s_keys(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = scan(capsys, str(film), "--json")
    document = json.loads(said)
    assert status == 0
    assert document["duration"] == 16
    assert [(s["start"], s["end"]) for s in document["shots"]] == [(0, 4), (4, 11), (11, 16)]
    assert [s["begins"] for s in document["shots"]] == ["start", "cut", "cut"]
    assert [(c["start"], c["end"]) for c in document["chunks"]] == [
        (0, 4), (4, 7.5), (7.5, 11), (11, 16),
    ]  # fmt: skip
    assert len(document["motion"]) == len(document["brightness"]) == 16 / document["step"]
    assert document["frozen"] and not document["black"]


def test_json_alone_draws_nothing(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(capsys, str(film), "--json")
    assert not Path("longtake-out").exists()


def test_json_with_a_folder_draws_there(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = scan(capsys, str(film), "--json", "--out", "here")
    assert json.loads(said)["files"] == ["here/sheet.png", "here/strip.png"]
    assert {path.name for path in Path("here").glob("[!.]*")} == {"sheet.png", "strip.png"}


def test_shots_are_listed_and_the_pictures_show_the_chunks(
    film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = scan(capsys, str(film), "--out", "here")
    assert status == 0
    assert "0:04.0–0:11.0 (7.00 s)" in said
    assert "3 shots, 4 chunks" in said
    sheet = np.asarray(Image.open("here/sheet.png").convert("RGB"))
    for page in PAGES:  # each page's first block is somewhere on the sheet
        assert (np.abs(sheet.astype(int) - page[0, 0]).max(axis=2) < 30).sum() > 100


def test_a_second_scan_comes_from_the_store(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(capsys, str(film), "--json") == scan(capsys, str(film), "--json")


def test_fixed_chunks_do_not_follow_the_shots(
    film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = scan(capsys, str(film), "--json", "--chunking", "fixed")
    assert [c["end"] for c in json.loads(said)["chunks"]] == [6, 12, 16]


def test_a_sheet_s_frames_are_upright_and_true(
    numbered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(capsys, str(numbered), "--out", "here", "--chunking", "fixed", "--chunk-seconds", "20")
    sheet = np.asarray(Image.open("here/sheet.png").convert("RGB"))
    top, left, height, width = 15, 15, 135, 240
    cell = sheet[top : top + height, left + 30 : left + width - 30]
    assert 0 <= read_number(cell) < 50


def test_a_file_that_is_cut_off_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_video(
        tmp_path / "a.mp4", seconds=30, file_options={"movflags": "faststart"}, options={"g": "10"}
    )
    cut(path, 0.5)
    status, said = scan(capsys, str(path))
    assert status == 3
    assert "cut off or broken" in said


def test_python_gives_the_same_shots(film: Path) -> None:
    overview = longtake.scan(film, chunk_seconds=20.0)
    assert overview.scan.cuts == CUTS
    assert len(overview.chunks) == 1
    assert overview.chunks[0].cuts == CUTS


def test_what_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    assert main(["scan", str(path)]) == 2
    assert "can't be read as a video" in capsys.readouterr().err


def test_a_scan_that_tells_of_another_length_is_made_anew(film: Path, store: Store) -> None:
    video, _, found = run_to_end(look_at(SourceFile(film), store))
    shorter = replace(found, shots=(replace(found.shots[0], span=Span(0, 6)),))
    store.put_scan(scan_key(video), scan_as_json(shorter))
    assert run_to_end(look_at(SourceFile(film), store))[2] == found
    assert store.get_scan(scan_key(video)) == scan_as_json(found)


def test_what_to_know_of_a_file_is_told_with_its_scan_and_its_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_video(tmp_path / "a.h264", seconds=6, rate=25, tick=Fraction(1, 25))
    note = "The file: it gives its pictures no times: 25 a second are a guess, so all times are"
    assert f"   note: {note}\n" in scan(capsys, "a.h264")[1]
    assert main(["summarize", "a.h264", "--engine", "fake", "--reconciler", "fake"]) == 0
    assert f"note: {note}\n" in capsys.readouterr().out
    for name in ("summary.md", "report.html"):
        assert note in Path("longtake-out/a", name).read_text()
    result = read_json(Path("longtake-out/a/summary.json"))
    assert result.video.notes == (note.removeprefix("The file: "),)
