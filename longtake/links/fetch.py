"""A link in, a file in the cache out; what a site says before anything is loaded.

Everything comes by yt-dlp in a process of its own (`loader`), through the guard alone.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from longtake.errors import LinkError, LongtakeError, SourceError, UsageError
from longtake.links import cache
from longtake.links.addresses import check_link, is_link
from longtake.links.choose import (
    CaptionTrack,
    Formats,
    Info,
    choose_captions,
    choose_formats,
    number,
)
from longtake.links.failures import classify, make_error
from longtake.links.guard import Guard, open_guard
from longtake.machine import free_disk
from longtake.records import Progress
from longtake.settings import Settings
from longtake.text.safe import one_line
from longtake.timecode import format_time
from longtake.video.mux import join_streams, plays_in_browsers
from longtake.video.probe import probe

LOG = logging.getLogger("longtake")

Ask = Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]
"""Gives a request to the loader, and its lines as they come; the last one holds `done`."""

SITE_SECONDS = 20.0
"""How long a site may be silent."""
MOST_TITLE = 300
COOKIES = "Export them from your browser as a cookies.txt, Netscape's form, and name that file."
OFFLINE = ("no_network", "name_not_found", "unreachable", "timed_out")
"""Kinds of failures with which what is in the cache is still of use."""
END_SECONDS = 3.0
SPARE_BYTES = 200_000_000
"""Room on the disk that is left alone."""


@dataclass(frozen=True)
class MediaNeeds:
    """What is needed: the longest side in pixels, sound or not, captions or not."""

    side: int
    sound: bool
    captions: bool


@dataclass(frozen=True)
class PlaylistItem:
    """One video of a playlist."""

    link: str
    title: str


@dataclass(frozen=True)
class LinkFacts:
    """What a site says of a link; `bytes` is what would be loaded, `captions` says what there is.

    `duration` (seconds) and `bytes` are None where it does not say. A playlist has entries alone.
    """

    link: str
    site: str
    title: str
    duration: float | None = None
    bytes: int | None = None
    captions: str = ""
    entries: tuple[PlaylistItem, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A file that is here, and what its site said of it."""

    path: Path
    title: str = ""
    link: str = ""
    captions: Path | None = None
    captions_source: str = ""


@dataclass(frozen=True)
class _Download:
    """What is going to be loaded, of what."""

    info: Info
    title: str
    choice: Formats
    captions: CaptionTrack | None
    mark: str


def look(link: str, settings: Settings, wish: MediaNeeds) -> LinkFacts:
    """What the site says; nothing is loaded. LinkError also where it is more than may be loaded."""
    link = check_link(link)
    with _open_loader(settings) as ask:
        info = _ask_for_one(link, ask)
    site = one_line(str(info.get("extractor_key") or ""))
    title = _title(info)
    if entries := _entries(info):
        return LinkFacts(link, site, title, entries=entries)
    plan = _plan(info, settings, wish)
    return LinkFacts(
        link,
        "" if site == "Generic" else site,
        plan.title,
        number(info.get("duration")) or None,
        plan.choice.bytes,
        plan.captions.source if plan.captions else "",
    )


def list_entries(link: str, settings: Settings) -> tuple[PlaylistItem, ...]:
    """The videos of a playlist in its order; the link itself where it is none."""
    link = check_link(link)
    with _open_loader(settings) as ask:
        info = _ask_site(link, ask, playlist=True)
    return _entries(info) or (PlaylistItem(link, _title(info)),)


