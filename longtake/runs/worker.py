"""One run in a process of its own: `python -P -m longtake.runs.worker FOLDER`.

Iterates the pipeline, as the command line does, and writes down each step.
"""

import errno
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from longtake import report
from longtake.errors import LongtakeError
from longtake.files import replacing
from longtake.library.index import list_videos
from longtake.machine import read_memory, read_used
from longtake.models.fetch import fetch_model
from longtake.models.table import FolderModel, Model
from longtake.pipeline.ask import answer_values
from longtake.pipeline.compare import plan_arms
from longtake.pipeline.moment import seen_values
from longtake.pipeline.open_engines import Engines
from longtake.pipeline.search import Query
from longtake.pipeline.session import Session, open_session, run_to_end
from longtake.pipeline.sources import Source
from longtake.records import Description, Progress, Result, SourceFile, Transcript, Video
from longtake.report.json import chunk_values, transcript_as_json
from longtake.report.transcript import as_srt, as_text, as_vtt
from longtake.runs.folder import OF_PAGE, Run, Step, load_run, locked, read_entry, write_state
from longtake.runs.notice import start_notice
from longtake.runs.playing import CopyThread
from longtake.runs.servers import give_keys
from longtake.settings import Settings, home_folder, load_settings
from longtake.text.untrusted import one_line
from longtake.timecode import Span
from longtake.video.choose_frames import Slot
from longtake.video.frames import FrameReader, open_frames
from longtake.video.probe import probe

LOG = logging.getLogger("longtake")

WRITE_SECONDS = 0.3
MOST_NOTES = 50
MOST_STEPS = 30
THUMB_SIDE = 240
MOST_MEMORY = 0.9
"""Of the machine's, or its control group's."""
WATCH_SECONDS = 0.5
NICENESS = 5
"""The page and the rest of the machine come first."""


class Stopped(BaseException):
    """The run was told to end."""


def main(folder: Path) -> None:
    """The run of that folder, to its end."""
    signal.signal(signal.SIGTERM, _stop)
    os.nice(NICENESS)
    with locked(folder):  # until the queue has let go of it
        recorder = _Recorder(load_run(folder))
    most = int(MOST_MEMORY * read_memory().total)
    if most and read_used():
        end = partial(_end_full, recorder, most)
        threading.Thread(target=watch_memory, args=(most, end), daemon=True).start()
    LOG.setLevel(logging.INFO)
    LOG.addHandler(recorder)
    try:
        with open_session(Engines(fetch=recorder.fetch, tell=_note_engine)) as session:
            _go(recorder, session)
        recorder.wait_for_copy()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is done can't be stopped any more
        recorder.end("done")
    except Stopped:
        recorder.end("stopped")
    except LongtakeError as error:
        recorder.end("failed", error.message, error.hint)
    except Exception as error:
        _fail(recorder, error)


def watch_memory(most: int, end: Callable[[], object], every: float = WATCH_SECONDS) -> None:
    """Call `end` once this process has more bytes than these in memory; else wait for ever.

    A file that fills the memory, whatever its kind, then ends its own run and no other program.
    """
    while read_used() <= most:
        time.sleep(every)
    end()


def _end_full(recorder: "_Recorder", most: int) -> None:
    said = f"the run takes more than {most / 2**30:.1f} GiB, nearly all memory of this machine"
    recorder.end("failed", said, "Use a smaller model; if there is none, the file may be broken.")
    os._exit(1)


def _note_engine(role: str, name: str, why: str) -> None:
    LOG.info("%s: %s (%s)", role, name, why)


