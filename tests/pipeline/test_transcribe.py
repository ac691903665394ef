"""transcript.srt, .vtt and .txt: what is written is read back, whatever was said."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.records import Segment, Transcript
from longtake.report import OF_TRANSCRIPT, ResultFolder, write_transcript
from longtake.report.transcript import as_srt, as_text, as_vtt
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.words.speech.subtitles import read_subtitles

HOSTILE = [
    "-->",
    "a --> b",
    "00:00:01,000 --> 00:00:02,000",
    "<b>bold</b>",
    "x < y > z",
    "<v Ann>Hello",
    "&amp;",
    "&lt;i&gt; &#8238;",
    "{\\an8}top",
    "C:\\New\\name",
    "1",
    "42\n\n43",
    "WEBVTT",
    "NOTE nothing",
    "STYLE",
    "[Script Info]",
    "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,x",
    "مرحبا بالعالم",
    "\u202eabc\u2066",
    "a\0b\x1b[2Jc\rd\x85e\u2028f",
    "\ud800",
    "你好，世界",
    "👩\u200d👩\u200d👧 family",
]


def make_transcript(*texts: str, seconds: float = 2.0, language: str = "en") -> Transcript:
    """One text after the other, each of so many seconds."""
    spans = [Span(round(n * seconds, 3), round((n + 1) * seconds, 3)) for n in range(len(texts))]
    segments = tuple(map(Segment, spans, texts))
    return Transcript("speech heard by tiny.en", segments, language)


def read_back(folder: Path, content: str, name: str = "talk.srt") -> Sequence[Segment]:
    (folder / name).write_text(content, encoding="utf-8", errors="replace", newline="")
    return read_subtitles(folder / name).segments


def test_srt_is_numbered_and_wrapped() -> None:
    text = "A sentence that is so long that it does not go on one line."
    assert as_srt(make_transcript("Hello.", text)) == (
        "1\n00:00:00,000 --> 00:00:02,000\nHello.\n\n"
        "2\n00:00:02,000 --> 00:00:04,000\n"
        "A sentence that is so long that it does\nnot go on one line.\n"
    )


def test_vtt_says_its_language_and_its_source() -> None:
    transcript = Transcript("a --> b", (Segment(Span(0, 1.5), "a <b> & c"),), "en-GB", "no\nend")
    assert as_vtt(transcript) == (
        "WEBVTT\nLanguage: en-GB\n\nNOTE a -- > b\n\nNOTE no end\n\n"
        "00:00:00.000 --> 00:00:01.500\na &lt;b&gt; &amp; c\n"
    )


def test_hours_go_beyond_ninety_nine(tmp_path: Path) -> None:
    transcript = Transcript("", (Segment(Span(362_439.999, 400_000.0), "late"),))
    assert "100:40:39,999 --> 111:06:40,000" in as_srt(transcript)
    assert read_back(tmp_path, as_vtt(transcript)) == transcript.segments


def test_what_is_long_is_divided_and_its_times_go_by_its_letters(tmp_path: Path) -> None:
    text = " ".join(f"word{number:03}" for number in range(60))
    segments = read_back(tmp_path, as_srt(make_transcript(text, seconds=24.0)))
    assert " ".join(segment.text for segment in segments) == text
    assert all(len(segment.text) <= 84 for segment in segments)
    assert (segments[0].span.start, segments[-1].span.end) == (0.0, 24.0)
    assert all(one.span.end == other.span.start for one, other in pairwise(segments))
    paces = [segment.span.seconds / len(segment.text) for segment in segments]
    assert max(paces) < 1.1 * min(paces)


def test_what_stands_long_is_shown_a_line_at_a_time(tmp_path: Path) -> None:
    text = "These are two lines of words that somebody says very slowly"
    assert len(read_back(tmp_path, as_srt(make_transcript(text, seconds=9.0)))) == 1
    assert len(read_back(tmp_path, as_srt(make_transcript(text, seconds=11.0)))) == 2
    assert len(read_back(tmp_path, as_srt(make_transcript("Slow.", seconds=99.0)))) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_text_in_their_cue(tmp_path: Path, text: str) -> None:
    said = ["before", text, "after"]
    transcript = make_transcript(*said)
    spans = [segment.span for segment in transcript.segments if one_line(segment.text)]
    expected = [one_line(text) for text in said if one_line(text)]
    for name, content in (("talk.vtt", as_vtt(transcript)), ("talk.srt", as_srt(transcript))):
        segments = read_back(tmp_path, content, name)
        assert [segment.span for segment in segments] == spans
        read = [segment.text for segment in segments]
        if name == "talk.vtt":
            assert read == expected
        # SRT has no escapes: there, a space may part what would be markup.
        assert [text.replace(" ", "") for text in read] == [t.replace(" ", "") for t in expected]


def test_texts_without_markup_are_the_same_in_srt(tmp_path: Path) -> None:
    texts = ["x < y > z", "a & b", "{ and }", "it's <3", "42", 'C:\\New "name"', "-> and --"]
    assert [s.text for s in read_back(tmp_path, as_srt(make_transcript(*texts)))] == texts


PIECES = st.sampled_from(HOSTILE) | st.text(max_size=12)
TIMES = st.lists(st.integers(0, 500_000_000), min_size=2, max_size=12, unique=True).map(sorted)


BEGINNINGS = "ΓΔΘΛΞΠ"
"""Of each text, its own letter; `C:` might be a drive's."""


