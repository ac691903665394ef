"""What is tried: each makes a file or a text by its seed, and has Longtake read it.

A LongtakeError is an answer; anything else that is raised is a fault.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

from longtake.errors import LongtakeError, SourceError
from longtake.inference.engine import Reply, Request
from longtake.library.look_replies import read_look, read_verdict
from longtake.report.read_back import read_edited
from longtake.settings import load_settings
from longtake.store import Store
from longtake.video.tracks import list_tracks, read_track
from longtake.words.speech.subtitles import read_subtitles
from tests.damaged import FAST, KINDS, go_through, make_content
from tests.fuzz.corpus import (
    make_with_subtitles,
    promise_fragments,
    promise_samples,
    write_jumping_clock,
    write_tiny_packets,
)
from tests.fuzz.mutate import ODD, mutate_bytes, mutate_text
from tests.scripted import Scribe, ScriptedEngine, finish
from tests.talks import write_down
from tests.videos import draw_shots, make_film, make_video

Target = Callable[[int, Path], None]
"""From a seed and an empty folder: to the end, or LongtakeError."""

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello,
<i>world</i>.

2
00:00:03,000 --> 00:00:04,000 X1:40 X2:600
Good &amp; bad
"""
VTT = """WEBVTT
Language: en

STYLE
::cue { color: red }

NOTE a remark

one
00:01.000 --> 00:02.500 align:start
<v Ann>Hello <c.x>there</c>

X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000
00:00:03.000 --> 00:00:04.000
Good &lt;bye
"""
ASS = """[Script Info]
Title: x

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\an8}Hello\\Nworld
Dialogue: 0,0:00:03.00,0:00:04.00,Sign,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}Good
"""
CSV = """chunk,start,end,description,speech,text,status,error,engine,input_tokens,tags,actions
1,0.0,6.0,A man walks.,Hello.,EXIT,described,,fake:model,10,"man 100 %","walking 0.82 (0:01–0:04)"
2,6.0,0:12,"He says ""no"".",,,reused,,fake:model,0,,
4,18,24.5,,,,failed,no reply,fake:model,0,,
"""
SETTINGS = """# settings
engine = "server:qwen"
base_url = "http://127.0.0.1:8000/v1"
chunk_seconds = 4.5
flow = "context"
at_once = 3
read_text = "off"
out = "results"
"""
REPLY = """{"headline": "A walk", "sentences": [{"text": "A man walks [1].", "chunks": [1, 2]}],
"chapters": [{"title": "One", "chunk": 1}], "moments": [{"chunk": 1, "text": "He turns."}],
"answer": "yes", "seen": "yes", "box": [0, 0, 500, 1000], "frame": 1, "verdict": "yes"}"""
TIME_WORDS = ("00:00:01,000 --> 00:00:02,000", "-->", "99999:59:59,999", "WEBVTT\n", "NOTE\n")

MORE: dict[str, dict[str, Any]] = {
    "vp8.webm": {"codec": "libvpx", "sound": "libopus", "options": FAST},
    "vp8.ogv": {"codec": "libvpx", "sound": "libopus", "options": FAST},
    "flv1.flv": {"codec": "flv1", "sound": "libmp3lame", "rate": 44_100},
    "mpeg1.mpg": {"codec": "mpeg1video", "sound": "mp2"},
    "prores.mov": {"codec": "prores_ks", "sound": "pcm_s16le", "pixels": "yuv422p10le"},
}
"""Beside those of `tests.damaged`, by the name of the file, how it is made."""
ALONE = (
    "subtitles.mkv",
    "pictures.gif",
    "samples.mp4",
    "fragments.mp4",
    "packets.avi",
    "clock.flv",
)
MEDIA = (*KINDS, *MORE, *ALONE)
TRACKS = 3


def make_media(kind: str, folder: Path) -> bytes:
    """A whole film of that kind, of a second or three."""
    path = folder / kind
    match kind:
        case "subtitles.mkv":
            make_with_subtitles(path, SRT)
        case "pictures.gif":
            make_video(path, seconds=1, codec="gif", pixels="rgb8")
        case "samples.mp4":
            promise_samples(path, 3_000_000)
        case "fragments.mp4":
            promise_fragments(path, 1_000_000, 3)
        case "packets.avi":
            write_tiny_packets(path, 300)
        case "clock.flv":
            write_jumping_clock(path, 300)
        case _ if kind in MORE:
            make_film(path, size=(64, 64), seconds=2, **MORE[kind])
        case _:
            return make_content(kind, folder)
    return path.read_bytes()


def _keep_media(kind: str, folder: Path) -> bytes:
    kept = folder / f"kept-{kind}"
    if not kept.exists():
        kept.write_bytes(make_media(kind, folder))
    return kept.read_bytes()


def try_media(seed: int, folder: Path) -> None:
    """Probe, scan, frames, sound and the texts of subtitle tracks."""
    kind = MEDIA[seed % len(MEDIA)]
    path = folder / f"damaged-{kind}"
    path.write_bytes(mutate_bytes(_keep_media(kind, folder.parent), seed))
    go_through(path)
    for track in list_tracks(path).subtitles[:TRACKS]:
        if track.form:
            read_track(path, track, 0.0)


