"""What a program asks for becomes a run, if it may be: files, servers and links are its limits.

One place for all programs: those that come by HTTP, and assistants that come by MCP.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from longtake.engines import DIGEST, LOADED
from longtake.errors import LinkError, UsageError
from longtake.library.index import LibraryVideo, list_videos
from longtake.library.search import check_query
from longtake.links.addresses import check_link, is_link, tells_private
from longtake.models.fetch import is_kept_of_hub
from longtake.pipeline.moment import USUAL_QUESTION
from longtake.pipeline.open_engines import (
    name_answerer,
    name_looker,
    name_other_judge,
    name_writer,
)
from longtake.pipeline.sources import OF_SERVERS
from longtake.runs import uploads
from longtake.runs.folder import ENDED, OF_SERVER, Asked, Kind, Run, list_runs, read_run, submit
from longtake.runs.servers import list_connected
from longtake.settings import OF_RUN, Settings, list_addresses, load_settings
from longtake.settings.table import NAME_ENGINES
from longtake.store import Store, store_path

KINDS: tuple[Kind, ...] = ("summarize", "compare", "transcribe", "look", "ask")
"""What a program may ask for; a table is edited by people."""
NAME_FILES = (*NAME_ENGINES, "speech", "actions", "subtitles")
"""Settings that may name a file or a folder."""
PROJECTED = ".gguf+"
"""Between the two files of a model that sees: `gguf:MODEL.gguf+MMPROJ.gguf`."""
OF_PROGRAMS = tuple(name for name in (*OF_RUN, "looks") if name not in OF_SERVER)
"""Settings that a program may give."""
LEAST_LETTERS = 6
"""Of a video's SHA-256, to name it by its beginning."""
MOST_LOOK_SECONDS = 600.0


@dataclass(frozen=True)
class Order:
    """What a program asks for: a link, a path or a video of the library, else an upload's id.

    A question is of the library's `videos` (all, where none is named), or of the source from
    `start` to `end` seconds.
    """

    kind: Kind = "summarize"
    source: str = ""
    upload: str = ""
    title: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    question: str = ""
    videos: tuple[str, ...] = ()
    start: float = 0.0
    end: float = 0.0
    notify: str = ""


def place_order(order: Order, roots: Sequence[Path], visitor: str) -> Run:
    """Put it into the queue; `roots` are the folders whose files may be named.

    UsageError or LinkError says what can't be, or may not.
    """
    upload = uploads.find(order.upload) if order.upload else None
    return read_run(submit(_make_asked(order, roots, visitor), upload=upload))


def place_once(order: Order, roots: Sequence[Path], visitor: str) -> Run:
    """As `place_order`, unless the visitor's same request is under way: then that run.

    Who is not answered in time asks again.
    """
    asked = _make_asked(order, roots, visitor)
    for run in list_runs(visitor, (order.kind,)):
        if run.state not in ENDED and replace(run.asked, created=asked.created) == asked:
            return run
    return read_run(submit(asked))


def _make_asked(order: Order, roots: Sequence[Path], visitor: str) -> Asked:
    settings = check_settings(order.settings, roots)
    asked = Asked(
        source="",
        kind=order.kind,
        settings=dict(order.settings),
        title=order.title or (order.question if order.kind == "ask" else ""),
        visitor=visitor,
        created=time.time(),
        question=order.question,
        light=_is_light(order.kind, settings),
        notify=_check_notify(order.notify, settings),
    )
    if order.kind == "ask":
        check_query(order.question)
        asked = replace(asked, videos=tuple(v.sha256 for v in find_library_videos(order.videos)))
    else:
        asked = replace(asked, source=_check_source(order, roots))
    if order.kind == "look":
        check_stretch(order.start, order.end)
        asked = replace(
            asked,
            question=order.question.strip() or USUAL_QUESTION,
            start=order.start,
            end=order.end,
        )
        check_query(asked.question)
    elif order.kind == "transcribe" and (order.start or order.end):
        check_span(order.start, order.end)
        asked = replace(asked, start=order.start, end=order.end)
    return asked


def check_settings(given: Mapping[str, object], roots: Sequence[Path]) -> Settings:
    """A program's settings over the server's own; UsageError names one that can't or may not be."""
    settings = load_settings(given)
    for name in given:
        if name not in OF_PROGRAMS:
            raise UsageError(
                f"a run can't set {name}",
                "Its owner sets it where the server runs.",
            )
    for name in OF_SERVERS:
        if name in given:
            _check_server(name, str(getattr(settings, name)))
    for name in NAME_FILES:
        if name in given:
            _check_model_file(name, str(getattr(settings, name)), roots)
            _check_hub(name, str(getattr(settings, name)))
    return settings


def _check_server(name: str, value: str) -> None:
    """UsageError, unless the server's owner named those servers, too."""
    own = load_settings()
    named = [a for setting in OF_SERVERS for a in list_addresses(getattr(own, setting))]
    known = {address.rstrip("/") for address in named} | {c.address for c in list_connected()}
    for address in list_addresses(value):
        if address.rstrip("/") not in known:
            raise UsageError(
                f"a run can't set {name} to {address}",
                "Only servers that the owner connected or named in the settings are asked.",
            )


def _check_model_file(name: str, value: str, roots: Sequence[Path]) -> None:
    """UsageError where the value names a file that is not below one of the folders."""
    model = value.partition(":")[2] if name in NAME_ENGINES and ":" in value else value
    first, plus, second = model.partition(PROJECTED)
    if plus and not _is_here(model):
        weights = find_allowed(f"{first}.gguf", roots)
        find_allowed(second if _is_here(second) else str(weights.parent / second), roots)
    elif _tells_file(model):
        find_allowed(model, roots)
    elif _tells_file(value):  # a folder with a colon in its name
        find_allowed(value, roots)


