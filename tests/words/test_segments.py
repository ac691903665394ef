"""What subtitle files show again and again, or what no voice says: each shape as tools write it."""

from pathlib import Path

import pytest

from longtake.errors import SourceError
from longtake.records import Transcript
from longtake.words.speech import subtitles
from longtake.words.speech.cues import Cue
from longtake.words.speech.segments import as_segments
from longtake.words.speech.subtitles import MOST_LETTERS, keep_speech, read_subtitles
from longtake.words.speech.telemetry import drop_telemetry

Said = list[tuple[float, float, str]]


def said(transcript: Transcript) -> Said:
    return [(s.span.start, s.span.end, s.text) for s in transcript.segments]


def write_srt(path: Path, texts: list[str], start: float = 0.0, step: float = 0.5) -> Path:
    """A file of cues, one right after the other."""
    path.write_text(
        "\n".join(
            f"{n}\n{_time(start + (n - 1) * step)} --> {_time(start + n * step)}\n{text}\n"
            for n, text in enumerate(texts, 1)
        )
    )
    return path


def _time(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"


def read_lines(path: Path, texts: list[str], end: float = float("inf")) -> Transcript:
    return read_subtitles(write_srt(path, texts), end=end)


WORDS = "the quick brown fox jumps".split()
MARKED = [" ".join(f"<u>{w}</u>" if n == k else w for k, w in enumerate(WORDS)) for n in range(5)]


def test_a_sentence_in_which_word_after_word_is_marked_is_said_once(tmp_path: Path) -> None:
    found = read_lines(tmp_path / "talk.srt", [*MARKED, "So it goes."])
    assert said(found) == [(0.0, 2.5, "the quick brown fox jumps"), (2.5, 3.0, "So it goes.")]


def test_a_sentence_shown_faster_than_anybody_speaks_is_said_once(tmp_path: Path) -> None:
    path = write_srt(tmp_path / "talk.srt", ["the quick brown fox jumps"] * 10, step=0.25)
    assert said(read_subtitles(path)) == [(0.0, 2.5, "the quick brown fox jumps")]


def test_a_word_that_is_called_again_and_again_stays(tmp_path: Path) -> None:
    found = read_lines(tmp_path / "talk.srt", ["No!", "No!", "No!", "Yes."])
    assert [text for _, _, text in said(found)] == ["No!", "No!", "No!", "Yes."]


@pytest.mark.parametrize("join", [" ", ""])
def test_captions_that_grow_are_said_once_they_are_whole(tmp_path: Path, join: str) -> None:
    grown = [join.join(WORDS[:n]) for n in range(1, 6)]
    found = read_lines(tmp_path / "talk.srt", [*grown, "So", "So it", "So it goes."])
    assert said(found) == [(0.0, 2.5, join.join(WORDS)), (2.5, 4.0, "So it goes.")]


def test_captions_that_grow_and_roll_say_each_line_once(tmp_path: Path) -> None:
    rows = ["a talk", "a talk on", "a talk on\nfoxes", "a talk on\nfoxes and", "foxes and\ndogs"]
    found = read_lines(tmp_path / "talk.srt", rows)
    assert [text for _, _, text in said(found)] == ["a talk on", "foxes and", "dogs"]


def test_a_sentence_that_begins_like_the_one_before_it_stays(tmp_path: Path) -> None:
    texts = ["No", "No, I won't.", "Why?", "It is late.", "So?", "Go home."]
    assert [t for _, _, t in said(read_lines(tmp_path / "talk.srt", texts))] == texts


PART = """WEBVTT
X-TIMESTAMP-MAP=MPEGTS:{ticks},LOCAL:00:00:00.000

{label}00:01.000 --> 00:02.000
{text}
"""


def test_parts_of_a_stream_are_put_on_the_clock_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    parts = [
        PART.format(ticks=900_000, label="", text="One."),
        PART.format(ticks=900_000 + 6 * 90_000, label="2\n", text="Two."),
        PART.format(ticks=900_000 + 12 * 90_000, label="", text="Three."),
    ]
    for joint in ("\n", "", "\n\n\ufeff"):
        path.write_text(joint.join(parts))
        assert said(read_subtitles(path)) == [
            (1.0, 2.0, "One."),
            (7.0, 8.0, "Two."),
            (13.0, 14.0, "Three."),
        ]


def test_a_streams_clock_may_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    last = (1 << 33) - 90_000
    parts = [PART.format(ticks=t, label="", text=f"At {t}.") for t in (last, 5 * 90_000)]
    path.write_text("\n".join(parts))
    assert [start for start, _, _ in said(read_subtitles(path))] == [1.0, 7.0]


def test_parts_that_repeat_a_cue_at_their_border_say_it_once(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    path.write_text(PART.format(ticks=900_000, label="", text="One.") * 3)
    assert said(read_subtitles(path)) == [(1.0, 2.0, "One.")]


TELEMETRY = {
    "DJI": '<font size="28">SrtCnt : {n}, DiffTime : 33ms\n2023-05-12 10:20:{n:02}.123\n'
    "[iso : 1{n}0] [shutter : 1/1000.0] [fnum : 280] [ev : 0] [ct : 5500] [color_md : default]"
    " [latitude: 22.54{n}] [longitude: 113.94{n}] [rel_alt: {n}.200 abs_alt: 30.{n}] </font>",
    "DJI, older": "HOME(149.0251,-20.2532) 2017.08.05 14:11:{n:02}\nGPS(149.0251,-20.25{n},16)"
    " BAROMETER:1.{n}\nISO:100 Shutter:60 EV: Fnum:F2.8",
    "DJI, in one line": "F/2.8, SS 206.14, ISO 100, EV 0, GPS (8.64{n}, 53.16, 15), D 24.{n}m,"
    " H 6.00m, H.S 2.10m/s, V.S 0.00m/s",
    "a camera in a car": "2019-01-01 12:00:{n:02} {n} km/h N 50.1 E 14.2",
    "time code": "01:00:{n:02}:12",
    "pictures of a player's bar": "thumbs.jpg#xywh={n}60,0,160,90",
    "JSON": '{{"lat": 22.54{n}, "lon": 113.94{n}, "alt": {n}}}',
}


@pytest.mark.parametrize("form", TELEMETRY)
def test_what_a_device_measures_is_no_speech(tmp_path: Path, form: str) -> None:
    cues = [TELEMETRY[form].format(n=n) for n in range(10, 20)]
    found = read_lines(tmp_path / "drone.srt", cues)
    assert found.segments == ()
    assert found.remark == "drone.srt holds measured values that no voice says: 10 cues left out"


def test_what_is_said_between_measured_values_stays(tmp_path: Path) -> None:
    cues = [TELEMETRY["DJI"].format(n=n) for n in range(10, 15)]
    found = read_lines(tmp_path / "drone.srt", [*cues, "Look, a fox!"])
    assert [text for _, _, text in said(found)] == ["Look, a fox!"]
    assert "5 of 6 cues of drone.srt hold measured values" in found.remark


SPOKEN = [
    ["42", "43", "44", "45"],
    ["2 + 3 = 5", "4 + 5 = 9", "1 + 1 = 2"],
    ["2 times 3 is 6.", "4 times 5 is 20.", "3 times 3 is 9."],
    [f"{n} bottles of beer on the wall, {n} bottles of beer." for n in (99, 98, 97)],
    ["5, 6, 7, 8, go!", "5, 6, 7, 8, turn!", "1, 2, 3, 4, stop!"] * 3,
    ["Ann: It's 10:30.", "Ann: It's 10:31.", "Ann: It's 10:32."],
    ["Genesis 1:1, page 5", "Genesis 1:2, page 5", "Genesis 1:3, page 6"],
    ["第1课，3页", "第2课，8页", "第3课，9页"],
    ["Lap 1", "Lap 2", "Lap 3"],
    [
        "On 5 May at 10.30 it was 20 °C.",
        "On 6 May at 10.30 it was 21 °C.",
        "On 7 May at 9 it rained.",
    ],
]


@pytest.mark.parametrize("texts", SPOKEN, ids=lambda texts: texts[0])
def test_numbers_that_a_voice_says_stay(texts: list[str]) -> None:
    cues = [Cue(4.0 * n, 4.0 * n + 2, (text,)) for n, text in enumerate(texts)]
    assert drop_telemetry(cues) == cues


def test_values_that_stand_there_once_may_be_said() -> None:
    cues = [Cue(0.0, 2.0, ("Latitude: 22.5, longitude: 113.9",)), Cue(2.0, 3.0, ("Go!",))]
    assert drop_telemetry(cues) == cues


def test_what_begins_after_the_end_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read_lines(tmp_path / "film.srt", [f"Word {'abc'[n % 3]}." for n in range(100)], 1.0)
    assert [text for _, _, text in said(found)] == ["Word a.", "Word b."]
    assert found.remark == (
        "film.srt does not fit: 98 of 100 cues lie outside the video (0:01 long) and are left out"
    )


def test_a_credit_behind_the_end_does_not_make_a_file_unfit(tmp_path: Path) -> None:
    found = read_lines(tmp_path / "film.srt", [f"Word {n}." for n in range(21)], 10.0)
    assert found.remark == (
        "1 of 21 cues of film.srt lie outside the video (0:10 long) and are left out"
    )


def test_a_file_that_begins_at_an_hour_does_not_fit_and_says_so(tmp_path: Path) -> None:
    path = write_srt(tmp_path / "film.srt", ["One.", "Two."], start=3600.0)
    found = read_subtitles(path, end=10.0)
    assert found.segments == ()
    assert found.remark == (
        "film.srt does not fit: none of its 2 cues lies within the video (0:10 long), the first"
        " begins at 1:00:00"
    )


def test_a_cue_that_is_still_shown_at_the_end_ends_there(tmp_path: Path) -> None:
    assert said(read_lines(tmp_path / "film.srt", ["One.", "Two."], 0.75)) == [
        (0.0, 0.5, "One."),
        (0.5, 0.75, "Two."),
    ]


def test_more_than_anybody_says_is_refused_with_the_numbers() -> None:
    much = [Cue(0.0, 9.0, ("word " * (MOST_LETTERS // 5) + "more",))]
    with pytest.raises(SourceError, match=r"long\.srt has 1 cues? with 4,000,004 letters"):
        keep_speech(much, "long.srt", 0.0, 10.0)
    many = [Cue(float(n), n + 0.5, (f"word {n}",)) for n in range(subtitles.MOST_SEGMENTS + 1)]
    with pytest.raises(SourceError, match=r"long\.srt has 50,001 cues"):
        keep_speech(many, "long.srt", 0.0, float("inf"))
    assert len(keep_speech(many, "long.srt", 0.0, 10.0).segments) == 10


def test_segments_are_in_the_order_of_time_whatever_is_joined() -> None:
    cues = [Cue(float(9 - n), 10.0, (f"line {n}",)) for n in range(9)]
    starts = [segment.span.start for segment in as_segments(cues)]
    assert starts == sorted(starts)
