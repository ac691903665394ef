"""What a site says of a link, before anything is loaded: a video's facts, a playlist's videos."""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin

from longtake.errors import LinkError
from longtake.links.addresses import Link, check_link, is_link
from longtake.links.choose_formats import Info, number
from longtake.links.failures import make_error
from longtake.links.plan import MediaNeeds, plan_download, read_title
from longtake.links.process import Ask, open_loader
from longtake.settings import Settings
from longtake.text.untrusted import one_line


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


def look(link: Link, settings: Settings, needs: MediaNeeds) -> LinkFacts:
    """What the site says; nothing is loaded. LinkError also where it is more than may be loaded."""
    with open_loader(link, settings) as ask:
        info = _ask_for_one(link, ask)
    site = one_line(str(info.get("extractor_key") or ""))
    if entries := _list_videos(info):
        return LinkFacts(link, site, read_title(info), entries=entries)
    plan = plan_download(info, settings, needs)
    return LinkFacts(
        link,
        "" if site == "Generic" else site,
        plan.title,
        number(info.get("duration")) or None,
        plan.choice.bytes,
        plan.captions.source if plan.captions else "",
    )


def list_playlist(link: Link, settings: Settings) -> tuple[PlaylistItem, ...]:
    """The videos of a playlist in its order; the link itself where it is none."""
    with open_loader(link, settings) as ask:
        info = _ask_site(link, ask, playlist=True)
    return _list_videos(info) or (PlaylistItem(link, read_title(info)),)


def ask_for_video(link: Link, ask: Ask) -> Info:
    """What the site says of the one video there; LinkError where there are several."""
    info = _ask_for_one(link, ask)
    if entries := _list_videos(info):
        raise LinkError(
            f"the link is a playlist of {len(entries)} videos: {read_title(info)}",
            "Name one video of it; or take all of them, one after the other, with --playlist.",
            "playlist",
        )
    return info


def _ask_for_one(link: str, ask: Ask) -> Info:
    """What the site says of the video there; of a playlist's, where that has but one."""
    info = _ask_site(link, ask)
    entries = _list_videos(info)
    return _ask_site(check_link(entries[0].link), ask) if len(entries) == 1 else info


def _ask_site(link: str, ask: Ask, *, playlist: bool = False) -> Info:
    *_, last = ask({"do": "look", "link": link, "playlist": playlist})
    found = last.get("done")
    if not isinstance(found, dict):
        raise make_error("not_a_video")
    return found


def _list_videos(info: Info) -> tuple[PlaylistItem, ...]:
    """A playlist's videos; the addresses are checked when each is loaded."""
    if info.get("_type") not in ("playlist", "multi_video"):
        return ()
    found = []
    for entry in info.get("entries") or ():
        if isinstance(entry, dict) and (address := _find_address(entry, info)):
            found.append(PlaylistItem(address, read_title(entry) or one_line(address)))
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
