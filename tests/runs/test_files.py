"""What a visitor may take away."""

from pathlib import Path

import pytest

from longtake.runs.files import FILES, TYPES, list_files, sniff_video
from tests.web.examples import make_run, write_result


def test_only_the_known_files_of_a_run_are_served(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two"))
    (tmp_path / "out" / "secret.txt").write_text("x")
    (tmp_path / "out" / "transcript.txt").symlink_to("/etc/passwd")
    places = [file.place for file in list_files(make_run(tmp_path))]
    assert places == ["summary.md", "descriptions.csv"]


def test_report_is_the_first_thing_to_take_away(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two"))
    (tmp_path / "out" / "report.html").write_text("<!doctype html>")
    first = list_files(make_run(tmp_path))[0]
    assert (first.place, first.label) == ("report.html", "Report (page, to send or print)")


def test_files_of_a_comparison_say_of_which_flow_they_are(tmp_path: Path) -> None:
    for flow in ("context", "independent"):
        write_result(tmp_path / "out" / "arms" / flow, ("one", "two"))
    found = {file.place: file.label for file in list_files(make_run(tmp_path))}
    assert (
        found["arms/context/summary.md"] == "Summary (Markdown), With memory of earlier chunks (II)"
    )


def test_each_kind_of_file_has_a_media_type() -> None:
    assert {Path(name).suffix for name, _ in FILES} <= {*TYPES}


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"\0\0\0\x20ftypisom", "video/mp4"), (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
     (b"\x1a\x45\xdf\xa3....webm", "video/webm"), (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
     (b"OggS", "video/ogg"), (b"RIFF1234AVI ", "video/x-msvideo"), (b"RIFF1234WAVE", ""),
     (b"G" + b"\0" * 187 + b"G", "video/mp2t"), (b"G", ""), (b"<html>", ""), (b"", "")],
)  # fmt: skip
def test_a_video_is_known_by_how_its_content_begins(head: bytes, kind: str) -> None:
    assert sniff_video(head) == kind