def fetch(link: str, settings: Settings, wish: MediaNeeds) -> Generator[Progress, None, Loaded]:
    """The video behind a link, loaded unless it is here; what came before a break is gone on with.

    LinkError says what stands in the way, and what to do.
    """
    link = check_link(link)
    kept = cache.find(link)
    yield Progress("load", 0, 0, f"asking {urlsplit(link).hostname}")
    with _open_loader(settings) as ask:
        try:
            info = _ask_for_one(link, ask)
        except LinkError as error:
            if not (kept and _serves(kept, wish) and error.kind in OFFLINE):
                raise
            LOG.info("%s: the copy in the cache is used", error.message)
            return _as_loaded(link, kept)
        plan = _plan(info, settings, wish)
        if kept and _is_of(kept, info, wish):
            LOG.info("%s is in the cache", plan.title or one_line(link))
            return _as_loaded(link, kept)
        if cache.is_loading(link):
            yield Progress("load", 0, 0, "another run is loading it; waiting for that one")
        try:
            with cache.open_part(link) as folder:
                other = cache.find(link)  # another run may have loaded it while this one waited
                if not (other and other != kept and _is_of(other, info, wish)):
                    other = yield from _load(link, plan, settings, wish, folder, ask)
        finally:
            cache.trim(settings.cache_bytes)
    return _as_loaded(link, other)


def _as_loaded(link: str, kept: cache.CachedFile) -> Loaded:
    return Loaded(kept.path, kept.title, link, kept.captions_path, kept.captions_source)


def _is_of(kept: cache.CachedFile, info: Info, wish: MediaNeeds) -> bool:
    """Whether it serves, and is what would come again for the wish for which it came."""
    choice = choose_formats(info, kept.side, sound=kept.sound) if _serves(kept, wish) else None
    return choice is not None and kept.mark == _mark(info, choice) != ""


def _serves(kept: cache.CachedFile, wish: MediaNeeds) -> bool:
    return kept.side >= wish.side and (kept.sound or not wish.sound)


# --- what the site says -----------------------------------------------------------------------


def _ask_site(link: str, ask: Ask, *, playlist: bool = False) -> Info:
    *_, last = ask({"do": "look", "link": link, "playlist": playlist})
    found = last.get("done")
    if not isinstance(found, dict):
        raise make_error("not_a_video")
    return found


def _ask_for_one(link: str, ask: Ask) -> Info:
    """What the site says of the video there; of a playlist's, where that has but one."""
    info = _ask_site(link, ask)
    entries = _entries(info)
    return _ask_site(check_link(entries[0].link), ask) if len(entries) == 1 else info


def _title(info: Info) -> str:
    return one_line(str(info.get("title") or ""))[:MOST_TITLE]


def _entries(info: Info) -> tuple[PlaylistItem, ...]:
    """A playlist's videos; the addresses are checked when each is loaded."""
    if info.get("_type") not in ("playlist", "multi_video"):
        return ()
    found = []
    for entry in info.get("entries") or ():
        if isinstance(entry, dict) and (address := _find_address(entry, info)):
            found.append(PlaylistItem(address, _title(entry) or one_line(address)))
    if not found:
        raise make_error("not_a_video", "the playlist is empty")
    return tuple(found)


def _find_address(entry: Info, info: Info) -> str:
    """Its own page, or its file, where it stands in the playlist's page itself.

    Always a link, if perhaps a forbidden one: what a site lists is never the name of a file here.
    """
    page = entry.get("webpage_url")
    if page == info.get("webpage_url"):
        page = next((form.get("url") for form in reversed(entry.get("formats") or ())), "")
    with suppress(ValueError):
        found = urljoin(str(info.get("webpage_url") or ""), str(entry.get("url") or page or ""))
        return found if is_link(found) else ""
    return ""


def _say_playlist(info: Info) -> LinkError:
    count = len(_entries(info))
    return LinkError(
        f"the link is a playlist of {count} videos: {_title(info)}",
        "Name one video of it; or take all of them, one after the other, with --playlist.",
        "playlist",
    )


def _plan(info: Info, settings: Settings, wish: MediaNeeds) -> _Download:
    """What to load of what the site has, where it may be loaded."""
    if _entries(info):
        raise _say_playlist(info)
    title = _title(info)
    status = info.get("live_status")
    if status == "is_upcoming":
        raise make_error("upcoming", title)
    if status == "is_live" or info.get("is_live"):
        raise make_error("live", title)
    seconds = number(info.get("duration"))
    if settings.max_duration and seconds > settings.max_duration:
        raise LinkError(
            f"the video is {format_time(seconds)} long, and --max-duration allows"
            f" {format_time(settings.max_duration)}",
            f"To load it all the same: --max-duration {seconds:.0f} (0: no limit).",
            "too_long",
        )
    choice = choose_formats(info, wish.side, sound=wish.sound)
    if choice is None:
        raise make_error("drm" if info.get("_has_drm") else "not_a_video", title)
    _check_size(choice.bytes or 0, settings.max_bytes)
    captions = choose_captions(info) if wish.captions else None
    return _Download(info, title, choice, captions, _mark(info, choice))


