"""What the user names, a file or a link, as a file that is here.

The one caller of `links`: what follows knows files alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from longtake import report
from longtake.errors import SourceError, UsageError
from longtake.links import cache
from longtake.links.addresses import Link, check_link, is_link
from longtake.links.download import download
from longtake.links.plan import MediaNeeds
from longtake.records import Scan, SourceFile, Steps, Video
from longtake.settings import Settings, list_addresses, list_group
from longtake.store import Store
from longtake.text.untrusted import hide_secrets
from longtake.video.probe import Index, check_pictures, probe
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import KnownFile, check_file, hash_file
from longtake.words.screen import READ_SIDE

EARLY_BYTES = 1 << 28
"""A larger file is opened before it is hashed, so that what is no video is told at once."""
MOST_NAME = 60
"""Characters of a file's or a video's name that its folder takes over."""

OF_DESCRIPTIONS = ("describing", "chunks", "context", "words")
SHAPED_BY = {
    **dict.fromkeys(report.OF_SUMMARY, ("summary",)),
    **dict.fromkeys(report.OF_OVERVIEW, ("chunks",)),
    **dict.fromkeys(report.OF_TRANSCRIPT, ("words",)),
    **dict.fromkeys(report.OF_COMPARISON, (*OF_DESCRIPTIONS, "summary")),
}
"""The groups of settings that shape a file, where it is not the descriptions."""
OF_SERVERS = ("base_url", "reconciler_base_url", "ollama_url")
"""Settings that shape every file: other servers have other models."""

Source = str | Path | Link | SourceFile


def check_source(source: Source) -> Link | SourceFile:
    """The source as it is carried on; what was checked before is not checked again.

    LinkError or SourceError for what can be known of it without a look at the network.
    """
    if isinstance(source, Link | SourceFile):
        return source
    if str(source) == "-":
        raise UsageError(
            "a video can't be read from standard input: it is read at several places at once",
            "Save it to a file, and name that.",
        )
    return check_link(str(source)) if is_link(str(source)) else SourceFile(check_file(source))


def choose_needs(settings: Settings, side: int) -> MediaNeeds:
    """What a run needs of a link's video; `side` is what its engine looks at, in pixels.

    Text in the pictures is read in more.
    """
    side = settings.frame_side or side
    if settings.read_text != "off":
        side = max(side, READ_SIDE)
    return MediaNeeds(side, sound=settings.speech != "off", captions=settings.subtitles == "auto")


def bring(source: Source, settings: Settings, needs: MediaNeeds) -> Steps[SourceFile]:
    """The file behind a source, loaded where it is a link to one that is not here yet."""
    checked = check_source(source)
    if isinstance(checked, SourceFile):
        return checked
    return (yield from download(checked, settings, needs))


def find_file(source: str) -> Path:
    """The file of a video that was gone through, without a look at the network; SourceError."""
    if not is_link(source):
        return check_file(source)
    if kept := cache.find(source):
        return kept.path
    raise SourceError(
        "what came by its link is not kept any more", "Go through the link again, then ask."
    )


def look_at(source: SourceFile, store: Store) -> Steps[tuple[Video, Index, Scan]]:
    """What a file is and what it looks like; what the store knows of it is not done again."""
    video, index = yield from open_video(source)
    if known := _recall_scan(video, store):
        return video, index, known
    found = yield from scan(video, index)
    index.check_file()
    store.put_scan(scan_key(video), scan_as_json(found))
    return video, index, found


def _recall_scan(video: Video, store: Store) -> Scan | None:
    """What the store keeps, where it is whole and of all that can be read."""
    kept = store.get_scan(scan_key(video))
    try:
        known = scan_from_json(kept) if kept else None
    except ValueError:
        return None
    # An older release may have read less, or more, of a file whose clock jumps.
    fits = known and known.shots and known.shots[-1].span.end == video.readable
    return known if fits else None


def open_video(source: SourceFile) -> Steps[tuple[Video, Index]]:
    """What a file is, and what its site says of it."""
    file = KnownFile(source.path)
    if file.size > EARLY_BYTES:
        check_pictures(source.path)
    file.sha256 = yield from hash_file(source.path)
    video, index = probe(source.path, file.sha256)
    file.check()
    return replace(video, **vars(source)), replace(index, file=file)


def open_folder(
    video: Video,
    settings: Settings,
    names: Sequence[str],
    arms: Mapping[str, Settings] | None = None,
) -> report.ResultFolder:
    """The folder for these files of a video, by default called as it is.

    `arms` are the settings of a comparison's.
    """
    name = video.title if video.link else video.path.stem
    if video.link and not name:
        name = urlsplit(video.link).hostname or ""
    wanted = Path(settings.out or f"longtake-out/{name_folder(name)}")
    made = list_made_with(settings, names)
    if arms:
        of_arms = {arm: list_made_with(own, names) for arm, own in arms.items()}
        made = {name: {arm: own[name] for arm, own in of_arms.items()} for name in names}
    return report.ResultFolder(wanted, video.sha256, made)


def name_folder(name: str) -> str:
    """What the folder for a video of that name is called."""
    return re.sub(r"[^\w.\- ]", "_", name).strip(" .")[:MOST_NAME].strip() or "video"


def list_made_with(settings: Settings, names: Sequence[str]) -> dict[str, report.MadeWith]:
    """What each of these files is made with: the settings that shape it and aren't defaults."""
    return {name: _list_changed(settings, SHAPED_BY.get(name, OF_DESCRIPTIONS)) for name in names}


def _list_changed(settings: Settings, groups: Sequence[str]) -> report.MadeWith:
    names = (*list_group(*groups), *OF_SERVERS)
    return {
        name: _show_first(str(value)) if name in OF_SERVERS else value
        for name in names
        if (value := getattr(settings, name)) != getattr(Settings, name)
    }


def _show_first(addresses: str) -> str:
    """Of several servers the first, as in an answer's key: the others are more of the same."""
    return hide_secrets(next(iter(list_addresses(addresses)), ""))
