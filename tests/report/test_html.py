"""report.html: one file, nothing in it acts, and all that is known of the video stands there."""

import hashlib
import io
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.records import Chapter, Chunk, Description, Frame, Result, Scan, Sentence, Shot
from longtake.report.html import as_html, read_thumbs
from longtake.report.pictures import THUMB_BYTES, pack_thumbs
from longtake.text.clauses import CROSSES
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from tests.report.test_report import HOSTILE, make_result, mark_all, quote_all

WORSE = f"\"'><img src=x onerror=alert(1)>{HOSTILE}&amp;\u202etxt.exe\u2066{{{{ 7*7 }}}}{{% raw %}}"


class Outline(HTMLParser):
    """The tags of a page with the names of their attributes, its texts and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.leads: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.leads += [
            (tag, value or "")
            for name, value in attrs
            if name in ("href", "src", "action", "srcset", "data", "formaction", "poster")
        ]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def draw_thumbs(numbers: Iterable[int], size: tuple[int, int] = (240, 135)) -> dict[int, Frame]:
    """Pictures of noise, which no JPEG makes small."""
    thumbs = {}
    for number in numbers:
        noise = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "JPEG", quality=85)
        thumbs[number] = Frame(0.0, file.getvalue(), *size)
    return thumbs


def make_whole(text: str = "Two cars.") -> Result:
    """With all that a result can have; every text that is not ours is `text`."""
    result = mark_all(make_result(text, text, text.replace("/", " ")), text)
    assert result.summary
    described = tuple(replace(d, speech=text, on_screen=text) for d in result.descriptions)
    described = (*described[:1], replace(described[1], remark=text), *described[2:])
    chapters = (Chapter(Span(0, 12), text), Chapter(Span(12, 3700), text))
    summary = replace(result.summary, chapters=chapters, made_by=text)
    ledger = replace(result.ledger, speech=text, text=text, context=text, topics=text)
    return replace(result, descriptions=described, summary=summary, ledger=ledger)


def test_report_is_one_file_that_loads_nothing_and_runs_nothing() -> None:
    page = as_html(make_whole(), draw_thumbs([1, 2]))
    outline = Outline(page)
    tags = {tag for tag, _ in outline.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "video"}
    names = {name for _, names in outline.tags for name in names}
    assert "style" not in names and not any(name.startswith("on") for name in names)
    for tag, lead in outline.leads:
        assert lead.startswith("#" if tag in ("a", "use") else "data:image/jpeg;base64,")
    assert not re.search(r"url\(|@import|@font-face", page)


def test_policy_lets_in_the_page_s_own_style_sheet_alone() -> None:
    page = as_html(make_result(), {})
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', page)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_hostile_text_changes_no_tag_and_is_shown_as_text() -> None:
    thumbs = draw_thumbs([1])
    calm, hostile = (
        Outline(as_html(make_whole(), thumbs)),
        Outline(as_html(make_whole(WORSE), thumbs)),
    )
    assert hostile.tags == calm.tags and hostile.ids == calm.ids
    assert hostile.leads == calm.leads
    assert hostile.text.count(one_line(WORSE)) >= 20
    assert "\u202e" not in hostile.text and "49" not in hostile.text


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("https://film.example/watch?a=1&b=2", True),
        ('https://film.example/"onclick="x', True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://film.example/ onclick=x", False),
    ],
)
def test_only_an_address_of_the_web_becomes_a_link(link: str, leads: bool) -> None:
    result = make_result()
    outline = Outline(as_html(replace(result, video=replace(result.video, link=link)), {}))
    outside = [lead for _, lead in outline.leads if not lead.startswith("#")]
    assert outside == ([link] if leads else [])
    assert not any(name.startswith("on") for _, names in outline.tags for name in names)


def test_every_place_that_is_cited_is_on_the_page() -> None:
    for result in (make_whole(), quote_all(make_result()), make_result()):
        outline = Outline(as_html(result, draw_thumbs([2])))
        assert len(outline.ids) == len(set(outline.ids))
        leads = {lead[1:] for _, lead in outline.leads if lead.startswith("#")}
        assert leads <= set(outline.ids)
        assert {f"c{d.chunk.number}" for d in result.descriptions} <= set(outline.ids)


def test_chunks_apart_are_cited_by_their_own_times_and_not_by_all_that_lies_between() -> None:
    result = make_result()
    assert result.summary
    chunks = [Chunk(n, Span(6.0 * n - 6, 6.0 * n)) for n in range(1, 11)]
    described = tuple(Description(chunk, "described", "fake", text="A dog.") for chunk in chunks)
    summary = replace(result.summary, sentences=(Sentence("A dog.", (1, 2, 10)),))
    outline = Outline(as_html(replace(result, summary=summary, descriptions=described), {}))
    assert "0:00–0:12 , 0:54–1:00" in outline.text and "0:00–1:00" not in outline.text
    assert [lead for _, lead in outline.leads].count("#c10") == 1


def test_summary_chapters_pictures_words_and_gaps_all_stand_there() -> None:
    result = quote_all(make_result())
    assert result.summary
    said = (f"We go {CROSSES}", f"{CROSSES} on.")
    described = tuple(replace(d, speech=s) for d, s in zip(result.descriptions, said, strict=True))
    shots = Scan((Shot(Span(0, 2.5)), Shot(Span(2.5, 18))), 1.0, (), ())
    result = replace(result, descriptions=described, scan=shots)
    text = Outline(as_html(result, draw_thumbs([1, 2]))).text
    for part in (
        "Bridges street.mp4 · 1:01:40",
        "Made without a text model.",
        '0:00 Arches 0:01 "From a voice."',
        '0:06 Beams 0:07 On screen: "From a screen."',
        "Pictures 0:00 0:06",
        "0:06–0:12 · chunk 2 Two cars. Detected: person 100 %, cat 1 %",
        "Transcript All that is said 0:00 We go on.",
        "Nothing is known here of 0:12–1:01:40: why .",
        "0:12–1:01:40 (chunk 3): boom",
        "3 chunks planned",
    ):
        assert part in text


def test_result_without_a_summary_shows_what_there_is() -> None:
    text = Outline(as_html(replace(make_result(), summary=None), {})).text
    assert "No summary" in text and "Nothing could be summarised." in text
    assert "Pictures" not in text and "Transcript" not in text


def make_talk(chunks: int) -> Result:
    """A talk with a description and a dozen words for each chunk."""
    result = make_result()
    edges = [6.0 * n for n in range(chunks + 1)]
    described = tuple(
        Description(
            Chunk(n, Span(*span)),
            "described",
            "fake",
            text=f"In {n} a woman at a desk shows a diagram and points to its {n % 9}th part. " * 3,
            speech=f"And so we come to the next point, which is number {n} of all of them.",
        )
        for n, span in enumerate(pairwise(edges), 1)
    )
    video = replace(result.video, duration=edges[-1])
    return replace(result, descriptions=described, video=video)


def test_report_of_two_hours_with_a_hundred_pictures_can_be_mailed() -> None:
    talk = make_talk(1200)
    page = as_html(talk, draw_thumbs(range(1, 1200, 12)))
    assert len(page.encode()) < 1_500_000
    assert len([lead for tag, lead in Outline(page).leads if tag == "image"]) == 100


def test_long_lists_are_closed_at_first_and_short_ones_are_not() -> None:
    assert as_html(make_talk(41), {}).count("<details>") == 1
    assert as_html(make_talk(40), {}).count("<details open>") == 2


def test_thumbs_are_as_large_as_all_of_them_may_be() -> None:
    few = draw_thumbs(range(3))
    assert pack_thumbs(few) == few
    many = pack_thumbs(draw_thumbs(range(100)))
    assert len(many) == 100
    assert THUMB_BYTES / 2 < sum(len(frame.jpeg) for frame in many.values()) <= THUMB_BYTES
    assert len({(frame.width, frame.height) for frame in many.values()}) == 1
    with Image.open(io.BytesIO(many[99].jpeg)) as picture:
        assert picture.size == (many[99].width, many[99].height)


def test_pictures_are_read_back_from_a_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    thumbs = draw_thumbs([1, 2])
    path.write_text(as_html(make_whole(WORSE), thumbs), encoding="utf-8")
    assert read_thumbs(path) == thumbs


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"<svg", b"<image id=t1>", None])
def test_what_is_no_report_has_no_pictures(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "report.html"
    if content is not None:
        path.write_bytes(content)
    assert read_thumbs(path) == {}
