"""Subtitle files: words and times are kept, markup is not, a broken one is told by its line."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import SourceError
from longtake.records import Segment, Transcript
from longtake.text.untrusted import one_line
from longtake.words.speech.cues import parse_cues
from longtake.words.speech.languages import rank_language, read_language
from longtake.words.speech.subtitles import (
    MOST_BYTES,
    choose_sidecar,
    find_sidecars,
    find_subtitles,
    read_subtitles,
)
from tests.videos import make_video

Read = Callable[..., Transcript]
Said = list[tuple[float, float, str]]

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello,
<i>world</i>.

2
00:00:03,000 --> 00:00:04,000
Good &amp; bad
"""

VTT = """WEBVTT - a talk
Kind: captions
Language: en-US
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000

STYLE
::cue(v) { color: red }

NOTE
nobody says this

REGION
id:left

intro
00:01.000 --> 00:02.000 align:start position:0%
<v.loud Ann Bee>Hi, <c.yellow>you</c></v> &lt;3

NOTE nor this

01:00:03.000 --> 01:00:04.500
[music]
(applause)
"""

ASS = """[Script Info]
; made by hand
Title: a talk

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,nobody says this
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\i1}Later{\\i0}, though
Dialogue: 0,0:00:01.00,0:00:02.50,Default,Ann,0,0,0,,{\\pos(1,2)}Hello,\\NAnn &amp; <b>\\hBob
"""

YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.389 align:start position:0%
\x20
hello<00:00:00.480><c> and</c><00:00:00.640><c> welcome</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
hello and welcome
\x20

00:00:02.399 --> 00:00:04.710 align:start position:0%
hello and welcome
to<00:00:02.560><c> the</c>

00:00:04.710 --> 00:00:04.720 align:start position:0%
to the
\x20

