"""The files that a run leaves: the contract's columns and keys, nothing that acts."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.pipeline.ledger import keep_ledger
from longtake.records import (
    Chapter,
    Chunk,
    Cost,
    Description,
    Entity,
    Gap,
    Moment,
    Result,
    Scan,
    Sentence,
    Shot,
    Source,
    StageUsage,
    Summary,
    Support,
    Tag,
    Video,
)
from longtake.report import as_json
from longtake.report.csv import COLUMNS, as_csv, read_csv
from longtake.report.json import read_json
from longtake.report.markdown import as_chapters, as_markdown
from longtake.report.terminal import say_result
from longtake.report.transcript import descriptions_as_vtt
from longtake.text.untrusted import join_numbers, one_line
from longtake.timecode import Span

HOSTILE = (
    "<script>alert(1)</script> [click](javascript:alert(1)) ![x](http://evil) `rm` https://evil.com"
    " www.evil.com a@b.com | # *"
)


def make_result(text: str = "Two cars.", error: str = "boom", name: str = "street.mp4") -> Result:
    """Three chunks, of which the last failed."""
    spans = [Span(0, 6), Span(6, 12), Span(12, 3700)]
    cost = Cost(1, 20, 5, 0.25)
    descriptions = (
        Description(Chunk(1, spans[0]), "described", "fake", text=text, cost=cost),
        Description(Chunk(2, spans[1]), "described", "fake", text=text, cost=cost),
        Description(Chunk(3, spans[2]), "failed", "fake", error=error, cost=Cost(3)),
    )
    summary = Summary(
        text,
        (
            Sentence(text, (1, 2), "model", "supported"),
            Sentence(text, (2,), "own words", "quoted", source="voice", span=Span(7.5, 9)),
        ),
        (Chapter(Span(0, 12), text),),
    )
    video = Video(Path(name), "ab" * 32, 3700.0, 3700.0)
    usage = (StageUsage("describe", "fake", cost, 1), StageUsage("reconcile", "gguf:x"))
    ledger = keep_ledger(descriptions, summary)
    return Result(video, descriptions, summary, ledger, usage, Path("out"))


def test_csv_has_the_contract_s_columns() -> None:
    header, first, _, failed = csv.reader(io.StringIO(as_csv(make_result().descriptions)))
    assert ",".join(header) == (
        "chunk,start,end,description,speech,text,status,error,engine,input_tokens,output_tokens,"
        "seconds,same_as,remark,tags"
    )
    assert first == [
        "1",
        "0.000",
        "6.000",
        "Two cars.",
        "",
        "",
        "described",
        "",
        "fake",
        "20",
        "5",
        "0.250",
        "",
        "",
        "",
    ]
    assert failed[6:8] == ["failed", "boom"]
    assert failed[3] == ""


@pytest.mark.parametrize("start", "=+-@＝＋－＠\t\r\n'")
def test_no_cell_begins_as_a_formula(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    for row in csv.DictReader(io.StringIO(as_csv(make_result(text, text).descriptions))):
        for cell in row.values():
            assert not cell.startswith(tuple("=+-@＝＋－＠\t\r\n"))


@given(st.text().map(lambda text: text.replace("\0", "")))
def test_csv_reads_back_unharmed(text: str) -> None:
    import tempfile

    text = text.encode("utf-8", "ignore").decode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "descriptions.csv"
        path.write_text(as_csv(make_result(text).descriptions), encoding="utf-8", newline="")
        rows = list(read_csv(path))
    assert [row["description"] for row in rows] == [text, text, ""]
    assert tuple(rows[0]) == COLUMNS


def test_json_has_the_contract_s_keys() -> None:
    document = json.loads(as_json(make_result()))
    assert document["video"] == {
        "source": "street.mp4",
        "title": "",
        "sha256": "ab" * 32,
        "duration": 3700.0,
        "notes": [],
    }
    assert document["headline"] == "Two cars."
    assert document["summary"][0] == {
        "sentence": "Two cars.",
        "evidence": [1, 2],
        "support": "supported",
        "wording": "model",
        "why": "",
        "source": None,
        "start": None,
        "end": None,
    }
    quoted = document["summary"][1]
    assert (quoted["source"], quoted["start"], quoted["end"]) == ("voice", 7.5, 9)
    assert document["chapters"] == [{"start": 0, "end": 12, "title": "Two cars."}]
    assert document["ledger"] == {
        "planned": 3,
        "described": 2,
        "reused": 0,
        "failed": 1,
        "summarized": 2,
        "cited": 2,
        "speech": "",
        "text": "",
        "context": "",
        "topics": "",
        "reuses": [],
        "remarks": [],
        "gaps": [{"chunk": 3, "start": 12, "end": 3700, "reason": "boom"}],
    }
    assert document["usage"][0] == {
        "stage": "describe",
        "engine": "fake",
        "requests": 1,
        "input_tokens": 20,
        "output_tokens": 5,
        "seconds": 0.25,
        "from_store": 1,
        "failed": 0,
        "reason": "",
    }


def test_json_reads_back_as_the_result_that_it_tells_of(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    whole = mark_all(make_result(HOSTILE, HOSTILE), "why")
    shots = Scan((Shot(Span(0, 2.5)), Shot(Span(2.5, 18))), 1.0, (), ())
    quoted = quote_all(make_result())
    assert quoted.summary
    sparse = replace(quoted, scan=shots, summary=replace(quoted.summary, sparse=True))
    silent = replace(make_result(), summary=None)
    linked = replace(whole, video=replace(whole.video, title="A", link="https://x.example/"))
    for result in (whole, sparse, silent, linked):
        path.write_text(as_json(result, descriptions=True), encoding="utf-8")
        back = read_json(path)
        assert as_json(back, descriptions=True) == path.read_text(encoding="utf-8")
        assert back.summary == result.summary and back.ledger == result.ledger
        assert as_markdown(back) == as_markdown(result)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"video": null}', "[" * 100_000, '{"video": {"source": 1}}', "\udcff"]
)
def test_json_that_tells_of_no_result_is_a_value_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="holds no result"):
        read_json(path)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("video", "duration", "long"),
        ("video", "sha256", None),
        ("video", "title", ["x"]),
        ("ledger", "planned", "9"),
        ("ledger", "planned", True),
        ("entities", "kind", "ghost"),
        ("entities", "look", 1),
        ("entities", "chunks", ["1"]),
        ("entities", "chunks", "12"),
        ("summary", "evidence", [1.5]),
        ("summary", "support", {}),
        ("chapters", "start", "0"),
        ("descriptions", "status", "done"),
    ],
)
def test_json_with_a_value_of_another_type_is_a_value_error(
    tmp_path: Path, part: str, name: str, value: object
) -> None:
    path = tmp_path / "result.json"
    document = json.loads(as_json(mark_all(make_result()), descriptions=True))
    record = document[part] if isinstance(document[part], dict) else document[part][0]
    assert name in record
    record[name] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ValueError, match="holds no result"):
        read_json(path)


def test_markdown_cites_chunks_and_times_and_names_the_gaps() -> None:
    text = as_markdown(make_result())
    assert "- Two cars. (0:00–0:12, chunks 1–2)\n" in text
    assert '- "Two cars." (0:07, chunk 2)\n' in text
    assert "- 0:12–1:01:40 (chunk 3): boom" in text
    assert "3 chunks planned, 2 described, 1 failed, 2 in the summary." in text


def test_ledger_tells_what_was_read_from_what_is_cited() -> None:
    result = make_result()
    ledger = replace(result.ledger, summarized=300, cited=30)
    said = "300 read for the summary, 30 cited in it."
    assert said in as_markdown(replace(result, ledger=ledger))
    assert said in say_result(replace(result, ledger=ledger), verbose=True)


def test_neighbouring_gaps_with_one_reason_are_one_line() -> None:
    gaps = [
        Gap(number, Span(6 * number, 6 * number + 6), reason)
        for number, reason in ((3, "x"), (4, "x"), (5, "x"), (6, "y"), (7, "x"), (9, "x"))
    ]
    result = make_result()
    result = replace(result, ledger=replace(result.ledger, gaps=tuple(gaps)))
    lines = [line for line in as_markdown(result).splitlines() if re.search(r": [xy]$", line)]
    assert lines == [
        "- 0:18–0:36 (chunks 3–5): x",
        "- 0:36–0:42 (chunk 6): y",
        "- 0:42–0:48 (chunk 7): x",
        "- 0:54–1:00 (chunk 9): x",
    ]
    assert "\ngap: 0:18–0:36 (chunks 3–5): x\n" in say_result(result)


def test_last_line_says_whose_the_descriptions_are() -> None:
    result = make_result()
    assert as_markdown(result).endswith("\nDescribed by fake, summarised by gguf:x.\n")
    unknown = tuple(replace(d, engine="") for d in result.descriptions)
    usage = (StageUsage("describe", "d.csv"), StageUsage("reconcile", "gguf:x"))
    text = as_markdown(replace(result, descriptions=unknown, usage=usage))
    assert text.endswith("\nDescriptions from d.csv, summarised by gguf:x.\n")


def test_markdown_shows_hostile_text_as_text() -> None:
    text = as_markdown(make_result(HOSTILE, HOSTILE, HOSTILE.replace("/", " ")))
    assert "<" not in text
    assert "](" not in text.replace("\\](", "").replace("\\]\\(", "")
    assert "https://" not in text
    assert "www.evil" not in text
    assert "a@b" not in text
    assert "\n#" not in text.replace("\n## Chapters", "").replace("\n## Ledger", "")


@pytest.mark.parametrize("text", ["1. first", "- - -", "+ plus", "# title", "=== x"])
def test_markdown_s_own_line_starts_are_shown_as_text(text: str) -> None:
    line = next(line for line in as_markdown(make_result(text)).splitlines() if "0:00–0:12" in line)
    assert "\\" in line.split(" (")[0]


def test_hidden_characters_are_gone() -> None:
    hidden = "a\x1b[2Jb\u061cc\u2060d\u00ade\U000e0041f"
    assert one_line(hidden) == "a [2Jb c d e f"


def test_questions_without_a_usable_reply_are_told_in_json_alone() -> None:
    usage = (StageUsage("reconcile", "server:x", Cost(9), 0, 3, "the server answered 500: boom"),)
    result = replace(make_result(error="no picture"), usage=usage)
    told = json.loads(as_json(result))["usage"][0]
    assert (told["failed"], told["reason"]) == (3, "the server answered 500: boom")
    assert "boom" not in as_markdown(result) + say_result(result)


def test_numbers_are_told_in_runs() -> None:
    assert join_numbers((1, 2, 3, 7, 9, 10)) == "1–3, 7, 9–10"


def mark_all(result: Result, why: str = "") -> Result:
    """A sentence and a key moment for each verdict, with someone who is known again."""
    sentences = tuple(
        Sentence("A dog.", (1,), "model", support, why if support == "unsupported" else "")
        for support in SUPPORTS
    )
    moments = tuple(Moment(2, Span(6, 12), "A cat", support, why) for support in SUPPORTS)
    assert result.summary
    summary = replace(
        result.summary,
        sentences=(*sentences, Sentence("No chunk.", (), "model", "unsupported", why)),
        moments=moments,
        judge=f"the words alone {why}",
        remarks=(f"1 sentence was left out {why}",),
    )
    entities = (Entity("P1", "person", f"a man {why}", (1, 2)), Entity("T1", "thing", why, ()))
    return replace(result, summary=summary, entities=entities)


SUPPORTS: tuple[Support, ...] = ("supported", "unsupported", "unchecked")


def test_markdown_marks_what_the_check_found() -> None:
    text = as_markdown(mark_all(make_result(), 'its descriptions lack "7"'))
    assert "- A dog. (0:00–0:06, chunk 1)\n" in text
    assert '- A dog. (0:00–0:06, chunk 1) **✗ unsupported: its descriptions lack "7"**\n' in text
    assert "- A dog. (0:00–0:06, chunk 1) ?\n" in text
    assert "- No chunk. (no chunk) **✗ unsupported" in text
    assert "- 0:06–0:12 A cat (chunk 2) ?\n" in text
    assert "## Key moments" in text
    assert "? not checked: the words can't settle it, and no model did." in text
    assert "4 sentences: 1 supported, 2 unsupported, 1 unchecked; checked by the words" in text
    assert "1 sentence was left out" in text


def test_markdown_says_who_the_marks_stand_for() -> None:
    text = as_markdown(mark_all(make_result()))
    assert "## Who and what\n\n- \\[P1\\] a man (chunks 1–2)\n" in text
    assert "## Who and what" not in as_markdown(make_result())


def test_markdown_has_no_legend_where_all_is_supported_or_quoted() -> None:
    text = as_markdown(make_result())
    assert not re.search("✗|not checked", text)
    assert "1 sentence: 1 supported." in text


def test_markdown_shows_hostile_verdicts_as_text() -> None:
    text = as_markdown(mark_all(make_result(), HOSTILE))
    assert "<" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "https://" not in text


def test_json_holds_verdicts_moments_and_the_judge() -> None:
    document = json.loads(as_json(mark_all(make_result(), "why")))
    assert [s["support"] for s in document["summary"]] == [*SUPPORTS, "unsupported"]
    assert [s["why"] for s in document["summary"]] == ["", "why", "", "why"]
    assert document["moments"][0] == {
        "chunk": 2,
        "start": 6,
        "end": 12,
        "text": "A cat",
        "support": "supported",
        "why": "why",
    }
    assert document["judge"] == "the words alone why"
    assert document["remarks"] == ["1 sentence was left out why"]


def test_terminal_marks_what_the_check_found() -> None:
    text = say_result(mark_all(make_result(), "no dog"), verbose=True)
    assert "A dog. [1]\n" in text
    assert "A dog. [1] ✗ unsupported: no dog\n" in text
    assert "A dog. [1] ?\n" in text
    assert "check: 4 sentences: 1 supported" in text


def quote_all(result: Result) -> Result:
    """As a digest: quotes under two chapters, checked by nobody, and what detectors saw."""
    sources: tuple[Source, ...] = ("voice", "screen", "description")
    quotes = tuple(
        Sentence(f"From a {s}.", (1,), "own words", "quoted", source=s, span=Span(start, start + 1))
        for s, start in zip(sources, (1, 7, 9), strict=True)
    )
    chapters = (Chapter(Span(0, 6), "Arches"), Chapter(Span(6, 12), "Beams"))
    summary = Summary("Bridges", quotes, chapters, made_by="made without a text model")
    tags = (Tag("person", 1.0), Tag("cat", 0.01))
    described = tuple(replace(d, tags=tags) for d in result.descriptions[:2])
    return replace(result, summary=summary, descriptions=described)


def test_quotes_stand_under_their_chapters_and_say_whose_they_are() -> None:
    text, shown = as_markdown(quote_all(make_result())), say_result(quote_all(make_result()))
    assert (
        '## 0:00 Arches\n\n- "From a voice." (0:01, chunk 1)\n\n## 0:06 Beams\n\n'
        '- On screen: "From a screen." (0:07, chunk 1)\n- From a description. (0:09, chunk 1)\n'
    ) in text
    assert '   0:00 Arches\n   0:01 "From a voice." [1]\n\n   0:06 Beams\n' in shown
    assert "## Chapters" not in text and "\nchapters\n" not in shown


def test_what_made_a_digest_and_what_detectors_saw_is_told_and_no_check_of_it() -> None:
    result = quote_all(make_result())
    for text in (as_markdown(result), say_result(result)):
        assert "Made without a text model." in text
        assert "Seen by detectors, may be wrong: person 100 %, cat 1 %." in text
        assert "supported" not in text and "check" not in text
    document = json.loads(as_json(result))
    assert document["tags"] == [{"label": "person", "share": 1}, {"label": "cat", "share": 0.01}]
    assert document["made_by"] == "made without a text model"


def test_chapters_are_a_line_each_without_what_youtube_refuses() -> None:
    chapters = (Chapter(Span(0, 11.9), "Start"), Chapter(Span(11.9, 3725), "<b>Late</b>\n9"))
    assert as_chapters(Summary("", (), chapters)) == "0:00 Start\n0:11 ‹b›Late‹/b› 9\n"
    assert as_chapters(None) == ""


def test_descriptions_play_as_subtitles_and_gaps_say_why() -> None:
    shown = descriptions_as_vtt(make_result(HOSTILE, "boom --> x").descriptions)
    assert shown.startswith("WEBVTT\n\n1\n00:00:00.000 --> 00:00:06.000\n&lt;script&gt;")
    assert "01:01:40.000\n(not described: boom --&gt; x)\n" in shown
    assert "<" not in shown and shown.count("-->") == 3


def test_video_from_a_link_is_told_by_its_title_and_its_address() -> None:
    link = "https://video.example/watch?v=1&list=[x](y)"
    result = make_result()
    result = replace(result, video=replace(result.video, title="Bridges *II*", link=link))
    assert json.loads(as_json(result))["video"]["source"] == link
    page = as_markdown(result)
    assert "Bridges \\*II\\*" in page and f"<{link}>" in page
