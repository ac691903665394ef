"""What a visitor may take away."""

from pathlib import Path

from longtake.web.files import find_file, list_files
from tests.web.examples import make_run, write_result


def test_only_the_known_files_of_a_run_are_served(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two"))
    (tmp_path / "out" / "secret.txt").write_text("x")
    (tmp_path / "out" / "transcript.txt").symlink_to("/etc/passwd")
    run = make_run(tmp_path)
    assert [file.place for file in list_files(run)] == ["summary.md", "descriptions.csv"]
    for place in ("../abc", "secret.txt", "transcript.txt", "/etc/passwd", "arms/../summary.md"):
        assert find_file(run, place) is None
