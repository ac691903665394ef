"""What to load of what a site has, where it may be loaded; loads nothing."""

import json
from dataclasses import dataclass

from longtake.errors import LinkError
from longtake.links.choose_formats import (
    CaptionTrack,
    Formats,
    Info,
    choose_captions,
    choose_formats,
    number,
)
from longtake.links.failures import check_size, make_error
from longtake.settings import Settings
from longtake.text.untrusted import one_line
from longtake.timecode import format_time

MOST_TITLE = 300


@dataclass(frozen=True)
class MediaNeeds:
    """What is needed: the longest side in pixels, sound or not, captions or not."""

    side: int
    sound: bool
    captions: bool


@dataclass(frozen=True)
class DownloadPlan:
    """What is going to be loaded, of what; `mark` tells this version of the file from the next."""

    info: Info
    title: str
    needs: MediaNeeds
    choice: Formats
    captions: CaptionTrack | None
    mark: str


def plan_download(info: Info, settings: Settings, needs: MediaNeeds) -> DownloadPlan:
    """What to load of a video; LinkError where there is nothing, or more than may be loaded."""
    title = read_title(info)
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
    choice = choose_formats(info, needs.side, sound=needs.sound)
    if choice is None:
        raise make_error("drm" if info.get("_has_drm") else "not_a_video", title)
    check_size(choice.bytes or 0, settings.max_bytes)
    captions = choose_captions(info) if needs.captions else None
    return DownloadPlan(info, title, needs, choice, captions, make_mark(info, choice))


def make_mark(info: Info, choice: Formats) -> str:
    """What tells one version of a file from the next: all that the site says of these formats.

    Empty where that is nothing: what came of it before may be another file.
    """
    facts = [
        [form.get(name) for name in ("format_id", "filesize", "tbr", "longtake_marks")]
        for form in choice.formats
    ]
    protocol = str(choice.formats[0].get("protocol"))
    plain = info.get("extractor_key") == "Generic" and "http" in protocol
    if plain and not (facts[0][1] or any(facts[0][3] or ())):
        return ""
    return json.dumps([info.get("extractor_key"), info.get("id"), info.get("duration"), facts])


def read_title(info: Info) -> str:
    """What the site calls it, in one line that is not too long."""
    return one_line(str(info.get("title") or ""))[:MOST_TITLE]
