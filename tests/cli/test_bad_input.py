"""Broken videos, bad usage and full disks at the command line: said plainly, never invented."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from longtake import summarize
from longtake.cli.main import main
from longtake.report import OF_SUMMARY
from tests.videos import cut, draw_noisy, make_sound, make_video, smash

NOBODY = 65534
AS_ROOT = os.name == "posix" and os.geteuid() == 0
POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")

FAKE = ["--engine", "fake", "--reconciler", "fake", "--out", "out", "--chunking", "fixed"]
FAKE += ["--read-text", "off"]
READ = ["--read-text", "auto"]
"""The pictures are read too: a reader of its own decodes the file beside the others."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the command line leaves: exit status, standard error, the folder's files."""

    status: int
    said: str
    out: Path

    @property
    def ledger(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.out / "summary.json").read_text())["ledger"]
        return document

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.out / "descriptions.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `longtake summarize` in this process, on the fake engine."""

    def run_here(source: str | Path, *flags: str) -> Outcome:
        status = main(["summarize", *FAKE, *flags, "--", str(source)])
        return Outcome(status, capsys.readouterr().err, tmp_path / "out")

    return run_here


def assert_refused(outcome: Outcome, about: str) -> None:
    """One error and one hint, no traceback, and nothing that looks like a result."""
    assert outcome.status == 2
    assert re.search(rf"^error: .*{about}", outcome.said, re.MULTILINE), outcome.said
    assert re.search(r"^hint: \S", outcome.said, re.MULTILINE), outcome.said
    assert "Traceback" not in outcome.said
    assert not (outcome.out / "summary.json").exists()


def assert_gaps(outcome: Outcome, planned: int, gaps: list[tuple[float, float]], why: str) -> None:
    """These spans are gaps for this reason, and every other chunk is described."""
    assert outcome.status == 3, outcome.said
    ledger = outcome.ledger
    found = [(gap["start"], gap["end"]) for gap in ledger["gaps"]]
    assert found == [pytest.approx(gap, abs=1) for gap in gaps]
    assert all(why in gap["reason"] for gap in ledger["gaps"])
    assert ledger["planned"] == planned
    assert ledger["described"] + ledger["failed"] == ledger["planned"]
    assert ledger["failed"] == len(gaps)
    for row in outcome.rows:
        assert bool(row["description"]) == (row["status"] == "described")
        assert bool(row["error"]) == (row["status"] == "failed")


KINDS: dict[str, dict[str, Any]] = {
    "index-first.mp4": {"file_options": {"movflags": "faststart"}},
    "index-last.mp4": {},
    "fragments.mp4": {"file_options": {"movflags": "frag_keyframe+empty_moov"}},
    "a.mkv": {},
    "a.webm": {
        "codec": "libvpx",
        "options": {"g": "5", "deadline": "realtime", "b": "300k", "threads": "1"},
    },
    "a.ts": {},
    "a.flv": {},
    "a.avi": {
        "codec": "mpeg4",
        "tick": Fraction(1, 5),
        "options": {"g": "5", "qmin": "2", "qmax": "4"},
    },
}


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30-second videos of every kind, whose pictures have some bytes each."""
    folder = tmp_path_factory.mktemp("whole")
    for name, options in KINDS.items():
        chosen = {"options": {"g": "5"}} | options
        make_video(folder / name, seconds=30, rate=5, draw=draw_noisy, **chosen)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of one of them, to be broken."""

    def copy_here(name: str) -> Path:
        path = tmp_path / name
        path.write_bytes((whole / name).read_bytes())
        return path

    return copy_here


Copy = Callable[[str], Path]


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_have_no_gaps(name: str, run: Run, whole: Path) -> None:
    outcome = run(whole / name)
    assert outcome.status == 0, outcome.said
    assert outcome.ledger["planned"] == outcome.ledger["described"] == 5


# What is no video at all.


def test_a_missing_file_is_refused(run: Run) -> None:
    assert_refused(run("nowhere.mp4"), "no file")
    assert_refused(run("~nobody/nowhere.mp4"), "no file")
    assert_refused(run("a" * 5000), "")
    assert_refused(run(""), "")


def test_an_empty_file_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    assert_refused(run("a.mp4"), "empty")


def test_text_with_a_videos_name_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video\n" * 1000)
    assert_refused(run("a.mp4"), "can't be read as a video")


def test_noise_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(bytes(100_000))
    smash(path, 0, 1)
    assert_refused(run(path), "")


def test_a_folder_is_refused(run: Run, tmp_path: Path) -> None:
    assert_refused(run(tmp_path), "is a folder")


