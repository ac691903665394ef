"""What names many videos: folders, patterns, addresses, lists whose rows have settings."""

import json
import os
import re
from pathlib import Path

import pytest

from longtake.batch.sources import Item, apply, list_items
from longtake.settings import Settings

SETTINGS = Settings()


def list_all(*sources: str, match: str = "") -> list[Item]:
    return list(list_items(sources, SETTINGS, match=match, wide=True))


def say_error(item: Item) -> str:
    assert item.error, item
    return f"{item.error.message} {item.error.hint}"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for name in ("a.mp4", "deep/er/b.mkv", "notes.txt", "c.weird"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
    return folder


def test_folder_names_the_videos_in_it_however_deep(films: Path) -> None:
    assert [Path(item.source).name for item in list_all("films")] == ["a.mp4", "b.mkv"]


def test_match_chooses_among_the_names_in_a_folder(films: Path) -> None:
    assert [Path(item.source).name for item in list_all("films", match="c.*")] == ["c.weird"]
    (none,) = list_all("films", match="*.avi")
    assert "*.avi" in say_error(none)


def test_empty_folder_is_told_and_costs_no_other(films: Path) -> None:
    Path("empty").mkdir()
    empty, film = list_all("empty", "films/a.mp4")
    assert "empty is a folder without videos" in say_error(empty)
    assert film.source == "films/a.mp4" and not film.error


def test_lines_of_a_list_are_seen_from_the_list(films: Path) -> None:
    (films / "list.txt").write_text("# the talks\na.mp4\n\n  deep/er/b.mkv \nhttps://a.org/v\n")
    found = [item.source for item in list_all("films/list.txt")]
    assert found == ["films/a.mp4", "films/deep/er/b.mkv", "https://a.org/v"]


def test_row_of_a_list_has_settings_of_its_own(films: Path) -> None:
    (films / "list.csv").write_text("chunk_seconds,source,flow\n3,a.mp4,\n,deep/er/b.mkv,context\n")
    first, second = list_all("films/list.csv")
    given = {"chunk_seconds": 12.0, "engine": "fake"}
    own = apply(first, given, SETTINGS)
    assert (own.chunk_seconds, own.engine, own.flow) == (3.0, "fake", "independent")
    assert apply(second, given, SETTINGS).flow == "context"
    assert apply(Item("a.mp4"), given, SETTINGS) is SETTINGS


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"chunk_seconds": 3}, "line 2: there is no source"),
        ({"source": "  "}, "line 2: there is no source"),
        ({"source": 7}, "line 2: there is no source"),
        ({"source": "a.mp4", "chunk_secnds": 3}, "line 2: .*chunk_secnds.*chunk_seconds"),
        ({"source": "a.mp4", "out": "there"}, "line 2: out is one for all"),
        ({"source": "a.mp4", "chunk_seconds": 0}, "line 2: chunk_seconds: 0.* is out of range"),
        ({"source": "a\0.mp4"}, "line 2: there is no source"),
        ("just words", "line 2: there is no source"),
    ],
)
def test_broken_row_is_told_with_its_line_and_the_others_stay(
    films: Path, row: object, said: str
) -> None:
    rows = ({"source": "a.mp4"}, row, {"source": "deep/er/b.mkv"})
    (films / "list.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    first, broken, last = list_all("films/list.jsonl")
    assert not first.error and not last.error
    assert re.search(said, say_error(broken))


def test_line_of_a_list_that_is_no_json_is_told(films: Path) -> None:
    (films / "list.jsonl").write_text('{"source": "a.mp4"}\n{"source": \n')
    good, broken = list_all("films/list.jsonl")
    assert not good.error and "line 2" in say_error(broken)


def test_list_without_a_column_of_sources_or_in_another_coding_is_told(films: Path) -> None:
    (films / "list.csv").write_text("video\na.mp4\n")
    (films / "latin.txt").write_bytes("caf\xe9.mp4\n".encode("latin-1"))
    assert "has no column 'source'" in say_error(*list_all("films/list.csv"))
    assert "Save it as UTF-8." in say_error(*list_all("films/latin.txt"))


def test_address_names_the_videos_below_it(films: Path) -> None:
    (found,) = list_all(f"file://{films}/deep/")
    assert found.source == f"file://{films}/deep/er/b.mkv" and found.name == "b"
    (one,) = list_all(f"file://{films}/c.weird")
    assert one.source.endswith("c.weird")
    (none,) = list_all(f"file://{films}/nothing/")
    assert "there is no video" in say_error(none)


def test_address_of_a_kind_that_nobody_knows_is_told() -> None:
    (item,) = list_all("xyz://bucket/talks")
    assert "xyz://bucket/talks" in say_error(item)


def test_name_of_a_folder_comes_from_the_file_s_or_the_link_s() -> None:
    names = [Item(source).name for source in ("a/b c.mp4", "https://x.org/t%20u.mp4?q", "s3://b/v")]
    assert names == ["b c", "t u", "link"]


def test_list_with_semicolons_and_spaces_is_read_as_one_with_commas(films: Path) -> None:
    (films / "list.csv").write_text("\ufeff source ; chunk_seconds\r\na.mp4;3\r\n")
    (item,) = list_all("films/list.csv")
    assert not item.error and (item.source, item.own) == ("films/a.mp4", {"chunk_seconds": "3"})


def test_list_that_is_not_there_is_told_so() -> None:
    (item,) = list_all("nowhere.csv")
    assert "No such file" in say_error(item) and "UTF-8" not in say_error(item)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_folder_that_can_t_be_read_is_told_and_costs_no_other(films: Path) -> None:
    (films / "deep").chmod(0)
    first, second = list_all("films")
    (films / "deep").chmod(0o700)
    assert "films/deep can't be read: Permission denied" in say_error(first)
    assert second.source == "films/a.mp4"
