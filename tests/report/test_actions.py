"""Actions in the table and the documents: read back as they were written, and as a person wrote."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.pipeline.ledger import keep_ledger
from longtake.records import Action, Chunk, Description, Result, StageUsage, Video
from longtake.report import as_json
from longtake.report.csv import COLUMNS, as_csv, read_csv
from longtake.report.json import chunk_values, read_json
from longtake.report.phrases import pick_actions, say_seen
from longtake.report.read_back import read_descriptions
from longtake.timecode import Span

POURING = Action("pouring", 0.82, Span(12.0, 15.5))
NOT_JUMPING = Action("walking (not jumping), slowly", 0.4, Span(15.5, 18.0))
BOTH = (POURING, NOT_JUMPING)
TABLE = Path("descriptions.csv")


def describe(*actions: Action) -> Description:
    return Description(Chunk(3, Span(12, 18)), "described", "fake", "A cup.", actions=actions)


def make_result(*descriptions: Description) -> Result:
    video = Video(Path("v.mp4"), "0" * 64, 18.0, 18.0)
    return Result(video, descriptions, None, keep_ledger(descriptions, None), (), Path())


def read_back(*descriptions: Description) -> list[Description]:
    TABLE.write_text(as_csv(descriptions), newline="")
    return [d for d in read_descriptions(TABLE) if d.text]


def test_actions_written_to_the_table_are_read_back() -> None:
    found, other = read_back(describe(*BOTH), replace(describe(), chunk=Chunk(4, Span(18, 24))))
    assert found.actions == BOTH and other.actions == ()


def test_column_of_actions_is_the_last_and_there_where_there_are_some() -> None:
    bare, full = as_csv([describe()]), as_csv([describe(), describe(*BOTH)])
    assert bare.splitlines()[0] == ",".join(COLUMNS)
    assert full.splitlines()[0] == ",".join((*COLUMNS, "actions"))
    assert as_csv([describe(*BOTH)]).splitlines()[1].startswith(bare.splitlines()[1])


def test_label_can_t_be_taken_for_two() -> None:
    forged = replace(POURING, label="pouring 0.90 (0:01.0–0:02.0); walking")
    (found,) = read_back(describe(forged))
    assert [action.score for action in found.actions] == [0.82]


@pytest.mark.parametrize(
    ("cell", "actions"),
    [
        ("", []),
        ("pouring 0.82 (0:12.0–0:15.5)", [POURING]),
        ("pouring 0.82 (12-15.5);; ", [POURING]),
        ("a dog; pouring 0.82(0:12–0:15.5); cat 0.4", [POURING]),
        ("pouring 1.2 (0:12–0:15)", [replace(POURING, score=1.0, span=Span(12, 15))]),
        ("pouring 0.82 (0:15–0:12); 0.82 (0:12–0:15); x 7 (1–2); y 0.5 (1:2:3:4–5)", []),
        ("y 0.5 (.–:); z 0.5 (1..2–3)", []),
    ],
)
def test_cell_of_actions_that_a_person_wrote_is_read_as_far_as_it_can_be(
    cell: str, actions: list[Action]
) -> None:
    TABLE.write_text(f'chunk,start,end,description,actions\n1,12,18,A cup.,"{cell}"\n')
    (found,) = read_descriptions(TABLE)
    assert list(found.actions) == actions


def test_cell_without_an_end_is_read_at_once() -> None:
    cell = "a 0.5 (" * 140_000 + ";" * 1000
    TABLE.write_text(f'chunk,start,end,description,actions\n1,12,18,A cup.,"{cell}"\n')
    (found,) = read_descriptions(TABLE)
    assert found.actions == ()


def test_document_has_actions_exactly_and_is_read_back() -> None:
    result = make_result(describe(*BOTH))
    document = json.loads(as_json(result, descriptions=True))
    first = {"label": "pouring", "score": 0.82, "start": 12.0, "end": 15.5}
    assert document["actions"][0] == document["descriptions"][0]["actions"][0] == first
    Path("result.json").write_text(json.dumps(document))
    assert read_json(Path("result.json")).descriptions[0].actions == BOTH


def test_document_and_card_without_actions_have_no_such_field() -> None:
    document = json.loads(as_json(make_result(describe()), descriptions=True))
    assert "actions" not in document and "actions" not in document["descriptions"][0]
    assert "actions" not in chunk_values(describe())


def test_of_the_whole_video_each_action_is_told_where_it_is_surest() -> None:
    surer = replace(POURING, score=0.9, span=Span(18, 21))
    many = [Action(f"act {n}", n / 100, Span(18, 24)) for n in range(20)]
    chosen = pick_actions([describe(*BOTH), describe(surer, *many)])
    assert chosen[:2] == [surer, NOT_JUMPING] and len(chosen) == 8
    said = "pouring 0.90 (0:18–0:21); walking (not jumping), slowly 0.40 (0:15–0:18)."
    result = make_result(describe(*BOTH), describe(surer))
    assert say_seen(result) == [f"Actions named by a model, may be wrong: {said}"]
    named = replace(result, usage=(StageUsage("describe", "x"), StageUsage("actions", "y")))
    assert say_seen(named) == [f"Actions named by y, may be wrong: {said}"]


def test_card_of_the_page_says_them_in_one_line() -> None:
    assert chunk_values(describe(*BOTH))["actions"] == (
        "pouring 0.82 (0:12–0:15); walking (not jumping), slowly 0.40 (0:15–0:18)"
    )


def test_spreadsheet_runs_no_label() -> None:
    TABLE.write_text(as_csv([describe(replace(POURING, label="=1+1"))]), newline="")
    assert "'=1+1 0.82" in TABLE.read_text()
    assert [row["actions"][:4] for row in read_csv(TABLE)] == ["=1+1"]
