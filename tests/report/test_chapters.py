"""Chapters and cited chunks: every report tells the same ones, at the same times."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from longtake.engines import DIGEST
from longtake.inference.engine import Request
from longtake.inference.scheduler import Work
from longtake.pipeline.ledger import keep_ledger
from longtake.pipeline.open_engines import Writer
from longtake.pipeline.session import run_to_end
from longtake.pipeline.write_summary import sum_up
from longtake.records import (
    MEASURED,
    Chunk,
    Description,
    Material,
    Result,
    Segment,
    Video,
    Words,
)
from longtake.report import OF_SUMMARY, ResultFolder, write_summary
from longtake.report.json import as_json
from longtake.report.terminal import say_result
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span, format_time
from longtake.web.result import show_result
from tests.scripted import ScriptedEngine
from tests.talks import BRIDGE, SOUP, is_whole, write_down
from tests.web.examples import make_run

Read = Callable[[Path], list[tuple[str, str]]]
"""The chapters that a report in a folder tells: times and titles."""


class Editor(ScriptedEngine):
    """Writes down, with a chapter for the fourth chunk, the tenth and the eleventh."""

    def __init__(self) -> None:
        super().__init__(self._reply, "editor", images=0)

    def _reply(self, request: Request) -> str:
        reply = json.loads(write_down(request))
        if is_whole(request):
            titles = {4: "Stones & <b>arches", 10: "Onions", 11: "Too soon"}
            reply["chapters"] = [{"first_chunk": n, "title": t} for n, t in titles.items()]
        return json.dumps(reply)


@pytest.fixture(params=["by a model", "in quotations"])
def result(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Result:
    """Of a talk whose first three chunks are lost, so that all that is known begins at 0:18."""
    model = request.param == "by a model"
    writer: Writer = Editor() if model else DIGEST
    found: list[Description] = []
    words: dict[int, Words] = {}
    for number, text in enumerate(["", "", "", *BRIDGE, *SOUP], 1):
        chunk = Chunk(number, Span(6.0 * number - 6, 6.0 * number))
        if not text:
            found.append(Description(chunk, "failed", "", error="black"))
            continue
        seen = f"In {number}, a cook is there." if model else f"{MEASURED}one picture."
        found.append(Description(chunk, "described", "it", text=seen, speech=text))
        words[number] = Words((Segment(Span(6.0 * number - 5, 6.0 * number - 1), text),))
    video = Video(Path("film.mp4"), "ab", 90.0, 90.0)
    work = Work(Settings(), store, lambda seconds: None)
    summary = run_to_end(sum_up(work, writer, None, Material(video, found, words, "en")))
    result = Result(video, tuple(found), summary, keep_ledger(found, summary), (), tmp_path / "out")
    result.out.mkdir()
    (result.out / "result.json").write_text(as_json(result, descriptions=True))
    folder = ResultFolder(result.out, "", {name: {} for name in OF_SUMMARY})
    write_summary(folder, result)
    return replace(result, files=folder.files)


def read_text_file(out: Path) -> list[tuple[str, str]]:
    lines = (out / "chapters.txt").read_text().splitlines()
    return [(time, title) for time, title in (line.split(" ", 1) for line in lines)]


def read_markdown(out: Path) -> list[tuple[str, str]]:
    text = (out / "summary.md").read_text()
    found = re.findall(r"^(?:##|-) (\d+:\d\d) (.+)$", text, re.MULTILINE)
    return [(time, html.unescape(title)) for time, title in found if "chunk" not in title]


def read_page_to_send(out: Path) -> list[tuple[str, str]]:
    form = r"id=s\d+[^>]*><span class=time>(.*?)</span><span dir=auto>(.*?)</span>"
    found = re.findall(form, (out / "report.html").read_text())
    return [(time, html.unescape(title)) for time, title in found]


def read_document(out: Path) -> list[tuple[str, str]]:
    chapters = json.loads((out / "summary.json").read_text())["chapters"]
    return [(format_time(chapter["start"]), chapter["title"]) for chapter in chapters]


def read_view(out: Path) -> list[tuple[str, str]]:
    view = show_result(make_run(out.parent))
    assert view
    return [(chapter["time"], chapter["title"]) for chapter in view["arms"][0]["chapters"]]


@pytest.mark.parametrize("read", [read_markdown, read_page_to_send, read_document, read_view])
def test_chapters_are_those_of_the_text_for_youtube(result: Result, read: Read) -> None:
    told = [(time, re.sub("[‹›]", "", title)) for time, title in read_text_file(result.out)]
    assert told[0][0] == "0:00" and len(told) == 2
    assert [(time, re.sub("[<>]", "", title)) for time, title in read(result.out)] == told


def test_terminal_tells_the_chapters_of_the_text_for_youtube(result: Result) -> None:
    shown = say_result(result)
    for time, title in read_text_file(result.out):
        shown_title = re.escape(title.translate({ord("‹"): "<", ord("›"): ">"}))
        assert re.search(rf"^ *{time} +{shown_title}$", shown, re.MULTILINE)


def test_each_chunk_that_the_ledger_counts_as_cited_stands_under_a_sentence(result: Result) -> None:
    markdown = (result.out / "summary.md").read_text()
    numbers = {n for found in re.findall(r"chunks? ([\d–, ]+)\)", markdown) for n in spell(found)}
    assert len(numbers - {gap.chunk for gap in result.ledger.gaps}) == result.ledger.cited >= 3


def spell(numbers: str) -> list[int]:
    """`1–3, 7` as numbers."""
    runs = [run.partition("–") for run in numbers.split(", ")]
    return [n for first, _, last in runs for n in range(int(first), int(last or first) + 1)]