@given(times=TIMES, data=st.data())
def test_what_is_written_is_read_back(scratch: Path, times: list[int], data: st.DataObject) -> None:
    pairs = list(pairwise(times))[::2]
    # No piece twice: what is said again and again is taken for captions that roll, or for measures.
    pieces = data.draw(st.lists(PIECES, max_size=4 * len(pairs), unique=True))
    segments = tuple(
        Segment(
            Span(start / 1000, end / 1000),
            f"{BEGINNINGS[number]}: {' '.join(pieces[number :: len(pairs)])}",
        )
        for number, (start, end) in enumerate(pairs)
    )
    expected = [(s.span.start, s.span.end, one_line(s.text)) for s in segments]
    transcript = Transcript("a test", segments, "pt-BR")
    for name, content in (("talk.vtt", as_vtt(transcript)), ("talk.srt", as_srt(transcript))):
        read = join_parts(read_back(scratch, content, name), len(segments))
        if name == "talk.vtt":
            assert read == expected
        assert [(start, end, text.replace(" ", "")) for start, end, text in read] == [
            (start, end, text.replace(" ", "")) for start, end, text in expected
        ]


def join_parts(segments: Sequence[Segment], count: int) -> list[tuple[float, float, str]]:
    """Put together what was divided for the screen: each text begins with a letter of its own.

    Texts that differ in numbers alone would be measured values, and nothing that is said.
    """
    joined: list[tuple[float, float, str]] = []
    for segment in segments:
        if len(joined) < count and segment.text.startswith(f"{BEGINNINGS[len(joined)]}:"):
            joined.append((segment.span.start, segment.span.end, segment.text))
        else:
            start, _, text = joined[-1]
            joined[-1] = start, segment.span.end, f"{text} {segment.text}"
    return joined


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to write to over and over."""
    return tmp_path_factory.mktemp("scratch")


def test_text_is_in_paragraphs_that_begin_after_a_pause() -> None:
    segments = (
        Segment(Span(0.5, 2), "One."),
        Segment(Span(2.5, 4), "Two,"),
        Segment(Span(72, 73), "three\nfour."),
        Segment(Span(74.9, 76), "Five."),
    )
    assert as_text(Transcript("", segments)) == ("[0:00] One. Two,\n\n[1:12] three four. Five.\n")


def test_a_paragraph_without_a_pause_ends_with_a_sentence() -> None:
    talk = [f"Sentence {n} goes" if n % 3 else f"to its end {n}." for n in range(60)]
    starts = [line.split()[0] for line in as_text(make_transcript(*talk)).split("\n\n")]
    assert starts == ["[0:00]", "[0:50]", "[1:38]"]
    endless = as_text(make_transcript(*["and so on"] * 100)).split("\n\n")
    assert [line.split()[0] for line in endless] == ["[0:00]", "[1:30]", "[3:00]"]


def test_nothing_said_gives_files_without_cues() -> None:
    assert (as_srt(Transcript("")), as_text(Transcript(""))) == ("", "")
    assert as_vtt(Transcript("")) == "WEBVTT\n"


def test_three_files_are_written_and_read_back_alike(tmp_path: Path) -> None:
    transcript = make_transcript("Hello.", "World.", language="pt-BR")
    folder = ResultFolder(tmp_path, "", {name: {} for name in OF_TRANSCRIPT})
    write_transcript(folder, transcript)
    files = folder.files
    assert [file.name for file in files] == ["transcript.srt", "transcript.vtt", "transcript.txt"]
    assert read_subtitles(files[0]).segments == transcript.segments
    assert read_subtitles(files[1]).segments == transcript.segments
    assert read_subtitles(files[1]).language == "pt-BR"
    assert files[2].read_text() == "[0:00] Hello. World.\n"