def _check_size(count: int, most: int) -> None:
    if most and count > most:
        raise LinkError(
            f"the video is {count / 1e6:,.1f} MB large; --max-bytes allows {most / 1e6:,.1f} MB",
            f"To load it all the same: --max-bytes {count} (0: no limit).",
            "too_large",
        )


def _mark(info: Info, choice: Formats) -> str:
    """What tells one version of a file from the next: all that the site says of these formats.

    Empty where that is nothing: what came of it before may be another file.
    """
    facts = [
        [form.get(name) for name in ("format_id", "filesize", "tbr", "longtake_marks")]
        for form in choice.formats
    ]
    plain = info.get("extractor_key") == "Generic" and "http" in str(
        choice.formats[0].get("protocol")
    )
    if plain and not (facts[0][1] or any(facts[0][3] or ())):
        return ""
    return json.dumps([info.get("extractor_key"), info.get("id"), info.get("duration"), facts])


# --- loading ----------------------------------------------------------------------------------


def _load(
    link: str, plan: _Download, settings: Settings, wish: MediaNeeds, folder: Path, ask: Ask
) -> Generator[Progress, None, cache.CachedFile]:
    """The parts, put together where they came apart, and the captions; all of it in the cache."""
    _keep_only(folder, plan.mark)
    _check_room(folder, plan.choice.bytes or 0)
    size = f", {plan.choice.bytes / 1e6:,.1f} MB" if plan.choice.bytes else ""
    LOG.info("loading %s%s", plan.title or link, size)
    parts = [folder / f"part{place}" for place in range(len(plan.choice.formats))]
    before = 0
    for part, form in zip(parts, plan.choice.formats, strict=True):
        if not part.exists():
            steps = ask({"do": "load", "info": plan.info, "format": form, **_place(part)})
            yield from _tell(steps, plan, before, settings)
        before += part.stat().st_size
    captions = _load_captions(plan, folder, ask)
    yield Progress("load", before, before, "putting picture and sound together")
    video, suffix = _put_together(parts, folder)
    entry = cache.CachedFile(
        suffix,
        0,
        plan.mark,
        plan.title,
        wish.side,
        wish.sound,
        captions_source=plan.captions.source if plan.captions and captions else "",
    )
    kept = cache.keep(link, video, entry, captions)
    cache.drop_part(folder)
    return kept


def _keep_only(folder: Path, mark: str) -> None:
    """What came of another version of the file is of no use for this one."""
    told = folder / "mark"
    with cache.mapped_errors():
        if (
            not mark
            or not told.exists()
            or told.read_text(encoding="utf-8", errors="replace") != mark
        ):
            cache.drop_part(folder)
            told.write_text(mark, encoding="utf-8")


def _check_room(folder: Path, needed: int) -> None:
    free = free_disk(folder)
    if free < needed + SPARE_BYTES:
        raise make_error(
            "no_room", f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} are free"
        )


def _tell(
    steps: Iterator[Mapping[str, Any]], plan: _Download, before: int, settings: Settings
) -> Iterator[Progress]:
    """What has come, how fast, and how long it will still take."""
    for step in steps:
        if "bytes" not in step:
            continue
        done = before + step["bytes"]
        total = max(plan.choice.bytes or 0, before + step["of"])
        _check_size(max(done, total if step["of"] else 0), settings.max_bytes)
        yield Progress("load", done, max(total, done), _say_pace(plan.title, done, total, step))


