"""The result of a run, as the view draws it."""

import json
import shutil
from pathlib import Path

import pytest

from longtake.records import Segment, Transcript
from longtake.report.json import read_transcript, transcript_as_json
from longtake.report.markdown import as_markdown
from longtake.runs.folder import list_runs, read_run
from longtake.timecode import Span
from longtake.web.progress import show_update
from longtake.web.result import show_result
from tests.conftest import ROOT
from tests.web.examples import HOSTILE, make_result, make_run, write_result

RELEASES = sorted((ROOT / "tests" / "releases").iterdir())


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


def test_the_page_says_of_a_result_what_its_summary_in_markdown_says(tmp_path: Path) -> None:
    texts = ("one", "two", "")
    write_result(tmp_path / "out", texts)
    shown = show_result(make_run(tmp_path))
    assert shown
    text = as_markdown(make_result(tmp_path / "out", texts))
    (arm,) = shown["arms"]
    said = [arm["made"], *arm["seen"], *shown["legend"], *arm["ledger"].values()]
    said += [s["cited"] for s in arm["sections"][0]["sentences"]]
    lines = [line for part in said for line in ([part] if isinstance(part, str) else part)]
    assert len(lines) > 8
    for line in lines:
        assert (line["said"].split(": ")[1] if isinstance(line, dict) else line) in text


def test_what_was_told_of_a_chunk_has_the_names_that_its_result_has(run: str) -> None:
    told = show_update(read_run(run), 0, result=True)
    (arm,) = told["result"]["arms"]
    for chunk, entry in zip(arm["chunks"], told["told"], strict=True):
        assert chunk == {name: entry[name] for name in chunk}
        assert entry["text"].startswith("A placeholder") and entry["on_screen"] == ""


@pytest.mark.parametrize("kept", RELEASES, ids=lambda path: path.name)
def test_a_run_of_an_earlier_release_is_shown_with_all_that_it_found(
    kept: Path, home: Path
) -> None:
    shutil.copytree(kept / "runs", home / "runs")
    (run,) = list_runs()
    told = show_update(run, 0, result=True)
    (arm,) = told["result"]["arms"]
    assert [entry["time"] for entry in told["told"]] == [chunk["time"] for chunk in arm["chunks"]]
    assert arm["headline"] == "talk" and arm["support"] == "quoted"
    (section,) = arm["sections"]
    assert section["sentences"][1]["text"] == '"The door opens, and a woman comes in."'
    assert (section["sentences"][1]["at"], section["sentences"][1]["cited"]) == (1.0, "0:01")
    assert "5 chunks planned, 5 described, 0 failed" in arm["ledger"]["said"]
    assert arm["ledger"]["by"] == "Described by fake."
    assert any("came from fake, so there are quotes" in said for said in arm["seen"])


