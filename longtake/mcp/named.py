"""Which video is meant: by a run's id, a link, a path, or a name or SHA-256 of the library."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from longtake.errors import UsageError
from longtake.library.index import LibraryVideo, list_videos
from longtake.links.addresses import check_link, is_link
from longtake.runs.folder import Run, list_runs, read_run
from longtake.runs.outcomes import read_outcome
from longtake.runs.requests import find_allowed, find_by_hash, find_library_videos
from longtake.store import Store, store_path

MOST_NAME_LETTERS = 4096


@dataclass(frozen=True)
class Named:
    """What was named: the source of a new run, and the video and the run that are known of it."""

    source: str
    video: LibraryVideo | None = None
    run: Run | None = None


def find_named(name: str, roots: Sequence[Path], visitor: str | None) -> Named:
    """The video of that name; UsageError where there is none, or it may not be read."""
    name = name.strip()
    if not name or len(name) > MOST_NAME_LETTERS:
        raise UsageError(
            "no video was named",
            "Give a link, a path, a run's id, or a title or sha256 that list_videos tells.",
        )
    if re.fullmatch(r"[0-9a-f]{24}", name):
        return _find_of_run(read_run(name))
    if is_link(name):
        link = check_link(name)
        return _with_run(Named(link, _find_known(link)), visitor)
    if not re.search(r"[/\\]|^[~.]", name) and (video := _find_called(name)):
        return _with_run(Named(video.sha256, video), visitor)
    path = find_allowed(name, roots)
    video = _find_known(str(path))
    if video and _is_newer(path, video.date):
        return Named(str(path))
    return _with_run(Named(str(path), video), visitor)


def find_hashes(names: Sequence[str], roots: Sequence[Path], visitor: str | None) -> list[str]:
    """The SHA-256 of each video of the library that is named; UsageError for one not there."""
    found = []
    for name in names:
        video = find_named(name, roots, visitor).video
        if video is None:
            raise UsageError(
                f"the video {name!r} is not in the library yet", "Summarize it first, and wait."
            )
        found.append(video.sha256)
    return found


def _find_of_run(run: Run) -> Named:
    sha256 = read_outcome(run).sha256
    video = find_by_hash(sha256) if sha256 else None
    if video:
        return Named(video.sha256, video, run)
    if is_link(run.asked.source):
        return Named(run.asked.source, _find_known(run.asked.source), run)
    return Named("", None, run)


def _with_run(named: Named, visitor: str | None) -> Named:
    """With the newest run of that video which is done."""
    if not named.video:
        return named
    sha256 = named.video.sha256
    runs = (run for run in list_runs(visitor) if read_outcome(run).sha256 == sha256)
    return Named(named.source, named.video, next(runs, None))


def _find_called(name: str) -> LibraryVideo | None:
    """The one of the library that is called so; UsageError where several are."""
    with Store(store_path()) as store:
        known = list_videos(store)
    stems = [v for v in known if name in (v.name, Path(v.name).stem, v.sha256)]
    if len(stems) == 1:
        return stems[0]
    if stems or (len(name) >= 6 and any(v.sha256.startswith(name) for v in known)):
        return find_library_videos([name])[0]
    return None


def _find_known(source: str) -> LibraryVideo | None:
    with Store(store_path()) as store:
        return next((v for v in list_videos(store) if v.source == source), None)


def _is_newer(path: Path, date: str) -> bool:
    """Whether the file was written after the video was gone through."""
    return path.stat().st_mtime > datetime.fromisoformat(date).timestamp() + 1