@POSIX
def test_a_device_and_a_pipe_are_refused_without_waiting(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert_refused(run("pipe.mp4"), "not a regular file")
    assert_refused(run("/dev/zero"), "not a regular file")


def test_sound_alone_is_refused(run: Run, tmp_path: Path) -> None:
    make_sound(tmp_path / "a.m4a")
    assert_refused(run("a.m4a"), "no moving pictures")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
def test_a_header_without_a_picture_is_refused(name: str, run: Run, tmp_path: Path) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    make_video(tmp_path / name, seconds=0, codec=codec)
    assert_refused(run(name), "")


def test_a_link_to_itself_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("a.mp4")
    assert_refused(run("a.mp4"), "can't be reached")


# Files that would lead ffmpeg elsewhere.


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that nobody may come to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        yield server


PLAYLISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n{target}\n#EXT-X-ENDLIST\n",
    "a.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "a.rtsp": "RTSPtext\nrtsp://127.0.0.1:{port}/x",
    "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT30S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "a.idx": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:01:101, filepos: 000000000\n",
}


@pytest.mark.parametrize("target", ["a.ts", "file:a.ts", "http://127.0.0.1:{port}/a.ts"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_file_leads_to_no_other_file_and_not_to_the_network(
    name: str, target: str, run: Run, copy: Copy, tmp_path: Path, listener: socket.socket
) -> None:
    copy("a.ts")
    copy("a.ts").rename(tmp_path / "a.sub")
    port = listener.getsockname()[1]
    content = PLAYLISTS[name].format(port=port, target=target.format(port=port))
    (tmp_path / name).write_text(content)
    (tmp_path / "renamed.mp4").write_text(content)
    assert_refused(run(name), "")
    assert_refused(run("renamed.mp4"), "")
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_pattern_in_a_name_leads_to_no_other_file(run: Run, copy: Copy, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a{number}.png").write_bytes(b"not a picture")
    copy("a.mkv").rename(tmp_path / "a%d.png")
    assert run("a%d.png").status == 0


# Files that are cut off.


@pytest.mark.parametrize("name", ["index-first.mp4", "a.mkv", "a.webm", "a.flv", "a.avi"])
def test_a_file_cut_in_the_middle_has_one_gap_up_to_its_end(
    name: str, run: Run, copy: Copy
) -> None:
    path = copy(name)
    cut(path, 0.5)
    assert_gaps(run(path, *READ), 4, [(15, 30)], "cut off")


def test_a_file_cut_within_its_first_seconds_keeps_them(run: Run, copy: Copy) -> None:
    path = copy("a.mkv")
    cut(path, 0.05)
    outcome = run(path)
    assert_gaps(outcome, 2, [(1.4, 30)], "cut off")
    assert float(outcome.rows[0]["end"]) < 2


def test_a_file_whose_index_is_cut_off_is_refused(run: Run, copy: Copy) -> None:
    path = copy("index-last.mp4")
    cut(path, 0.5)
    assert_refused(run(path), "can't be read as a video")


@pytest.mark.parametrize("name", ["a.ts", "fragments.mp4"])
def test_a_file_that_never_said_its_length_ends_where_it_ends(
    name: str, run: Run, copy: Copy
) -> None:
    path = copy(name)
    cut(path, 0.5)
    outcome = run(path)
    assert outcome.status == 0, outcome.said
    assert outcome.ledger["planned"] == outcome.ledger["described"] == 3
    assert float(outcome.rows[-1]["end"]) == pytest.approx(15, abs=1)


# Files that are broken inside.


@pytest.mark.parametrize(
    "name", ["index-first.mp4", "index-last.mp4", "a.mkv", "a.webm", "a.flv", "a.ts"]
)
def test_a_stretch_of_broken_bytes_is_a_gap(name: str, run: Run, copy: Copy) -> None:
    path = copy(name)
    smash(path, 0.37, 0.63)
    assert_gaps(run(path, *READ), 5, [(12, 18)], "no picture can be decoded")


@pytest.mark.parametrize("name", ["a.avi", "fragments.mp4"])
def test_broken_bytes_never_add_time_or_pictures(name: str, run: Run, copy: Copy) -> None:
    path = copy(name)
    smash(path, 0.37, 0.63)
    outcome = run(path)
    assert outcome.status in (0, 3), outcome.said
    assert sum(float(r["end"]) - float(r["start"]) for r in outcome.rows if r["description"]) < 25


@pytest.mark.parametrize("name", ["a.mkv", "index-first.mp4", "a.ts"])
def test_a_few_broken_bytes_cost_no_chunk(name: str, run: Run, copy: Copy) -> None:
    path = copy(name)
    smash(path, 0.5, 0.5005)
    outcome = run(path)
    assert outcome.status == 0, outcome.said
    assert outcome.ledger["described"] == 5


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi"])
def test_a_broken_index_at_the_end_costs_nothing(name: str, run: Run, copy: Copy) -> None:
    path = copy(name)
    content = bytearray(path.read_bytes())
    place = content.rfind(b"idx1" if name == "a.avi" else b"\x1c\x53\xbb\x6b")
    assert place > len(content) * 0.9
    content[place:] = b"\xa5" * (len(content) - place)
    path.write_bytes(content)
    outcome = run(path)
    assert outcome.status == 0, outcome.said
    assert outcome.ledger["described"] == 5


@pytest.mark.parametrize("box", [b"stco", b"stsz", b"stts", b"stsc", b"stss", b"avcC", b"stsd"])
@pytest.mark.parametrize("value", [b"\xff", b"\x7f", b"\x00", b"\xa5"])
def test_a_broken_box_of_an_mp4_is_said(box: bytes, value: bytes, run: Run, copy: Copy) -> None:
    path = copy("index-first.mp4")
    content = bytearray(path.read_bytes())
    place = content.find(box) + 12
    content[place : place + 200] = value * 200
    path.write_bytes(content)
    outcome = run(path)
    assert "Traceback" not in outcome.said
    if outcome.status == 2:
        assert_refused(outcome, "")
    else:
        assert outcome.status in (0, 3)
        assert outcome.ledger["described"] + outcome.ledger["failed"] == outcome.ledger["planned"]
        described = [row for row in outcome.rows if row["description"]]
        assert sum(float(row["end"]) - float(row["start"]) for row in described) < 31


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["index-first.mp4", "a.mkv", "a.avi", "a.ts"])
def test_whatever_breaks_is_said_and_counted(name: str, seed: int, run: Run, copy: Copy) -> None:
    path = copy(name)
    start = (seed * 0.083) ** 3
    smash(path, start, start + 0.002 * (1 + seed % 3))
    outcome = run(path, *READ * (seed % 6 == 3))
    assert "Traceback" not in outcome.said
    if outcome.status == 2:
        assert_refused(outcome, "")
    else:
        assert outcome.status in (0, 3)
        assert outcome.ledger["described"] + outcome.ledger["failed"] == outcome.ledger["planned"]


def test_a_huge_size_in_a_header_is_refused(run: Run, tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.gif", seconds=1, codec="gif", pixels="rgb8", tick=Fraction(1, 10)
    )
    content = bytearray(path.read_bytes())
    for size in (b"\xff\xff", b"\x80\x3e"):
        content[6:10] = size * 2
        path.write_bytes(content)
        assert_refused(run(path), "")


def test_times_of_thirty_years_are_refused(run: Run, tmp_path: Path) -> None:
    make_video(tmp_path / "a.mkv", times=[Fraction(0), Fraction(10**9)])
    assert_refused(run("a.mkv"), "too many chunks")


# What may not be read or written.


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights, where the tests run as root."""
    if not AS_ROOT:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_home(home: Path, tmp_path: Path) -> None:
    """A home and a working folder that nobody may write to, too."""
    home.mkdir(exist_ok=True)
    for folder in (home, tmp_path):
        folder.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder.name.startswith(("pytest", "popen")):
            folder.chmod(0o755)


@POSIX
@pytest.mark.usefixtures("open_home")
def test_a_file_that_may_not_be_read_is_refused(run: Run, copy: Copy) -> None:
    path = copy("a.mkv")
    path.chmod(0)
    with as_nobody():
        assert_refused(run("a.mkv"), "can't be read: Permission denied")


@POSIX
@pytest.mark.usefixtures("open_home")
def test_a_file_in_a_closed_folder_is_refused(run: Run, copy: Copy, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    copy("a.mkv").rename(closed / "a.mkv")
    closed.chmod(0)
    try:
        with as_nobody():
            assert_refused(run("closed/a.mkv"), "can't be reached: Permission denied")
    finally:
        closed.chmod(0o755)


@POSIX
@pytest.mark.usefixtures("open_home")
def test_a_folder_that_may_not_be_written_is_refused(run: Run, copy: Copy, tmp_path: Path) -> None:
    copy("a.mkv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o555)
    with as_nobody():
        assert_refused(run("a.mkv"), "can't be written: Permission denied")


@POSIX
@pytest.mark.usefixtures("open_home")
def test_a_home_that_may_not_be_written_is_refused(run: Run, copy: Copy, home: Path) -> None:
    copy("a.mkv")
    home.chmod(0o555)
    with as_nobody():
        assert_refused(run("a.mkv"), "store .* can't be used")


def test_a_file_in_place_of_the_out_folder_is_refused(run: Run, copy: Copy, tmp_path: Path) -> None:
    copy("a.mkv")
    (tmp_path / "out").write_text("mine")
    assert run("a.mkv").status == 2
    assert (tmp_path / "out").read_text() == "mine"
    outcome = run("a.mkv", "--out", "out/deeper")
    assert outcome.status == 2
    assert "error: " in outcome.said and "hint: " in outcome.said


def test_in_the_out_folder_other_files_stay_and_the_same_result_is_written_anew(
    run: Run, copy: Copy, tmp_path: Path
) -> None:
    copy("a.mkv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    assert run("a.mkv").status == 0
    outcome = run("a.mkv")
    assert outcome.status == 0
    assert outcome.ledger["described"] == 5
    written = {"descriptions.csv", *OF_SUMMARY} - {"chapters.txt"}  # five placeholders have none
    assert {path.name for path in outcome.out.glob("[!.]*")} == {"notes.txt", *written}


@POSIX
@pytest.mark.parametrize("limit", [0, 1000, 20_000, 30_000])
def test_a_full_disk_is_said(limit: int, copy: Copy, tmp_path: Path) -> None:
    copy("a.mkv")
    program = (
        "import resource, sys; from longtake.cli.main import main;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"sys.exit(main({['summarize', *FAKE, '--', 'a.mkv']}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert_refused(Outcome(done.returncode, done.stderr, tmp_path / "out"), "")
    assert not list((tmp_path / "out").glob(".*"))


# Bad usage.


@pytest.mark.parametrize(
    ("flag", "value", "about"),
    [
        ("--chunk-seconds", "0", "out of range"),
        ("--chunk-seconds", "-1", "out of range"),
        ("--chunk-seconds", "nan", "out of range"),
        ("--chunk-seconds", "inf", "out of range"),
        ("--frames", "-1", "out of range"),
        ("--engine", "nobody", "no engine 'nobody'"),
        ("--engine", "", "no engine ''"),
        ("--reconciler", "nobody:model", "no reconciler 'nobody'"),
        ("--embedder", "nothing", "no embedder 'nothing'"),
        ("--judge", "nobody", "no engine 'nobody'"),
    ],
)
def test_a_setting_that_can_not_be_is_refused(
    flag: str, value: str, about: str, run: Run, copy: Copy
) -> None:
    copy("a.mkv")
    assert_refused(run("a.mkv", flag, value), about)


@pytest.mark.parametrize(
    "flags",
    [["--chunk-seconds", "abc"], ["--frames", "1.5"], ["--flow", "sideways"], ["--unknown", "1"]],
)
def test_a_flag_that_can_not_be_is_refused(flags: list[str], run: Run) -> None:
    outcome = run("a.mkv", *flags)
    assert outcome.status == 2
    assert "error: " in outcome.said and "Traceback" not in outcome.said


@pytest.mark.parametrize(
    ("content", "about"),
    [
        (b"chunk_second = 5\n", "unknown setting 'chunk_second'"),
        (b"chunk_seconds = \n", "can't be read"),
        (b"chunk_seconds = 'six'\n", "not a number"),
        (b"chunk_seconds = true\n", "not a number"),
        (b"judge = 5\n", "not a text"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_a_broken_settings_file_is_said(
    content: bytes, about: str, run: Run, copy: Copy, home: Path
) -> None:
    copy("a.mkv")
    home.mkdir()
    (home / "settings.toml").write_bytes(content)
    outcome = run("a.mkv")
    assert outcome.status == 2
    assert re.search(f"^error: .*{about}", outcome.said, re.MULTILINE), outcome.said
    assert "Traceback" not in outcome.said


def test_a_broken_setting_in_the_environment_is_said(
    run: Run, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy("a.mkv")
    monkeypatch.setenv("LONGTAKE_CHUNK_SECONDS", "six")
    assert_refused(run("a.mkv"), "LONGTAKE_CHUNK_SECONDS")


def test_the_library_call_gives_gaps_as_the_command_line_does(copy: Copy, tmp_path: Path) -> None:
    path = copy("a.mkv")
    cut(path, 0.5)
    values = {"engine": "fake", "reconciler": "fake", "chunking": "fixed"}
    result = summarize(path, **values, out=str(tmp_path / "out"))
    assert [gap.chunk for gap in result.ledger.gaps] == [4]