def test_a_result_that_lacks_what_was_not_written_yet_is_shown_without_it(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    path = tmp_path / "out" / "result.json"
    document = json.loads(path.read_text())
    for name in ("headline_support", "judge", "made_by", "remarks", "tags", "shots", "entities"):
        del document[name]
    for chunk in document["descriptions"]:
        del chunk["tags"], chunk["remark"]
    del document["ledger"]["topics"], document["summary"][0]["source"]
    path.write_text(json.dumps(document))
    shown = show_result(make_run(tmp_path))
    assert shown
    assert [chunk["text"] for chunk in shown["arms"][0]["chunks"]] == ["one", "two", "three"]


def test_actions_stand_on_the_card_of_their_chunk_and_beside_the_summary(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_result(out, ("one", "two", "three"))
    path = out / "result.json"
    document = json.loads(path.read_text())
    document["descriptions"][1]["actions"] = [
        {"label": HOSTILE[0], "score": 0.8, "start": 6.0, "end": 9.0}
    ]
    path.write_text(json.dumps(document))
    shown = show_result(make_run(tmp_path))
    assert shown
    (arm,) = shown["arms"]
    said = f"{HOSTILE[0]} 0.80 (0:06–0:09)"
    assert [chunk.get("actions") for chunk in arm["chunks"]] == [None, said, None]
    assert arm["seen"] == [f"Actions named by a model, may be wrong: {said}."]


def test_the_figures_of_both_flows_stand_in_one_table_with_what_they_tell(tmp_path: Path) -> None:
    for name in ("independent", "context"):
        write_result(tmp_path / "out" / "arms" / name, ("one", "two", "three"))
    figures = {"requests": 1200, "output_tokens": 6, "seconds": 1.25, "unsupported": 0, "gaps": 1,
               "settings": {}, "stages": {"check": {"input_tokens": 0}}}  # fmt: skip
    document = {
        "arms": [
            {"name": "independent", "overhead": None, **figures},
            {"name": "context", "overhead": 1.5, **figures},
        ],
        "differences": [{"said": "can't tell from 3 chunks"}],
        "failed": [{"name": "window", "error": "no reply"}],
        "remark": "One video.",
    }
    (tmp_path / "out" / "compare.json").write_text(json.dumps(document))
    shown = show_result(make_run(tmp_path))
    assert shown
    rows = {row["name"]: row["cells"] for row in shown["figures"]["rows"]}
    assert rows["requests"] == ["1,200", "1,200"] and rows["engine time"] == ["1.2 s", "1.2 s"]
    assert rows["input over flow I"] == ["–", "1.50×"]
    assert rows["input tokens"] == ["–", "–"] and "  check" not in rows
    assert shown["figures"]["head"][1].startswith("With memory")
    assert shown["figures"]["said"] == ["can't tell from 3 chunks"]
    assert shown["figures"]["failed"] == ["window: no reply"]


def test_a_run_of_which_nothing_could_be_described_shows_its_gaps_alone(tmp_path: Path) -> None:
    write_result(tmp_path / "out", ("", ""))
    path = tmp_path / "out" / "result.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"headline": "", "summary": [], "judge": ""}))
    shown = show_result(make_run(tmp_path))
    assert shown
    (arm,) = shown["arms"]
    assert (arm["headline"], arm["sections"]) == ("", []) and len(arm["ledger"]["gaps"]) == 1


SEGMENTS = (
    Segment(Span(0.5, 2.0), "Good morning."),
    Segment(Span(63.0, 65.5), "<script>alert(1)</script>\nand on"),
)


def test_the_transcript_s_lines_have_their_times_and_say_where_they_are_from(
    tmp_path: Path,
) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    transcript = Transcript("recognised by whisper tiny.en", SEGMENTS, "en", "the sound breaks off")
    (tmp_path / "out" / "transcript.json").write_text(transcript_as_json(transcript))
    shown = show_result(make_run(tmp_path))
    assert shown
    assert shown["transcript"] == {
        "said": "Recognised by whisper tiny.en. The sound breaks off.",
        "language": "en",
        "lines": [
            {"at": 0.5, "end": 2.0, "time": "0:00", "text": "Good morning."},
            {"at": 63.0, "end": 65.5, "time": "1:03", "text": "<script>alert(1)</script> and on"},
        ],
    }


@pytest.mark.parametrize(
    ("transcript", "said"),
    [
        (Transcript("", remark="the file has no sound"), "the file has no sound."),
        (Transcript("recognised by x"), "no words were found in it, recognised by x."),
    ],
)
def test_a_film_in_which_nothing_is_said_says_why_there_is_no_transcript(
    tmp_path: Path, transcript: Transcript, said: str
) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    (tmp_path / "out" / "transcript.json").write_text(transcript_as_json(transcript))
    shown = show_result(make_run(tmp_path))
    assert shown and shown["transcript"]["lines"] == []
    assert shown["transcript"]["said"] == f"There is no transcript: {said}"


@pytest.mark.parametrize("kept", ["", "{", '{"segments": [{"start": 1}]}', '{"segments": 3}'])
def test_a_run_that_kept_no_transcript_shows_what_is_said_in_each_chunk(
    tmp_path: Path, kept: str
) -> None:
    write_result(tmp_path / "out", ("one", "two", "three"))
    if kept:
        (tmp_path / "out" / "transcript.json").write_text(kept)
    shown = show_result(make_run(tmp_path))
    assert shown
    found = [(line["at"], line["text"]) for line in shown["transcript"]["lines"]]
    assert found == [(0.0, "said"), (6.0, "said"), (12.0, "said")]
    assert shown["transcript"]["said"] == "Heard."


def test_a_transcript_that_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    transcript = Transcript("subtitles in the file", SEGMENTS, "de")
    path = tmp_path / "transcript.json"
    path.write_text(transcript_as_json(transcript))
    assert read_transcript(path) == transcript
