"""A link in, a file in the cache out.

Everything comes by yt-dlp in a process of its own (`loader`), through the guard alone.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from longtake.errors import LinkError, LongtakeError, SourceError
from longtake.links import cache
from longtake.links.addresses import Link
from longtake.links.choose_formats import Info, choose_formats
from longtake.links.failures import check_size, make_error
from longtake.links.metadata import ask_for_video
from longtake.links.plan import DownloadPlan, MediaNeeds, make_mark, plan_download
from longtake.links.process import Ask, open_loader
from longtake.machine import free_disk
from longtake.records import Progress, SourceFile, Steps
from longtake.settings import Settings
from longtake.text.untrusted import one_line
from longtake.timecode import format_time
from longtake.video.mux import join_streams, plays_in_browsers
from longtake.video.probe import probe

LOG = logging.getLogger("longtake")

OFFLINE = ("no_network", "name_not_found", "unreachable", "timed_out", "too_slow")
"""Kinds of failures with which what is in the cache is still of use."""
SPARE_BYTES = 200_000_000
"""Room on the disk that is left alone."""


def download(link: Link, settings: Settings, needs: MediaNeeds) -> Steps[SourceFile]:
    """The video behind a link, loaded unless it is here; what came before a break is gone on with.

    LinkError says what stands in the way, and what to do.
    """
    kept = cache.find(link)
    yield Progress("load", 0, 0, f"asking {urlsplit(link).hostname}")
    with open_loader(link, settings) as ask:
        try:
            info = ask_for_video(link, ask)
        except LinkError as error:
            if not (kept and _serves(kept, needs) and error.kind in OFFLINE):
                raise
            LOG.info("%s: the copy in the cache is used", error.message)
            return _as_source(link, kept)
        plan = plan_download(info, settings, needs)
        if kept and _is_of(kept, info, needs):
            LOG.info("%s is in the cache", plan.title or one_line(link))
            return _as_source(link, kept)
        if cache.is_loading(link):
            yield Progress("load", 0, 0, "another run is loading it; waiting for that one")
        try:
            with cache.open_part(link) as folder:
                other = cache.find(link)  # another run may have loaded it while this one waited
                if not (other and other != kept and _is_of(other, info, needs)):
                    other = yield from _load(link, plan, settings, folder, ask)
        finally:
            cache.trim(settings.cache_bytes)
    return _as_source(link, other)


def _as_source(link: Link, kept: cache.CachedFile) -> SourceFile:
    return SourceFile(
        kept.path,
        title=kept.title,
        link=link,
        captions=kept.captions_path,
        captions_source=kept.captions_source,
    )


def _is_of(kept: cache.CachedFile, info: Info, needs: MediaNeeds) -> bool:
    """Whether it serves, and is what would come again for the needs for which it came."""
    choice = choose_formats(info, kept.side, sound=kept.sound) if _serves(kept, needs) else None
    return choice is not None and kept.mark == make_mark(info, choice) != ""


def _serves(kept: cache.CachedFile, needs: MediaNeeds) -> bool:
    return kept.side >= needs.side and (kept.sound or not needs.sound)


def _load(
    link: Link, plan: DownloadPlan, settings: Settings, folder: Path, ask: Ask
) -> Steps[cache.CachedFile]:
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
            yield from _say_progress(steps, plan, before, settings)
        before += part.stat().st_size
    captions = _load_captions(plan, folder, ask)
    yield Progress("load", before, before, "putting picture and sound together")
    video, suffix = _put_together(parts, folder)
    entry = cache.CachedFile(
        suffix,
        0,
        plan.mark,
        plan.title,
        plan.needs.side,
        plan.needs.sound,
        captions_source=plan.captions.source if plan.captions and captions else "",
    )
    kept = cache.keep(link, video, entry, captions)
    cache.drop_part(folder)
    return kept


def _keep_only(folder: Path, mark: str) -> None:
    """What came of another version of the file is of no use for this one."""
    kept = folder / "mark"
    with cache.mapped_errors():
        known = kept.read_text(encoding="utf-8", errors="replace") if kept.exists() else ""
        if not mark or known != mark:
            cache.drop_part(folder)
            kept.write_text(mark, encoding="utf-8")


def _check_room(folder: Path, needed: int) -> None:
    free = free_disk(folder)
    if free < needed + SPARE_BYTES:
        raise make_error(
            "no_room", f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} are free"
        )


def _say_progress(
    steps: Iterator[Mapping[str, Any]], plan: DownloadPlan, before: int, settings: Settings
) -> Iterator[Progress]:
    """What has come, how fast, and how long it will still take."""
    for step in steps:
        if "bytes" not in step:
            continue
        done = before + step["bytes"]
        total = max(plan.choice.bytes or 0, before + step["of"])
        check_size(max(done, total if step["of"] else 0), settings.max_bytes)
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


def _load_captions(plan: DownloadPlan, folder: Path, ask: Ask) -> Path | None:
    """The file of captions; None with a note where they can't be had."""
    if plan.captions is None:
        return None
    asked = {"do": "captions", "info": plan.info, "captions": plan.captions.form}
    try:
        *_, last = ask({**asked, **_place(folder / "captions")})
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