00:00:04.720 --> 00:00:06.000 align:start position:0%
to the
show
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads this content as a subtitle file of this name."""

    def read_here(content: str | bytes, name: str = "talk.srt") -> Transcript:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_subtitles(path)

    return read_here


def said(transcript: Transcript) -> Said:
    return [(s.span.start, s.span.end, s.text) for s in transcript.segments]


def words(transcript: Transcript) -> list[str]:
    return [segment.text for segment in transcript.segments]


HELLO: Said = [(1.0, 2.5, "Hello, world."), (3.0, 4.0, "Good & bad")]


def test_srt_gives_its_words_and_times_and_says_where_they_are_from(read: Read) -> None:
    transcript = read(SRT)
    assert said(transcript) == HELLO
    assert transcript.source == "subtitles in talk.srt"
    assert (transcript.language, transcript.remark) == ("", "")


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "a byte order mark": b"\xef\xbb\xbf" + SRT.encode(),
        "UTF-16": SRT.encode("utf-16"),
        "UTF-16, the other way round": b"\xfe\xff" + SRT.encode("utf-16-be"),
        "lines end as on Windows": SRT.replace("\n", "\r\n").encode(),
        "lines end twice": SRT.replace("\n", "\r\r\n").encode(),
        "a blank line behind each line": SRT.replace("\n", "\n\n").encode(),
        "the same on Windows": SRT.replace("\n", "\r\n\r\n").encode(),
        "lines end as on an old Mac": SRT.replace("\n", "\r").encode(),
        "no blank lines": SRT.replace("\n\n", "\n").encode(),
        "blank lines in the text": SRT.replace("Hello,\n", "Hello,\n\n").encode(),
        "no numbers": SRT.replace("1\n0", "0").replace("2\n0", "0").encode(),
        "points, as in WebVTT": SRT.replace(",", ".").replace("Hello.", "Hello,").encode(),
        "no hours": SRT.replace("00:00:", "00:").encode(),
        "a machine has translated it": SRT.replace(" --> ", " -> ")
        .replace("00:00:", "00: 00: ")
        .encode(),
        "places behind the times": SRT.replace(",500", ",500 X1:10 X2:20 Y1:1 Y2:2").encode(),
        "words behind the times": SRT.replace(",500\nHello,", ",500 Hello,").encode(),
        "digits of Arabic": SRT.replace("00:00:03", "٠٠:٠٠:٠٣").encode(),
        "junk before the first cue": b"Made by nobody\n\n" + SRT.encode(),
        "the last line without an end": SRT.strip().encode(),
        "positions": SRT.replace("Hello", "{\\an8}Hello").encode(),
        "fonts": SRT.replace("Hello,", '<font color="#fff">Hello,</font><br/>').encode(),
        "empty cues": SRT.encode() + b"\n3\n00:00:05,000 --> 00:00:06,000\n\n4\n0:7 --> 0:8\n",
        "a cue twice": SRT.encode() + b"\n" + SRT.encode(),
    }.items(),
)
def test_odd_forms_of_srt_are_read_the_same(read: Read, name: str, content: bytes) -> None:
    assert said(read(content)) == HELLO, name


def test_a_number_is_text_where_it_stands_in_place_of_text(read: Read) -> None:
    assert words(read("1\n0:01 --> 0:02\n42\n\n2\n0:03 --> 0:04\n43\n")) == ["42", "43"]
    assert words(read("0:01 --> 0:02\n42\n0:03 --> 0:04\n43\n")) == ["42", "43"]


def test_an_arrow_in_words_stays(read: Read) -> None:
    assert words(read("1\n0:01 --> 0:02\nfrom here\n--> there\n")) == ["from here --> there"]


def test_vtt_keeps_the_speaker_and_the_sounds_and_leaves_out_what_nobody_says(read: Read) -> None:
    transcript = read(VTT, "talk.vtt")
    assert said(transcript) == [
        (1.0, 2.0, "Ann Bee: Hi, you <3"),
        (3603.0, 3604.5, "[music] (applause)"),
    ]
    assert transcript.language == "en-US"


def test_captions_that_roll_say_each_line_once(read: Read) -> None:
    transcript = read(YOUTUBE, "talk.vtt")
    assert said(transcript) == [
        (0.16, 2.389, "hello and welcome"),
        (2.399, 4.71, "to the"),
        (4.72, 6.0, "show"),
    ]


def test_a_sentence_said_twice_in_a_row_stays_twice(read: Read) -> None:
    cues = "0:01 --> 0:02\nNo.\n\n0:02 --> 0:03\nNo.\n\n0:03 --> 0:04\nYes.\n\n0:04 --> 0:05\nSo.\n"
    assert words(read(cues)) == ["No.", "No.", "Yes.", "So."]


def test_ass_gives_its_words_in_order_of_time(read: Read) -> None:
    assert said(read(ASS, "talk.ass")) == [
        (1.0, 2.5, "Hello, Ann &amp; <b> Bob"),
        (5.0, 6.0, "Later, though"),
    ]


def test_ass_is_read_by_its_own_order_of_columns(read: Read) -> None:
    ssa = "[Events]\nFormat: Marked, End, Start, Text\nDialogue: Marked=0,0:00:02,0:00:01,a, b\n"
    assert said(read(ssa, "talk.ssa")) == [(1.0, 2.0, "a, b")]


def test_drawings_of_ass_are_no_words(read: Read) -> None:
    line = "Dialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,"
    drawn = f"{ASS}{line}{{\\an5\\p1\\bord0}}m 0 0 l 9 9{{\\p0}}Sign\n{line}{{\\p4}}m 1 1\n"
    assert words(read(drawn, "talk.ass"))[2:] == ["Sign"]


def test_layers_and_flashes_of_one_sign_are_one_segment(read: Read) -> None:
    line = "Dialogue: {},0:00:0{:.2f},0:00:0{:.2f},Default,,0,0,0,,{{\\pos({},1)}}Exit\n"
    flashes = [
        line.format(layer, 7 + n / 25, 7.04 + n / 25, n) for n in range(20) for layer in (0, 1)
    ]
    assert said(read(ASS + "".join(flashes), "talk.ass"))[2:] == [(7.0, 7.8, "Exit")]


def test_the_kind_of_a_file_is_told_by_its_content(read: Read) -> None:
    assert words(read(VTT, "talk.srt")) == words(read(VTT, "talk.vtt"))
    assert words(read(ASS, "talk.txt")) == words(read(ASS, "talk.ass"))


def test_text_is_on_one_line_and_holds_nothing_hidden(read: Read) -> None:
    hidden = "1\n0:01 --> 0:02\na\x1b[31m\u202eb\x85c\n&#8238;&#0;d&#xFFFFF;&#99999999999;\n"
    assert words(read(hidden)) == ["a [31m b c \ufffdd&#99999999999;"]


@pytest.mark.parametrize(
    ("name", "text", "page"),
    [
        ("talk.srt", "Café d’Orléans", "cp1252"),
        ("talk.ru.srt", "Привет, мир", "cp1251"),
        ("talk.pol.srt", "Zażółć gęślą jaźń", "cp1250"),
        ("talk.ja.srt", "こんにちは世界", "cp932"),
        ("talk.zh-CN.srt", "你好，世界", "gb18030"),
    ],
)
def test_an_encoding_that_is_a_guess_is_said(read: Read, name: str, text: str, page: str) -> None:
    transcript = read(f"1\n0:01 --> 0:02\n{text}\n".encode(page), name)
    assert words(transcript) == [text]
    assert f"{name} is not in UTF-8: it was read as {page}, which may be wrong" in transcript.remark
    assert "saved as UTF-8" in transcript.remark
    assert ("language in its name" in transcript.remark) == (name == "talk.srt")


def test_one_broken_byte_does_not_turn_unicode_into_something_else(read: Read) -> None:
    transcript = read("1\n0:01 --> 0:02\nПривет, мир".encode() + b"\xff!\n")
    assert words(transcript) == ["Привет, мир\ufffd!"]
    assert "no UTF-8" in transcript.remark
    assert words(read(SRT.encode("utf-16") + b"x")) == ["Hello, world.", "Good & bad \ufffd"]


def test_times_before_the_first_picture_are_cut_at_it(tmp_path: Path, read: Read) -> None:
    assert said(read("1\n-0:01 --> 0:02\na\n\n2\n-0:05 --> -0:03\nb\n")) == [(0.0, 2.0, "a")]
    path = tmp_path / "talk.srt"
    path.write_text(SRT)
    assert said(read_subtitles(path, delay=2.0)) == [
        (0.0, 0.5, "Hello, world."),
        (1.0, 2.0, "Good & bad"),
    ]


def test_cues_that_overlap_are_in_order_of_their_start(read: Read) -> None:
    cues = "0:05 --> 0:09\nc\n\n0:01 --> 0:09\na\n\n0:02 --> 0:03\nb\n"
    assert words(read(cues)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "about"),
    [
        (SRT.replace("00:00:03,000", "00:00:xx"), "talk.srt, line 7: '00:00:xx' is no time"),
        (SRT.replace("04,000", "04abc,000"), "line 7: '00:00:04abc,000' is no time"),
        (SRT.replace("00:00:04,000", ""), "line 7: a time is missing"),
        (
            SRT.replace("-->", "==>", 2),
            "line 2: no arrow (-->) between the times of '00:00:01,000 =",
        ),
        (
            SRT.replace("00:00:04,000", "00:00:01,000"),
            "line 7: the cue ends before it starts: '00:00:0",
        ),
        (VTT.replace("00:02.000", "0.2"), "line 16: '0.2 align:start position:0%' is no time"),
        (ASS.replace("0:00:05.00", "5 s"), "line 12: '5 s' is no time"),
        (ASS.replace("0:00:05.00", "0:00:07.00"), "line 12: the cue ends before it starts"),
        (
            ASS + "Dialogue: 0,0:00:05.00,0:00:06.00,oops\n",
            "line 14: a dialogue has 4 of 10 fields",
        ),
        (ASS.replace("Start, ", ""), "line 10: the format of events lacks Start or End"),
        ("Dear diary,\n\nnothing.\n", "talk.srt holds no cue"),
        ("WEBVTT\nKind: captions\n", "talk.srt holds no cue"),
        ("\n\n  \n", "talk.srt holds no cue"),
        ("", "talk.srt is empty"),
        ("1\n0:01 --> 0:02\n<i></i>\n", "none of them holds words"),
        (b"\0\0\0 ftypisom\0\0\2\0", "talk.srt, line 1: a NUL byte: this is no text file"),
        (SRT.encode("utf-16-le"), "a NUL byte"),
        (b"\x1f\x8b\x08" + bytes(range(1, 256)) * 9, "talk.srt holds no cue"),
        (b" " * (MOST_BYTES + 1), "is larger than 16 MiB"),
    ],
)
def test_a_broken_file_is_refused_with_the_line(
    read: Read, content: str | bytes, about: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(content)
    assert about in caught.value.message
    assert "--subtitles off" in caught.value.hint


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.srt").mkdir()
    for name, about in (("none.srt", "there is no file"), ("folder.srt", "is a folder")):
        with pytest.raises(SourceError, match=about) as caught:
            read_subtitles(tmp_path / name)
        assert "--subtitles" in caught.value.hint


CRUMBS = st.text(alphabet="0123:,.-> \n<v>{\\p1}&#x;WEBVTNOT[]Dialogue").map(str.encode)


@given(content=st.binary(min_size=1) | CRUMBS)
def test_any_bytes_give_segments_or_a_source_error(scratch: Path, content: bytes) -> None:
    check_any(scratch, content)


@given(data=st.data(), content=st.sampled_from([SRT, VTT, ASS, YOUTUBE]))
def test_any_mutation_of_a_file_gives_segments_or_a_source_error(
    scratch: Path, data: st.DataObject, content: str
) -> None:
    changed = content.encode(data.draw(st.sampled_from(["utf-8", "utf-16"])))
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(changed)))
        last = data.draw(st.integers(first, min(len(changed), first + 30)))
        changed = changed[:first] + data.draw(st.binary(max_size=5)) + changed[last:]
    check_any(scratch, changed)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to write over and over."""
    return tmp_path_factory.mktemp("scratch") / "talk.srt"