def try_subtitles(seed: int, folder: Path) -> None:
    """A file of subtitles."""
    suffix, text = (("srt", SRT), ("vtt", VTT), ("ass", ASS))[seed % 3]
    changed = mutate_text(text, seed, TIME_WORDS).encode("utf-8", "surrogatepass")
    path = folder / f"a.{suffix}"
    path.write_bytes(mutate_bytes(changed, seed) if seed % 5 == 0 and changed else changed)
    read_subtitles(path)


def try_csv(seed: int, folder: Path) -> None:
    """A table of descriptions, and now and then a summary.json beside it."""
    path = folder / "descriptions.csv"
    changed = mutate_text(CSV, seed, (",", ";", "\t", '""', "chunk")).encode(
        ("utf-8", "utf-16", "cp1252")[seed % 3], "replace"
    )
    path.write_bytes(changed)
    if seed % 4 == 0:
        summary = '{"video": {"source": "a.mp4", "sha256": "", "duration": 24.5}, "summary": []}'
        told = mutate_text(summary, seed).encode("utf-8", "surrogatepass")
        path.with_name("summary.json").write_bytes(told)
    read_edited(path)


def try_settings(seed: int, folder: Path) -> None:
    """A file of settings."""
    path = folder / "settings.toml"
    names = ("engine = ", "[a]\n", "[[a]]\n", "seed = 1\n", "a.b.c = 1\n", "1979-05-27T07:32:00Z")
    path.write_bytes(mutate_text(SETTINGS, seed, names).encode("utf-8", "surrogatepass"))
    load_settings(environment={}, file=path)


def try_replies(seed: int, folder: Path) -> None:
    """What a describer and a reconciler say in a run, and what one that looks again says."""
    random = Random(f"replies {seed}")

    def describe(request: Request) -> Reply:
        text = mutate_text("A man walks through the door. He sits down.", random.getrandbits(30))
        return Reply(text, random.choice((0, -1, 1 << 63, 5)), 5, 0.1, random.random() < 0.8)

    class Liar(Scribe):
        def answer(self, request: Request) -> Reply:
            said = write_down(request) if request.schema else REPLY
            changed = mutate_text(random.choice((said, REPLY)), random.getrandbits(30))
            return Reply(changed, 5, 5, 0.1, random.random() < 0.8)

    with Store(folder / "store.sqlite") as store:
        film = _keep_film(folder.parent)
        beside = {"chunk_seconds": 1.0, "speech": "off", "out": str(folder / "out")}
        flow = {"flow": random.choice(("independent", "context"))}
        try:
            finish(film, store, ScriptedEngine(describe), Liar(), **beside, **flow)
        finally:
            for read in (lambda text: read_look(text, 3), read_verdict):
                _refuse(lambda read=read: read(mutate_text(REPLY, seed)))


def try_store(seed: int, folder: Path) -> None:
    """A run on a store whose rows, or bytes, are damaged."""
    random, path = Random(f"store {seed}"), folder / "store.sqlite"
    kept = _keep_store(folder.parent)
    path.write_bytes(mutate_bytes(kept, seed) if seed % 3 == 0 else kept)
    if seed % 3:
        _damage_rows(path, random)
    with Store(path) as store:
        out = str(folder / "out")
        finish(
            _keep_film(folder.parent), store, ScriptedEngine(_say), Scribe(),
            chunk_seconds=1.0, speech="off", out=out,
        )  # fmt: skip


def _damage_rows(path: Path, random: Random) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'migrations'"
        tables = [name for (name,) in database.execute(names)]
        for _ in range(random.randint(1, 8)):
            table = random.choice(tables)
            value = random.choice((*ODD, *KINDS_OF_VALUES))
            value = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            with suppress(sqlite3.Error):  # an index that is damaged by now, a row like another
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                column = random.choice(columns)
                database.execute(f"UPDATE {table} SET {column} = ?", (value,))


KINDS_OF_VALUES = (0, -1, 1 << 62, 1.5, float("inf"), b"", b"\xff\0", "", "[", '{"a": 1}', "[[1]]")


def _say(request: Request) -> str:
    return f"A man walks at {request.frames[0].time} seconds."


def _keep_film(folder: Path) -> Path:
    path = folder / "film.mp4"
    return path if path.exists() else make_video(path, seconds=5, draw=draw_shots(20))


def _keep_store(folder: Path) -> bytes:
    """That of a run that is over."""
    path = folder / "kept.sqlite"
    if path.exists():
        return path.read_bytes()
    with Store(path) as store:
        out = str(folder / "kept")
        finish(
            _keep_film(folder), store, ScriptedEngine(_say), Scribe(),
            chunk_seconds=1.0, speech="off", out=out,
        )  # fmt: skip
        store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def _refuse(read: Callable[[], object]) -> None:
    try:
        read()
    except LongtakeError as error:
        if isinstance(error, SourceError):
            raise


TARGETS: dict[str, Target] = {
    "media": try_media,
    "subtitles": try_subtitles,
    "csv": try_csv,
    "settings": try_settings,
    "replies": try_replies,
    "store": try_store,
}


def prepare(folder: Path) -> None:
    """Make once what all tries rest on."""
    for kind in MEDIA:
        _keep_media(kind, folder)
    _keep_store(folder)
