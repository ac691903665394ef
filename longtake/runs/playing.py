"""What of a run's video plays in browsers: the file itself, or a copy that the worker makes.

play.json in the run's folder says which, and how far a copy is; play.mp4 is the copy, once it is
whole. The file itself stays what is described.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from longtake.errors import LongtakeError, OutputError
from longtake.files import replacing
from longtake.machine import ROOM_LEFT, free_disk
from longtake.records import Video
from longtake.video.playable import MOST_COPIED, Made, Plays, copy_to_play, find_plays
from longtake.video.probe import probe

FACTS, COPY = "play.json", "play.mp4"
NICENESS = 10
"""Of the thread, twice the worker's: describing comes first."""
WRITE_SECONDS = 0.5
CLOSE_SECONDS = 2.0
MOST_PART = 0.99
"""Until it is whole."""


@dataclass(frozen=True)
class Playing:
    """In which browsers the file plays, and what there is of a copy: 0 to 1 in `part`.

    `width` and `height` are those of a copy whose pictures were encoded anew; `error` says why
    there is none, `remark` what it lacks.
    """

    plays: Plays = "all"
    part: float = 0.0
    width: int = 0
    height: int = 0
    error: str = ""
    remark: str = ""


def read_playing(folder: Path) -> Playing:
    """What is known of it; a file that nothing is known of may play."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return Playing(**facts)
    except (OSError, ValueError, TypeError):
        return Playing()


def find_copy(folder: Path) -> Path | None:
    """The copy that plays, if it is there."""
    path = folder / COPY
    return path if path.is_file() and not path.is_symlink() else None


def share_copy(folder: Path, other: Path) -> None:
    """Give the run in the folder `other` the same copy, which takes no more room on the disk."""
    if find_copy(folder):
        with suppress(OSError):
            (other / COPY).hardlink_to(folder / COPY)
            (other / FACTS).write_bytes((folder / FACTS).read_bytes())


class CopyThread(threading.Thread):
    """Makes the copy of one run, where browsers don't play the file itself."""

    def __init__(self, video: Video, folder: Path) -> None:
        super().__init__(name="copy", daemon=True)
        self._video, self._folder = video, folder
        self._stopped = threading.Event()
        self._written = 0.0
        self.playing = Playing()

    def run(self) -> None:
        """To its end, or until it is stopped."""
        _be_nice()
        self._remove_part()  # of a worker that was killed
        error = "making one broke off"  # by what nobody foresaw: the worker's log has it
        try:
            plays = find_plays(self._video.path)
            if plays != "all" and not find_copy(self._folder):
                self._tell(Playing(plays))
                self._make()
            error = ""
        except _Closed:
            error = ""
        except LongtakeError as failed:
            error = failed.message.replace(str(self._video.path), "the file")
        finally:
            if error:
                self._tell(replace(self.playing, error=error))

    def close(self) -> None:
        """End it with what it is at; the part of a copy that is there goes away.

        The thread may not come to its end in time, with others before it; the process then does.
        """
        self._stopped.set()
        self.join(CLOSE_SECONDS)
        self._remove_part()

    def _remove_part(self) -> None:
        for left in self._folder.glob(f".{COPY}.*"):
            left.unlink(missing_ok=True)

    def _make(self) -> None:
        need = min(MOST_COPIED, self._video.path.stat().st_size) + ROOM_LEFT
        if 0 < free_disk(self._folder) < need:
            raise OutputError("the disk has no room for it")
        _, index = probe(self._video.path, self._video.sha256)
        with replacing(self._folder / COPY) as part:
            made = self._follow(copy_to_play(self._video, index, part))
            width, height = made.size or (0, 0)
            self._tell(replace(self.playing, width=width, height=height, remark=made.remark))
        self._tell(replace(self.playing, part=1.0))

    def _follow(self, steps: Generator[float, None, Made]) -> Made:
        """What came of it, telling how far it is."""
        with closing(steps):
            while not self._stopped.is_set():
                try:
                    seconds = next(steps)
                except StopIteration as stop:
                    made: Made = stop.value
                    return made
                if time.monotonic() - self._written >= WRITE_SECONDS:
                    part = min(MOST_PART, seconds / max(self._video.duration, 0.001))
                    self._tell(replace(self.playing, part=round(part, 3)))
        raise _Closed

    def _tell(self, playing: Playing) -> None:
        self.playing, self._written = playing, time.monotonic()
        with suppress(OSError), replacing(self._folder / FACTS) as part:
            part.write_text(json.dumps(asdict(playing)), encoding="utf-8")


class _Closed(Exception):
    """The run ends."""


def _be_nice() -> None:
    """Let others go first; on Linux, where a thread has a niceness of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