def _say_pace(title: str, done: int, total: int, step: Mapping[str, Any]) -> str:
    speed = float(step.get("speed") or 0)
    words = [f"loading {title}".strip()]
    words.append(f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB")
    if speed:
        words.append(f"{speed / 1e6:.1f} MB/s")
        if total > done:
            words.append(f"{format_time((total - done) / speed)} left")
    return ", ".join(words)


def _load_captions(plan: _Download, folder: Path, ask: Ask) -> Path | None:
    """The file of captions; None with a note where they can't be had."""
    if plan.captions is None:
        return None
    asked = {
        "do": "captions",
        "info": plan.info,
        "captions": plan.captions.form,
        **_place(folder / "captions"),
    }
    try:
        *_, last = ask(asked)
    except LongtakeError as error:
        LOG.info("%s could not be loaded: %s", plan.captions.source, error.message)
        return None
    path = folder / Path(last["done"]["name"]).name
    return path if path.is_file() else None


def _place(path: Path) -> dict[str, str]:
    """Where to write, as the loader takes it."""
    return {"folder": str(path.parent.absolute()), "out": path.name}


def _put_together(parts: Sequence[Path], folder: Path) -> tuple[Path, str]:
    """One file that players take, checked to be a video, and its suffix."""
    try:
        probe(parts[0], "")
        if len(parts) == 1 and plays_in_browsers(parts[0]):
            return parts[0], ".mp4"
        joined = folder / "joined.mp4"
        try:
            join_streams(parts, joined)
            return joined, ".mp4"
        except SourceError:
            if len(parts) > 1:
                raise
            return parts[0], ".mkv"  # as it came: pictures can be read, if not played
    except SourceError as error:
        cache.drop_part(folder)
        raise make_error("not_a_video", error.message.replace(str(parts[0]), "the file")) from error


# --- the loader -------------------------------------------------------------------------------


@contextmanager
def _open_loader(settings: Settings) -> Iterator[Ask]:
    """A process that takes one request after the other, and ends with this."""
    command = [sys.executable, "-P", "-W", "ignore", "-m", "longtake.links.loader"]
    shared = {
        "cookies": _read_cookies(settings.cookies),
        "cache": str((cache.cache_folder() / "yt-dlp").absolute()),
        "timeout": SITE_SECONDS,
        "max_bytes": settings.max_bytes,
    }
    with (
        open_guard(settings.allow_private_addresses) as guard,
        subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            _write(process, {**shared, "proxy": guard.url})
            yield lambda asked: _ask(process, guard, asked, settings.max_bytes)
        finally:
            _end(process)


def _write(process: subprocess.Popen[bytes], line: Mapping[str, Any]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):  # that it ended is seen where its answer is read
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()


def _read_cookies(name: str) -> str:
    """The user's cookies, as text: yt-dlp would write into the file."""
    try:
        return Path(name).expanduser().read_text(encoding="utf-8") if name else ""
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"--cookies {one_line(name)} can't be read: {why}", COOKIES) from error


def _ask(
    process: subprocess.Popen[bytes], guard: Guard, asked: Mapping[str, Any], most: int
) -> Iterator[Mapping[str, Any]]:
    """What it tells on its way, and its answer as `done`; LinkError for what it failed of."""
    assert process.stdout
    guard.refused.clear()
    guard.failed.clear()
    _write(process, asked)
    for line in process.stdout:
        try:
            told = json.loads(line)
        except ValueError:
            break  # it was ended in the middle of a line
        if "failed" in told:
            _raise_for(told["failed"], guard, most)
        yield told
        if "done" in told:
            return
    raise make_error("broke_off", "the loader ended without a word")


def _raise_for(failed: Mapping[str, Any], guard: Guard, most: int) -> None:
    chain = failed.get("chain", [])
    if chain and "TooLarge" in chain[0].get("kinds", ()):
        _check_size(int(chain[0]["said"].split()[0]), most)
    if any("CookieLoadError" in entry.get("kinds", ()) for entry in chain):
        raise UsageError("the file of --cookies holds no cookies.txt", COOKIES)
    raise classify(failed, guard.refused, guard.failed)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    with suppress(BrokenPipeError):
        process.stdin.close()  # type: ignore[union-attr]
