"""Keeps what this release writes, so that later ones can be held to read it.

`python -m scripts.keep_release [--again]` writes tests/releases/VERSION: a video with its
subtitles, the store after both flows, the files that `summarize` leaves, and the folder of a run.
"""

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import longtake
from longtake.runs.folder import Asked, read_run, submit
from longtake.runs.queue import Queue
from tests.videos import draw_shots, make_video

SETTINGS: dict[str, Any] = {"engine": "fake", "reconciler": "fake", "read_text": "off"}
FLOWS = ("independent", "context")
CUES = """\
1
00:00:01,000 --> 00:00:04,000
The door opens, and a woman comes in.

2
00:00:12,000 --> 00:00:15,000
She says that the train is late.
"""
PLACE = "{place}"
"""Stands for the folder in which it was made."""
LEFT_OUT = ("report.html", ".longtake.json", "*.log", "alive", "lock", "*.jpg", "*.png")
PATIENCE_SECONDS = 60.0


def main(kept: Path) -> None:
    """Write the folder of this release; one that is there stands unless `--again` is given."""
    if kept.exists() and sys.argv[1:] != ["--again"]:
        sys.exit(f"{kept} is there: before the version is out, --again writes it anew")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        os.environ["LONGTAKE_HOME"] = str(place / "home")
        os.chdir(place)
        make_video(Path("talk.mp4"), seconds=20, draw=draw_shots(70, 130))
        Path("talk.srt").write_text(CUES)
        for flow in FLOWS:
            longtake.summarize("talk.mp4", flow=flow, out=f"out-{flow}", **SETTINGS)
        _run(place / "talk.mp4")
        with closing(sqlite3.connect("home/store.sqlite")) as store:
            store.execute("PRAGMA journal_mode = DELETE")
            store.execute("VACUUM")
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for file in ("talk.mp4", "talk.srt", "home/store.sqlite"):
            shutil.copy(file, kept)
        for folder in ("out-independent", "out-context", "home/runs"):
            shutil.copytree(folder, kept / Path(folder).name, ignore=_leave_out)
        for path in (p for p in kept.rglob("*.json*") if p.is_file()):
            path.write_text(path.read_text().replace(str(place), PLACE))


def _run(video: Path) -> None:
    """A run as the page asks for it, to its end."""
    run = submit(Asked(str(video), "summarize", SETTINGS, "A talk", "me", time.time()))
    queue = Queue(1)
    queue.start()
    with closing(queue):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while read_run(run).state in ("waiting", "running") and time.monotonic() < deadline:
            time.sleep(0.1)
    if read_run(run).state != "done":
        sys.exit(f"the run is not done: {read_run(run)}")


def _leave_out(folder: str, names: list[str]) -> set[str]:
    return {".slots"} | shutil.ignore_patterns(*LEFT_OUT)(folder, names)


if __name__ == "__main__":
    main(Path(__file__).parents[1] / "tests" / "releases" / longtake.__version__)