def _check_hub(name: str, value: str) -> None:
    """UsageError for a model of the hub that is not here: its size and its maker are anybody's."""
    own = load_settings()
    kind, colon, model = value.partition(":")
    if name in ("actions", "embedder") and "/" in value and not colon:
        model = value
    elif kind != "transformers" or name not in NAME_ENGINES:
        return
    known = {str(getattr(own, setting)) for setting in NAME_FILES}
    if model and value not in known and not _tells_file(model) and not is_kept_of_hub(model):
        raise UsageError(
            f"a run can't set {name} to {value}: no such model is here",
            "Its owner fetches it, by a run of his own; or name one of `longtake models list`.",
        )


def _tells_file(name: str) -> bool:
    """Whether it can be a file's or folder's name here, and no model's of a table or a hub."""
    return bool(name) and (
        name.startswith(("/", "~", ".")) or "\\" in name or "/../" in name or _is_here(name)
    )


def _is_here(name: str) -> bool:
    """Whether there is a file or folder of that name; of one that is too long there is none."""
    try:
        return Path(name).exists()
    except OSError:
        return False


def find_allowed(name: str, roots: Sequence[Path]) -> Path:
    """The file or folder of that name, links followed; UsageError unless it is below a root.

    A relative name may begin at a root, too. What is said does not tell whether there is such a
    file elsewhere.
    """
    for place in (Path(), *roots):
        with suppress(OSError, ValueError, RuntimeError):
            found = Path(place, name).resolve(strict=True)
            if any(found.is_relative_to(root.resolve()) for root in roots):
                return found
    raise UsageError(
        f"there is no file {name!r} that may be read here",
        "Name one below a folder that the server's owner allows (--root), or use a link."
        if roots
        else "No folder is allowed here: the server's owner names one with --root.",
    )


def _check_source(order: Order, roots: Sequence[Path]) -> str:
    """The link or file as a run is given it; of an upload, its title."""
    if order.upload:
        return order.title or "video"
    source = order.source.strip()
    if not source:
        raise UsageError("no video was named", "Give a link, a path or an upload as its source.")
    if is_link(source):
        return check_link(source)
    if video := find_by_hash(source):
        return video.source
    path = find_allowed(source, roots)
    if not path.is_file():
        raise UsageError(f"{source!r} is no file", "Name a video.")
    return str(path)


def find_by_hash(name: str) -> LibraryVideo | None:
    """The video of the library whose SHA-256 is that, or alone begins so."""
    if len(name) < LEAST_LETTERS or not all(letter in "0123456789abcdef" for letter in name):
        return None
    with Store(store_path()) as store:
        found = [video for video in list_videos(store) if video.sha256.startswith(name)]
    return found[0] if len(found) == 1 else None


def find_library_videos(names: Sequence[str]) -> list[LibraryVideo]:
    """The videos of the library of these names, titles, links or hashes; all, without a name.

    UsageError for one that is not there.
    """
    with Store(store_path()) as store:
        known = list_videos(store)
    if not known:
        raise UsageError("there is no video in the library yet", "Summarise one first.")
    return list(dict.fromkeys(_find_named(name, known) for name in names)) or known


def _find_named(name: str, known: Sequence[LibraryVideo]) -> LibraryVideo:
    named = [v for v in known if name in (v.name, v.source)]
    if not named and len(name) >= LEAST_LETTERS:
        named = [v for v in known if v.sha256.startswith(name)]
    if len(named) == 1:
        return named[0]
    if named:
        raise UsageError(
            f"{len(named)} videos are called {name!r}", "Name one by the start of its SHA-256."
        )
    raise UsageError(
        f"there is no video {name!r} in the library", "List its videos, or go through it first."
    )


def check_stretch(start: float, end: float) -> None:
    """UsageError unless they are a stretch of a video that can be looked at."""
    check_span(start, end)
    if end - start > MOST_LOOK_SECONDS:
        raise UsageError(
            f"{end - start:g} seconds are too long a stretch to look at",
            f"Name {MOST_LOOK_SECONDS:g} seconds at most, or summarise the video.",
        )


def check_span(start: float, end: float) -> None:
    """UsageError unless the second is a later time than the first, in seconds."""
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise UsageError(
            f"from {start:g} to {end:g} seconds is no stretch of a video",
            "Give the second at which it starts, and a later one at which it ends.",
        )


def _check_notify(link: str, settings: Settings) -> str:
    """The link that is told when the run ends; LinkError for one that may not be."""
    if not link:
        return ""
    checked = check_link(link)
    host = urlsplit(checked).hostname or ""
    if tells_private(host) and not settings.allow_private_addresses:
        raise LinkError(
            f"the link to notify leads to a private address: {host}",
            "Name a host that is public.",
            "private_address",
        )
    return checked


def _is_light(kind: Kind, settings: Settings) -> bool:
    """Whether the run loads no model into its process."""
    if kind == "look":
        names = [name_looker(settings)]
    elif kind == "ask":
        settings = name_answerer(settings)
        writer = name_writer(settings, None)[0]
        names = [writer, name_other_judge(settings, writer)]
        names += [name_looker(settings)] if writer != DIGEST else []
    else:
        return False
    return not any(name.partition(":")[0] in LOADED for name in names)
