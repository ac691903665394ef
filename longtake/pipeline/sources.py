"""What the user names, a file or a link, as a file that is here.

The one caller of `links`: what follows knows files alone.
"""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from longtake.links.addresses import check_link, is_link
from longtake.links.fetch import Loaded, MediaNeeds, fetch
from longtake.records import Scan, Steps, Video
from longtake.settings import Settings
from longtake.store import Store
from longtake.video.probe import Index, probe
from longtake.video.scan import scan, scan_as_json, scan_from_json, scan_key
from longtake.video.source import check_file, hash_file
from longtake.words.screen import READ_SIDE

MOST_NAME = 60
"""Characters of a file's name that its folder takes over."""

Source = str | Path | Loaded


def check_source(source: str | Path) -> None:
    """LinkError or SourceError for what can be known of it without a look at the network."""
    if is_link(str(source)):
        check_link(str(source))
    else:
        check_file(source)


def make_wish(settings: Settings, side: int) -> MediaNeeds:
    """What a run needs of a link's video; `side` is what its engine looks at, in pixels.

    Text in the pictures is read in more.
    """
    side = settings.frame_side or side
    if settings.read_text != "off":
        side = max(side, READ_SIDE)
    return MediaNeeds(side, sound=settings.speech != "off", captions=settings.subtitles == "auto")


def bring(source: Source, settings: Settings, wish: MediaNeeds) -> Steps[Loaded]:
    """The file behind a source, loaded where it is a link to one that is not here yet."""
    if isinstance(source, Loaded):
        return source
    if not is_link(str(source)):
        return Loaded(check_file(source))
    return (yield from fetch(str(source), settings, wish))


def look_at(loaded: Loaded, store: Store) -> Steps[tuple[Video, Index, Scan]]:
    """What a file is and what it looks like; what the store knows of it is not done again."""
    video, index = yield from open_video(loaded)
    if kept := store.get_scan(scan_key(video)):
        return video, index, scan_from_json(kept)
    seen = yield from scan(video, index)
    store.put_scan(scan_key(video), scan_as_json(seen))
    return video, index, seen


def open_video(loaded: Loaded) -> Steps[tuple[Video, Index]]:
    """What a file is, and what its site says of it."""
    sha256 = yield from hash_file(loaded.path)
    video, index = probe(loaded.path, sha256)
    told = replace(
        video,
        title=loaded.title,
        link=loaded.link,
        captions=loaded.captions,
        captions_source=loaded.captions_source,
    )
    return told, index


def default_folder(video: Video) -> Path:
    """Told apart by name and content; of a link, only the host's name is taken."""
    name = urlsplit(video.link).hostname or "link" if video.link else video.path.name
    name = re.sub(r"[^\w.\- ]", "_", name)[:MOST_NAME]
    return Path("longtake-out") / f"{name}-{video.sha256[:8]}"
