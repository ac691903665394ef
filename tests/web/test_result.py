"""The result of a run, as the view draws it."""

from pathlib import Path

from longtake.web.result import show_result
from tests.web.examples import make_run, write_result


def test_a_sentence_leads_to_the_first_chunk_that_it_rests_on(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    result = show_result(make_run(tmp_path))
    assert result
    (section,) = result["arms"][0]["sections"]
    first, second, third = section["sentences"]
    assert (first["at"], first["cited"], first["support"]) == (0.0, "0:00–0:12", "supported")
    assert (second["at"], second["support"], second["why"]) == (6.0, "unsupported", "a reason")
    assert third["at"] is None and third["cited"] == "no chunk"


def test_gaps_stand_in_the_ledger_with_their_time_and_reason(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", ""))
    result = show_result(make_run(tmp_path))
    assert result
    ledger = result["arms"][0]["ledger"]
    assert ledger["gaps"] == [{"at": 12.0, "time": "0:12–0:18", "said": "chunk 3: no reply"}]
    assert "1 failed" in ledger["said"]


def test_the_legend_explains_the_marks_that_stand_there(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    result = show_result(make_run(tmp_path))
    assert result and {words[0] for words in result["legend"]} == {"✗", "?"}


def test_both_flows_stand_side_by_side_the_independent_one_first(tmp_path: Path) -> None:
    for name in ("context", "independent"):
        write_result(tmp_path / "out" / "arms" / name, (name, "two", "three"))
    result = show_result(make_run(tmp_path))
    assert result
    assert [arm["headline"] for arm in result["arms"]] == ["independent", "context"]
    assert [arm["title"] for arm in result["arms"]] == [
        "Each chunk on its own (I)", "With memory of earlier chunks (II)",
    ]  # fmt: skip


def test_a_result_whose_files_are_gone_or_broken_is_none(tmp_path: Path) -> None:
    assert show_result(make_run(tmp_path)) is None
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("{")
    assert show_result(make_run(tmp_path)) is None