def _fail(recorder: "_Recorder", error: Exception) -> None:
    """What is no LongtakeError: a full disk, or a bug."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Free some room, and let it go on: all answers so far are kept."
        recorder.end("failed", f"the disk is full: {error.filename or home_folder()}", hint)
        return
    with suppress(OSError):
        (recorder.run.folder / "trace.txt").write_text(traceback.format_exc(), encoding="utf-8")
    said = f"this is a bug in Longtake: {type(error).__name__}: {one_line(str(error))[:300]}"
    recorder.end("failed", said, "The run's trace.txt says where; please report it.")


def _stop(_signal: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def _go(recorder: "_Recorder", session: Session) -> None:
    """Run what was asked for to its end, writing down each step and what came of it."""
    asked = recorder.run.asked
    out = recorder.run.folder / "out"
    if asked.kind != "reconcile":  # what an earlier attempt left there is made anew
        shutil.rmtree(out, ignore_errors=True)
    settings = load_settings({**asked.settings, "out": str(out)})
    settings = give_keys(settings, load_settings())
    source: Source = asked.source
    if _is_upload(recorder.run):  # called as its visitor calls it, and not by where it lies
        source = SourceFile(Path(asked.source), title=one_line(asked.title))
    if asked.kind in OF_PAGE:
        for result in _go_through(recorder, session, source, settings):
            text = report.as_json(result, descriptions=True)
            _write(result.out / "result.json", text)
            _keep_transcript(out, result.transcript)
        return
    out.mkdir(parents=True, exist_ok=True)
    if asked.kind == "transcribe":
        _keep_transcript(out, run_to_end(session.transcribe(source, settings), recorder.take))
    elif asked.kind == "look":
        _look(recorder, session, source, settings)
    else:
        videos = [v for v in list_videos(session.store) if v.sha256 in asked.videos]
        steps = session.ask(Query(asked.question), settings, videos)
        _write(out / "answer.json", json.dumps(answer_values(run_to_end(steps, recorder.take))))


def _look(recorder: "_Recorder", session: Session, source: Source, settings: Settings) -> None:
    """The frames of a stretch, as frames/1.jpg and so on, and what was seen, as look.json."""
    asked, out = recorder.run.asked, recorder.run.folder / "out"
    steps = session.look(source, Span(asked.start, asked.end), asked.question, settings)
    seen = run_to_end(steps, recorder.take)
    (out / "frames").mkdir(exist_ok=True)
    for number, frame in seen.frames.items():
        (out / "frames" / f"{number}.jpg").write_bytes(frame.jpeg)
    _write(out / "look.json", json.dumps(seen_values(seen)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="replace", newline="")


def _go_through(
    recorder: "_Recorder", session: Session, source: Source, settings: Settings
) -> Iterator[Result]:
    """The results of a whole video: one, or one for each arm of a comparison."""
    asked, out = recorder.run.asked, recorder.run.folder / "out"
    if asked.kind == "compare":
        compared = run_to_end(session.compare(source, plan_arms((), settings)), recorder.take)
        yield from (arm.result for arm in compared.arms)
    elif asked.kind == "summarize":
        yield run_to_end(session.summarize(source, settings), recorder.take)
    else:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(asked.source, settings.out)  # so that it can be taken away, and edited again
        yield run_to_end(session.reconcile(asked.source, settings), recorder.take)


def _keep_transcript(out: Path, transcript: Transcript | None) -> None:
    """Beside the results, for both flows once: as the page shows it, and to take away."""
    if transcript is None:
        return
    texts = {"transcript.json": transcript_as_json(transcript)}
    if transcript.segments:
        texts |= {
            "transcript.srt": as_srt(transcript),
            "transcript.vtt": as_vtt(transcript),
            "transcript.txt": as_text(transcript),
        }
    for name, text in texts.items():
        _write(out / name, text)


def _is_upload(run: Run) -> bool:
    return Path(run.asked.source).parent == run.folder / "upload"


class _Recorder(logging.Handler):
    """Writes down how far the run is: state, descriptions, thumbnails, notes."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.INFO)
        self.run = replace(run, notes=(), steps=(), error="", hint="")
        self._begun: dict[tuple[str, str], float] = {}
        self._written = 0.0
        self._chunks = _read_chunks(run.folder / "chunks.jsonl")
        self._video: Video | None = None
        self._thumbs: _Thumbs | None = None
        self._copy: CopyThread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log as a note of the run, once."""
        if len(self.run.notes) < MOST_NOTES:
            note = one_line(record.getMessage())
            if note not in self.run.notes:
                self.run = replace(self.run, notes=(*self.run.notes, note))

    def take(self, progress: Progress) -> None:
        """Write down a step of the pipeline, and its description if it has one."""
        if progress.video and not self._video:
            self._video = progress.video
            self.run = replace(
                self.run,
                video=progress.video.path.absolute(),
                title=progress.video.title or self.run.title,
                duration=progress.video.duration,
            )
            self._written = 0.0
            self._copy = CopyThread(progress.video, self.run.folder)
            self._copy.start()
        if progress.description:
            self._take_description(progress.description, progress.arm)
        self._take_step(progress)
        now = time.monotonic()
        if now - self._written >= WRITE_SECONDS:
            self._written = now
            write_state(self.run)

    def _take_step(self, progress: Progress) -> None:
        stage, arm = progress.stage, progress.arm
        begun = self._begun.setdefault((arm, stage), time.time())
        seconds = time.time() - begun
        left = None
        if 0 < progress.done < progress.total and seconds > 1:
            left = seconds / progress.done * (progress.total - progress.done)
        steps = {(step.stage, step.note if arm else ""): step for step in self.run.steps}
        known = steps.pop((stage, arm), None)
        note = arm or one_line(progress.note) or (known.note if known else "")
        steps[stage, arm] = Step(stage, progress.done, progress.total, note, seconds, left)
        self.run = replace(self.run, steps=tuple(steps.values())[-MOST_STEPS:])

    def _take_description(self, description: Description, arm: str) -> None:
        chunk = description.chunk
        entry = {**chunk_values(description), "arm": arm}
        if self._chunks.get((arm, chunk.number)) == entry:
            return
        self._chunks[arm, chunk.number] = entry
        if self._video and not chunk.missing:
            self._thumbs = self._thumbs or _Thumbs(self._video, self.run.folder / "thumbs")
            self._thumbs.draw(chunk.number, chunk.span)
        with (self.run.folder / "chunks.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def fetch(self, model: Model | FolderModel) -> None:
        """Fetch what of the model is not here."""
        note = f"fetching {model.name}"
        fetch_model(model, lambda done, total: self.take(Progress("fetch", done, total, note)))

    def wait_for_copy(self) -> None:
        """Until the copy that browsers play is made, if one is due; all else is written by now."""
        while self._copy and self._copy.is_alive():
            self.take(Progress("play", round(100 * self._copy.playing.part), 100))
            self._copy.join(WRITE_SECONDS)

    def end(self, state: Any, error: str = "", hint: str = "") -> None:
        """Write down how the run ended."""
        if self._thumbs:
            self._thumbs.close()
        if self._copy:
            self._copy.close()
        if _is_upload(self.run):
            error = error.replace(self.run.asked.source, "the file")
        self.run = replace(self.run, state=state, error=error, hint=hint, ended=time.time())
        write_state(self.run)
        start_notice(self.run)


def _read_chunks(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Each chunk's last entry of an earlier attempt; half a line at the end is cut off."""
    written: dict[tuple[str, int], dict[str, Any]] = {}
    with suppress(OSError), path.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                file.truncate(file.tell() - len(line))
                break
            if entry := read_entry(line):
                written[str(entry.get("arm")), entry["chunk"]] = entry
    return written


class _Thumbs:
    """A small picture of each chunk, by a reader of its own; one that can't be had is left out."""

    def __init__(self, video: Video, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()
        self._reader: FrameReader | None = None
        with suppress(Exception):  # whatever a file holds: a picture is no reason to stop
            folder.mkdir(exist_ok=True)
            _, self._index = probe(video.path, video.sha256)
            self._reader = self._files.enter_context(open_frames(video.path, self._index))

    def draw(self, number: int, span: Span) -> None:
        """The picture of one chunk, unless it is there."""
        path = self._folder / f"{number}.jpg"
        if self._reader is None or path.exists():
            return
        keys = self._index.keys
        inside = keys[(keys >= span.start) & (keys < span.end)]
        time = float(inside[0]) if len(inside) else min(span.start + 0.5, span.end)
        with suppress(Exception):
            for picture in self._reader.read(span, [Slot((time,))], THUMB_SIDE):
                with replacing(path) as part:
                    part.write_bytes(picture.as_frame().jpeg)

    def close(self) -> None:
        self._files.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # Threads that are inside a model when Python ends take the process down with a crash.
    os._exit(0)