def check_any(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    segments: tuple[Segment, ...] = ()
    with suppress(SourceError):
        segments = read_subtitles(path).segments
    assert [s.span.start for s in segments] == sorted(s.span.start for s in segments)
    assert all(s.text == one_line(s.text) != "" for s in segments)


LANGUAGES = {
    "eng": "en",
    "EN": "en",
    "pt_br": "pt-BR",
    "zh-hans-cn": "zh-Hans-CN",
    "ger": "de",
    "deu": "de",
    "es-419": "es-419",
    "en-orig": "en",
    "fil": "fil",
    "und": "",
    "xx": "",
    "part2": "",
    "": "",
}


@pytest.mark.parametrize(("tag", "language"), LANGUAGES.items())
def test_languages_are_read_from_tags_of_two_and_three_letters(tag: str, language: str) -> None:
    assert read_language(tag) == language


def test_the_wanted_language_comes_first_then_its_kin_english_and_what_is_not_said() -> None:
    languages = ["fr", "", "en-GB", "pt", "pt-BR"]
    assert sorted(languages, key=lambda language: rank_language(language, "pt-BR")) == [
        "pt-BR",
        "pt",
        "en-GB",
        "",
        "fr",
    ]
    assert rank_language("", "") > rank_language("en", "")


@pytest.mark.parametrize(
    ("name", "language"),
    [("talk.en.srt", "en"), ("my.talk.eng.sdh.srt", "en"), ("v1.2.srt", ""), ("en.srt", "")],
)
def test_the_language_is_read_from_the_name(read: Read, name: str, language: str) -> None:
    assert read(SRT, name).language == language


def test_sidecars_are_the_subtitles_with_the_name_of_the_video(tmp_path: Path) -> None:
    own = "talk.srt talk.VTT talk.en.srt talk.pt-BR.forced.ass talk.eng.sdh.ssa talk.en.hi.srt"
    own += " talk.cc.srt talk.mp4.srt talk.mp4.de.vtt"
    others = "talk.part2.srt talk2.srt talks.srt talk.txt talk.en talksrt talk.en.de.srt other.srt"
    for name in [*own.split(), *others.split()]:
        (tmp_path / name).touch()
    (tmp_path / "talk.fr.srt").mkdir()
    found = find_sidecars(tmp_path / "talk.mp4")
    assert [path.name for path in found] == sorted(own.split())


@pytest.mark.parametrize(
    "stem", ["a[1]*?", "ééé", "a b\nc", "..", "-x", "x.srt", ".hidden", "a.en"]
)
def test_sidecars_of_odd_names_are_found(tmp_path: Path, stem: str) -> None:
    for name in (f"{stem}.en.srt", "a1.en.srt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_sidecars(tmp_path / f"{stem}.mp4")] == [f"{stem}.en.srt"]


def test_a_name_whose_accents_stand_apart_is_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "cafe\u0301.srt").touch()
    assert len(find_sidecars(tmp_path / "caf\u00e9.mp4")) == 1


def test_no_sidecars_are_found_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert find_sidecars(tmp_path / "nowhere" / "talk.mp4") == []


@pytest.mark.parametrize(
    ("names", "wanted", "best"),
    [
        ("talk.srt talk.en.srt talk.de.srt", "", "talk.en.srt"),
        ("talk.srt talk.en.srt talk.de.srt", "de", "talk.de.srt"),
        ("talk.srt talk.fr.srt talk.de.srt", "", "talk.srt"),
        ("talk.fr.srt talk.de.srt", "", "talk.de.srt"),
        ("talk.en.ass talk.en.vtt", "en", "talk.en.vtt"),
        ("talk.en.ass talk.de.vtt", "en", "talk.en.ass"),
        ("talk.en.cc.srt talk.en.srt", "en", "talk.en.srt"),
        ("talk.en.forced.srt talk.en.cc.srt", "en", "talk.en.cc.srt"),
        ("talk.en.forced.srt talk.forced.srt", "en", ""),
        ("", "en", ""),
    ],
)
def test_the_best_sidecar_is_chosen(names: str, wanted: str, best: str) -> None:
    chosen = choose_sidecar(Path("talk.mp4"), [Path(name) for name in names.split()], wanted)
    assert (chosen.name if chosen else "") == best


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short video without subtitles."""
    return make_video(tmp_path_factory.mktemp("subtitles") / "talk.mp4", seconds=1)


@pytest.fixture
def talk(video: Path, tmp_path: Path) -> Path:
    """The same video, alone in a folder."""
    os.link(video, tmp_path / "talk.mp4")
    return tmp_path / "talk.mp4"


def test_auto_takes_the_file_beside_the_video(talk: Path) -> None:
    talk.with_name("talk.eng.srt").write_text(SRT)
    transcript = find_subtitles(talk, 0.0, "auto")
    assert transcript and said(transcript) == HELLO
    assert (transcript.source, transcript.language) == ("subtitles in talk.eng.srt", "en")


def test_a_part_of_the_videos_own_name_is_no_language(video: Path, tmp_path: Path) -> None:
    talk = tmp_path / "what.it.is.mp4"
    os.link(video, talk)
    talk.with_suffix(".srt").write_text(SRT)
    transcript = find_subtitles(talk, 0.0, "auto")
    assert transcript and transcript.language == ""


def test_off_reads_nothing_and_auto_finds_nothing_where_nothing_is(talk: Path) -> None:
    assert find_subtitles(talk, 0.0, "auto") is None
    talk.with_suffix(".srt").write_text("broken")
    assert find_subtitles(talk, 0.0, "off") is None


def test_a_named_file_is_read_in_place_of_the_one_beside(talk: Path, tmp_path: Path) -> None:
    talk.with_suffix(".srt").write_text("broken")
    (tmp_path / "mine.txt").write_text(SRT)
    transcript = find_subtitles(talk, 0.0, str(tmp_path / "mine.txt"))
    assert transcript and said(transcript) == HELLO


def test_a_named_file_that_is_not_there_is_refused(talk: Path) -> None:
    for name in ("none.srt", "~nobody/talk.srt", "a\0b", "https://example.org/talk.srt"):
        with pytest.raises(SourceError) as caught:
            find_subtitles(talk, 0.0, name)
        assert "--subtitles" in caught.value.hint


def test_a_broken_file_beside_the_video_is_an_error(talk: Path) -> None:
    talk.with_suffix(".srt").write_text(SRT.replace("00:00:03,000", "soon"))
    with pytest.raises(SourceError, match="line 7: 'soon' is no time"):
        find_subtitles(talk, 0.0, "auto")


def test_forced_subtitles_alone_are_named_and_not_used(
    talk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    talk.with_suffix(".forced.srt").write_text(SRT)
    with caplog.at_level(logging.INFO, "longtake"):
        assert find_subtitles(talk, 0.0, "auto") is None
    assert "talk.forced.srt is not used: it holds forced subtitles alone" in caplog.text


def test_a_picture_that_starts_late_shifts_the_file_beside_it(talk: Path) -> None:
    talk.with_suffix(".srt").write_text(SRT)
    transcript = find_subtitles(talk, 1.0, "auto")
    assert transcript and transcript.segments[0].span.start == 0.0
    assert transcript.segments[1].span.start == 2.0


def test_what_is_said_after_the_last_picture_stays_while_there_is_sound(tmp_path: Path) -> None:
    talk = make_video(tmp_path / "talk.mp4", seconds=1, sound_seconds=4)
    talk.with_suffix(".srt").write_text(SRT + "\n3\n00:00:09,000 --> 00:00:10,000\nLater.\n")
    transcript = find_subtitles(talk, 0.0, "auto", end=1.0)
    assert transcript and words(transcript) == ["Hello, world.", "Good & bad"]
    assert "1 of 3 cues lie outside the video (0:04 long)" in transcript.remark


@pytest.mark.parametrize("text", [SRT, VTT, ASS])
def test_more_cues_than_anybody_reads_are_refused_with_the_bound(text: str) -> None:
    cues = len(parse_cues(text, "a"))
    assert len(parse_cues(text, "a", most_cues=cues)) == cues
    with pytest.raises(SourceError, match=f"a has more than {cues - 1} cues"):
        parse_cues(text, "a", most_cues=cues - 1)


def test_more_lines_than_anybody_reads_are_refused_with_the_bound() -> None:
    assert parse_cues(SRT, "a", most_lines=SRT.count("\n"))
    with pytest.raises(SourceError, match="a has more than 7 lines"):
        parse_cues(SRT, "a", most_lines=7)


def test_ends_of_lines_are_read_in_one_go() -> None:
    cue = "1\r\r\n00:00:01,000 --> 00:00:02,000\r\r\nHello.\r\r\n"
    (found,) = parse_cues(cue + "\r" * 500_000, "a")  # a look at the rest from each would take days
    assert found.lines == ("Hello.",)
