"""What stands still is given up with a word that names file and place; what is slow is not."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import av.error
import av.logging
import pytest

from longtake.errors import SourceError
from longtake.video.container import demux, open_container
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from longtake.video.watchdog import MOST_STUCK, TICK_SECONDS, watch, watch_opened, watch_steps
from tests.videos import draw_noisy, make_video

ENOUGH = 1 << 19
SETS_LOG = re.compile(r"\bset_level\(|\bset_libav_level\(|restore_default_callback\(")


@pytest.fixture
def halted(tmp_path: Path) -> Iterator[Path]:
    """A film from a pipe that gives its first half a megabyte, and then nothing more."""
    film = make_video(tmp_path / "film.ts", seconds=40, options={"qp": "0"}, draw=draw_noisy)
    assert film.stat().st_size > 2 * ENOUGH
    pipe, over = tmp_path / "halted.ts", threading.Event()
    os.mkfifo(pipe)

    def feed() -> None:
        with pipe.open("wb") as file:
            file.write(film.read_bytes()[:ENOUGH])
            file.flush()
            over.wait()

    feeder = threading.Thread(target=feed)
    feeder.start()
    yield pipe
    over.set()
    feeder.join()


def count(path: Path) -> int:
    with open_container(path) as container:
        return sum(1 for _ in demux(container))


def each(path: Path) -> Iterator[int]:
    with open_container(path) as container:
        for number, _ in enumerate(demux(container)):
            yield number


def test_reading_that_stands_still_is_given_up_with_file_and_place(halted: Path) -> None:
    with pytest.raises(SourceError, match=r"halted\.ts: reading it stands still .*: nothing came"):
        watch(halted, lambda: count(halted), TICK_SECONDS)


def test_the_place_is_that_of_the_last_packet(halted: Path) -> None:
    came = watch_steps(halted, each(halted), TICK_SECONDS)
    assert next(came) == 0
    with pytest.raises(SourceError, match=r"stands still after 0:\d\d: nothing came for 1 s"):
        deque(came, maxlen=0)


class Gate:
    """Something of a file that waits until it is told to go on."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    @contextmanager
    def open(self) -> Iterator["Gate"]:
        yield self

    def wait(self) -> bool:
        return self.gate.wait()


def test_what_stood_still_once_is_not_waited_for_again(tmp_path: Path) -> None:
    gate = Gate()
    with watch_opened(tmp_path, gate.open, TICK_SECONDS) as opened:
        for _ in range(3):
            with pytest.raises(SourceError, match="stands still at its beginning"):
                opened.wait()
            gate.gate.set()


def test_a_file_that_stands_still_again_and_again_is_not_waited_for_any_more(
    tmp_path: Path,
) -> None:
    gate, path = Gate(), tmp_path / "film.ts"
    path.write_bytes(b"a")
    for _ in range(MOST_STUCK):
        with pytest.raises(SourceError, match="stands still at its beginning"):
            watch(path, gate.wait, TICK_SECONDS)
    with pytest.raises(SourceError, match=f"has stood still {MOST_STUCK} times"):
        watch(path, gate.wait, TICK_SECONDS)
    path.write_bytes(b"another one")
    assert watch(path, lambda: 7, TICK_SECONDS) == 7
    gate.gate.set()


def test_what_goes_on_slowly_is_not_given_up(tmp_path: Path) -> None:
    film = make_video(tmp_path / "film.ts", seconds=2)
    pause = threading.Event()

    def slow() -> int:
        packets = 0
        with open_container(film) as container:
            for number, _ in enumerate(demux(container)):
                packets += 1
                if number < 4:
                    pause.wait(0.7 * TICK_SECONDS)
        return packets

    assert watch(film, slow, TICK_SECONDS) == count(film)


def test_errors_are_those_of_the_work(tmp_path: Path) -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        watch(tmp_path, fail)


def test_an_error_in_what_was_opened_goes_through_what_opened_it(tmp_path: Path) -> None:
    film = make_video(tmp_path / "film.mp4", seconds=2)
    with (
        pytest.raises(SourceError, match="can't be read as a video"),
        watch_opened(film, lambda: open_container(film)),
    ):
        raise av.error.InvalidDataError(1, "broken")


def test_a_file_is_closed_where_it_was_read(tmp_path: Path) -> None:
    film = make_video(tmp_path / "film.mp4", seconds=2)
    before = threading.active_count()
    for _ in range(3):
        _, index = probe(film, "")
        with open_frames(film, index) as reader:
            next(reader.thumbs(0, 1))
    assert threading.active_count() == before


def test_pyav_takes_no_lock_for_its_log_whoever_has_asked_it_to(tmp_path: Path) -> None:
    """A decoder's thread that waits for Python's lock, and who frees it with it, wait for ever."""
    film = make_video(tmp_path / "film.mp4", seconds=1)
    av.logging.set_level(av.logging.PANIC)
    with open_container(film):
        assert av.logging.get_level() is None


@pytest.mark.parametrize("package", ["longtake", "faster_whisper", "ctranslate2", "rapidocr"])
def test_nobody_else_turns_pyavs_log_on(package: str) -> None:
    found = find_spec(package)
    assert found
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0])
    calls = [path for path in folder.rglob("*.py") if SETS_LOG.search(path.read_text("utf-8"))]
    assert calls == ([folder / "video" / "container.py"] if package == "longtake" else [])


STUCK = """
import sys
from pathlib import Path
from longtake.video.probe import probe
print("begins", flush=True)
try:
    probe(Path(sys.argv[1]), "")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_one_interrupt_ends_what_stands_still_at_once(halted: Path) -> None:
    command = [sys.executable, "-c", STUCK, str(halted)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        # As a terminal starts it: what a script has put aside ignores interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)  # it stands still
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
