"""What the user names, a file or a link, as a file that is here.

The one caller of `links`: what follows knows files alone.
"""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from longtake.links.addresses import Link, check_link, is_link
from longtake.links.download import download
from longtake.links.plan import MediaNeeds
from longtake.records import Scan, SourceFile, Steps, Video
from longtake.report import prepare_folder
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.probe import Index, probe
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import check_file, hash_file
from longtake.words.screen import READ_SIDE

MOST_NAME = 60
"""Characters of a file's name that its folder takes over."""

Source = str | Path | Link | SourceFile


def check_source(source: Source) -> Link | SourceFile:
    """The source as it is carried on; what was checked before is not checked again.

    LinkError or SourceError for what can be known of it without a look at the network.
    """
    if isinstance(source, Link | SourceFile):
        return source
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


def look_at(source: SourceFile, store: Store) -> Steps[tuple[Video, Index, Scan]]:
    """What a file is and what it looks like; what the store knows of it is not done again."""
    video, index = yield from open_video(source)
    if kept := store.get_scan(scan_key(video)):
        return video, index, scan_from_json(kept)
    found = yield from scan(video, index)
    store.put_scan(scan_key(video), scan_as_json(found))
    return video, index, found


def open_video(source: SourceFile) -> Steps[tuple[Video, Index]]:
    """What a file is, and what its site says of it."""
    sha256 = yield from hash_file(source.path)
    video, index = probe(source.path, sha256)
    return replace(video, **vars(source)), index


def open_folder(settings: Settings, video: Video) -> Path:
    """The folder for what a run finds of a video: it can be written to.

    By default it has the video's name and content in its own; of a link, the host's name alone.
    """
    name = urlsplit(video.link).hostname or "link" if video.link else video.path.name
    name = re.sub(r"[^\w.\- ]", "_", name)[:MOST_NAME]
    folder = Path(settings.out or f"longtake-out/{name}-{video.sha256[:8]}")
    prepare_folder(folder)
    return folder
