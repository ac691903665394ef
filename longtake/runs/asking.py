"""A question of the page is answered in a process of its own, `python -P -m longtake.runs.asking`.

A model of llama.cpp or PyTorch takes gigabytes, and can take its process down: not the page's. It
takes a slot of the queue as a run does, so that two are never loaded beside each other.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from longtake.engines import DIGEST, LOADED
from longtake.errors import EngineFailed, LongtakeError, UsageError
from longtake.library.answer import Earlier
from longtake.library.index import list_videos
from longtake.library.say import look_values, sentence_values
from longtake.models.table import FolderModel, Model, is_model_here
from longtake.pipeline.ask import NO_MODEL, LibraryAnswer
from longtake.pipeline.open_engines import (
    Engines,
    name_answerer,
    name_looker,
    name_other_judge,
    name_writer,
)
from longtake.pipeline.search import Query
from longtake.pipeline.session import Session, open_session, run_to_end
from longtake.runs.queue import take_slot
from longtake.runs.servers import give_keys
from longtake.settings import Settings, load_settings

ANSWER_SECONDS = 240.0
LOOK_SECONDS = 120.0
"""Later than that no look at frames begins, so that the answer so far comes in time."""
MOST_AT_ONCE = 2
BUSY = (
    "a run is at work and the model that answers needs its room: these are the moments that are"
    " nearest; ask again once the run is done"
)
NICENESS = 5
_asking = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True)
class Answered:
    """The sentences of an answer as JSON has them, or what to say where there is none."""

    sentences: Sequence[Mapping[str, Any]] = ()
    said: str = ""
    by: str = ""
    looks: Sequence[Mapping[str, Any]] = ()
    """Where frames were looked at again, as JSON has it."""


def ask(
    question: str,
    videos: Mapping[int, str],
    earlier: Sequence[Earlier],
    asked: Mapping[str, object],
    at_once: int,
) -> Answered:
    """The answer from these videos, by their numbers in the library and what they are called.

    `at_once` is how many runs may work beside each other. UsageError where too many ask.
    """
    settings = name_answerer(load_settings(asked))
    writer = name_writer(settings, None)[0]
    if writer == DIGEST:
        return Answered(said=NO_MODEL)
    if not _asking.acquire(blocking=False):
        raise UsageError("other questions are being answered", "Ask again in a moment.")
    try:
        with ExitStack() as files:
            answers = _is_loaded(writer, name_other_judge(settings, writer))
            looks = _is_loaded(name_looker(settings))
            slot = take_slot(at_once, files) if answers or looks else None
            if answers and slot is None:
                return Answered(said=BUSY)
            own = dict(asked)
            if looks and slot is None:  # who answers does not wait for who looks
                own["looks"] = 0
            sent = {"question": question, "videos": list(videos.items()), "settings": own,
                    "earlier": [asdict(e) for e in earlier]}  # fmt: skip
            return _ask_apart(json.dumps(sent), [slot.fileno()] if slot else [])
    finally:
        _asking.release()


def _is_loaded(*names: str) -> bool:
    """Whether one of these engines is loaded into the process that asks it."""
    return any(name.partition(":")[0] in LOADED for name in names)


def _ask_apart(sent: str, held: Sequence[int]) -> Answered:
    """By a process that has the slot as long as it lives.

    It writes a line of what is known, and then one of what was seen; without the second the first
    one stands.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "longtake.runs.asking"],
            input=sent.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=held,
            timeout=ANSWER_SECONDS,
            check=False,
        )
        said = done.stdout
        nothing = EngineFailed(
            f"the process that answers ended without a word (status {done.returncode})",
            "The machine's memory may not suffice; `longtake doctor` says what fits.",
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        nothing = EngineFailed(
            f"no answer came within {ANSWER_SECONDS:.0f} seconds", "Ask a shorter question."
        )
    whole = said[: said.rfind(b"\n") + 1].splitlines()
    if not whole:
        raise nothing
    came = json.loads(whole[-1])
    if "error" in came:
        raise EngineFailed(came["error"], came["hint"])
    return Answered(came["sentences"], came["said"], came["by"], came["looks"])


def main() -> None:
    """The question on standard input; on standard output a line of JSON, or two, the last stands.

    The first is of what is known, the second of what was seen where somebody looked again.
    """
    os.nice(NICENESS)
    sent = json.load(sys.stdin)
    try:
        settings = give_keys(load_settings(sent["settings"]), load_settings())
        with open_session(Engines(fetch=_refuse_missing)) as session:
            found = _answer(session, sent, replace(settings, looks=0))
            _tell(found)
            settled = any(sentence.support == "supported" for sentence in found.sentences)
            if settings.looks and not settled:
                with suppress(LongtakeError):  # what is known stands
                    _tell(_answer(session, sent, settings))
    except LongtakeError as error:
        _write(error=error.message, hint=error.hint)


def _answer(session: Session, sent: Mapping[str, Any], settings: Settings) -> LibraryAnswer:
    names = {int(number): name for number, name in sent["videos"]}
    earlier = [Earlier(**e) for e in sent["earlier"]]
    videos = [v for v in list_videos(session.store) if v.id in names]
    if not videos:
        raise UsageError("the video is not in the library any more", "Go through it again.")
    named = [replace(video, name=names[video.id]) for video in videos]
    steps = session.ask(Query(sent["question"]), settings, named, earlier, LOOK_SECONDS)
    return run_to_end(steps)


def _tell(found: LibraryAnswer) -> None:
    sentences = [sentence_values(sentence) for sentence in found.sentences]
    looks = [look_values(looked) for looked in found.looks]
    said = "" if sentences else found.remarks[0]
    _write(sentences=sentences, said=said, by=found.answered_by, looks=looks)


def _write(**line: object) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def _refuse_missing(model: Model | FolderModel) -> None:
    """Nobody waits at a question for gigabytes to come."""
    if not is_model_here(model):
        raise UsageError(
            f"the model {model.name} is not here", f"Fetch it: longtake models pull {model.name}"
        )


if __name__ == "__main__":
    main()
    # Threads that are inside a model when Python ends take the process down with a crash.
    os._exit(0)
