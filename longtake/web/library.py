"""What a visitor may search, and what is found or answered there, as the page draws it.

All of it is text as it came; the scripts set it as text. Nothing of a file's place is told.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from longtake.errors import LongtakeError, UsageError
from longtake.library.answer import Earlier
from longtake.library.index import LibraryVideo, list_videos
from longtake.library.search import FoundMoment, check_query
from longtake.pipeline.search import Query
from longtake.pipeline.session import run_to_end
from longtake.runs.asking import ask
from longtake.runs.folder import Run, list_runs, read_run, read_told
from longtake.runs.outcomes import read_outcome
from longtake.runs.progress import name_title
from longtake.runs.searching import keep_session
from longtake.settings import load_settings
from longtake.store import Store, store_path
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.web.format import sentence_case

MOST_FOUND, MOST_FOUND_IN_RUN = 12, 5
MOST_EARLIER = 10
NOTHING_YET = "There is no video to search yet: go through one first."
NOT_YET = "This video can be searched once its run is done."


@dataclass(frozen=True)
class Wanted:
    """What a visitor asks: in one run or, where `run` is empty, in all of his."""

    text: str
    run: str = ""
    earlier: tuple[Earlier, ...] = ()


@dataclass(frozen=True)
class Shelf:
    """The videos that may be searched, called as their runs are, and the newest run of each."""

    videos: tuple[LibraryVideo, ...]
    runs: Mapping[str, Run]
    """By the video's SHA-256."""


Respond = Callable[[Wanted, str | None], dict[str, Any]]


def read_asked(body: bytes) -> Wanted:
    """What a script of the page sent; UsageError where it is none of ours."""
    try:
        sent = json.loads(body)
        earlier = [Earlier(str(e["question"]), str(e["answer"])) for e in sent.get("earlier", ())]
        return Wanted(str(sent["text"]), str(sent.get("run", "")), tuple(earlier[-MOST_EARLIER:]))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UsageError("the question can't be read", "Open the page anew.") from error


def list_shelf(store: Store, visitor: str | None, run_id: str = "") -> Shelf:
    """What may be searched: a run that is named, else all that the visitor's runs went through.

    Without a visitor (None: the machine's own user), also what was gone through by command.
    """
    own = list_runs(visitor) if visitor != "" and not run_id else []
    runs = [read_run(run_id)] if run_id else own
    known = {sha256: run for run in reversed(runs) if (sha256 := read_outcome(run).sha256)}
    videos = [
        replace(v, name=name_title(known[v.sha256])) if v.sha256 in known else v
        for v in list_videos(store)
        if v.sha256 in known or (visitor is None and not run_id)
    ]
    return Shelf(tuple(videos), known)


def find(wanted: Wanted, visitor: str | None) -> dict[str, Any]:
    """The moments that answer to the words, the best first, and what to know of the search."""
    check_query(wanted.text)
    with Store(store_path()) as store:
        shelf = list_shelf(store, visitor, wanted.run)
        if not shelf.videos:
            return {"moments": [], "remarks": [NOT_YET if wanted.run else NOTHING_YET]}
        most = MOST_FOUND_IN_RUN if wanted.run else MOST_FOUND
        query, session = Query(wanted.text, most=most), keep_session(store)
        steps = session.search(query, load_settings(), shelf.videos)
        found = run_to_end(steps)
    return {
        "moments": [_show_moment(moment, shelf) for moment in found.moments],
        "remarks": [sentence_case(one_line(r).replace("`", "")) for r in found.remarks],
    }


def answer(wanted: Wanted, visitor: str | None) -> dict[str, Any]:
    """What the videos tell in answer to a question, or why nobody answers it now."""
    check_query(wanted.text)
    with Store(store_path()) as store:
        shelf = list_shelf(store, visitor, wanted.run)
    if not shelf.videos:
        return {"sentences": [], "said": NOT_YET if wanted.run else NOTHING_YET}
    settings = choose_settings(shelf, visitor)
    names = {video.id: video.name for video in shelf.videos}
    told = ask(wanted.text, names, wanted.earlier, settings, load_settings().page_runs)
    return {
        "sentences": [_show_sentence(sentence, shelf) for sentence in told.sentences],
        "said": sentence_case(one_line(told.said).replace("`", "")) if told.said else "",
        "by": one_line(told.by),
        "looks": [_show_look(looked, shelf) for looked in told.looks],
    }


def choose_settings(shelf: Shelf, visitor: str | None) -> Mapping[str, object]:
    """Those of the visitor's newest run: who described there is at hand.

    Of another's run none: it may name a server that is that visitor's alone.
    """
    own = [run for run in shelf.runs.values() if visitor is None or run.asked.visitor == visitor]
    newest = max(own, key=lambda run: run.asked.created, default=None)
    return newest.asked.settings if newest else {}


def _show_moment(moment: FoundMoment, shelf: Shelf) -> dict[str, Any]:
    place = _show_place(moment.video.sha256, moment.video.name, moment.span.start, shelf)
    said = [{"kind": p.kind, "text": one_line(p.text)} for p in moment.by_kind]
    return {**place, "said": said}


def _show_sentence(sentence: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    proofs = [
        _show_place(p["video"]["sha256"], p["video"]["name"], float(p["start"]), shelf)
        | {"text": one_line(p["text"])}
        for p in sentence["proofs"]
    ]
    once = {(p["run"], p["title"], p["time"]): p for p in proofs}
    held = sentence["support"] == "supported"
    return {"text": one_line(sentence["text"]), "held": held, "proofs": list(once.values())}


def _show_look(looked: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """Where frames were looked at again, what was done there and what came of it."""
    video = looked["video"]
    place = _show_place(video["sha256"], video["name"], float(looked["start"]), shelf)
    return place | {"done": [one_line(done) for done in looked["done"]], "came": looked["came"]}


def _show_place(sha256: str, name: str, at: float, shelf: Shelf) -> dict[str, Any]:
    """Where a click leads: a run and a second of it; no run where the video has none here."""
    run = shelf.runs.get(sha256)
    return {
        "run": run.id if run else "",
        "title": name_title(run) if run else one_line(name),
        "at": at,
        "time": format_time(at),
        "thumb": _find_chunk(run, at) if run else 0,
    }


def _find_chunk(run: Run, at: float) -> int:
    """The chunk of a run that a second lies in, if there is a picture of it; 0: none."""
    try:
        written = (run.folder / "chunks.jsonl").stat().st_mtime_ns
    except OSError:
        return 0
    starts = [chunk for chunk in _list_starts(run.id, run.folder, written) if chunk[0] <= at + 0.01]
    number = max(starts, default=(0.0, 0))[1]
    return number if (run.folder / "thumbs" / f"{number}.jpg").is_file() else 0


@lru_cache(maxsize=64)
def _list_starts(run_id: str, _folder: Path, _written: int) -> tuple[tuple[float, int], ...]:
    """When each chunk of a run starts, and its number."""
    return tuple({(float(e["start"]), int(e["chunk"])): None for e in read_told(run_id)})


def has_videos(runs: Sequence[Run], own: bool) -> bool:
    """Whether there is something to search, or soon will be."""
    if runs or not own:
        return bool(runs)
    if store_path().is_file():
        with suppress(LongtakeError), Store(store_path()) as store:
            return bool(list_videos(store))
    return False
