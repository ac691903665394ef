"""Why no video came from a link, in plain words and with what to do: one table.

What went wrong is told by the classes that yt-dlp raised, by HTTP's status, by what the guard
refused, and only then by a site's own words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from longtake.errors import LinkError
from longtake.installation import say_pip_install
from longtake.text.untrusted import one_line

DOWNLOAD = "Download it in your browser, and name the file."
SIGN_IN = (
    "Sign in to the site in your browser, save its cookies to a file, and name that with --cookies;"
    " or download the video there, and name the file."
)
UPGRADE = say_pip_install("--upgrade", "yt-dlp", "yt-dlp-ejs")
SHOWN = 300
BARE = ("not_a_video", "no_javascript", "unsupported")
"""Kinds that yt-dlp's own words say nothing more of."""
VAGUE = ("sign_in", "not_a_video", "outdated", "busy", "broke_off", "timed_out")
"""Kinds that HTTP's status tells better than words do."""

KINDS: dict[str, tuple[str, str]] = {
    "private": ("the video is private", SIGN_IN),
    "members_only": ("the video is for members or subscribers only", SIGN_IN),
    "age_restricted": ("the site shows the video only to those who prove their age", SIGN_IN),
    "sign_in": ("the site wants a sign-in before it shows the video", SIGN_IN),
    "removed": ("the video is no longer there", "Look for another copy of it."),
    "region": (
        "the video is blocked in the region of this machine",
        "Use it from a network where it may be seen, or name a file of it.",
    ),
    "live": (
        "the video is live and not yet over",
        "Come back when it is over: what is not yet there can't be summarised.",
    ),
    "upcoming": ("the video has not begun yet", "Come back when it is over."),
    "not_a_video": (
        "no video was found there",
        "Open the link in a browser: does a video play there? Copy that page's address; or download"
        " the video, and name the file.",
    ),
    "drm": ("the video is protected against copying (DRM)", "It can't be loaded."),
    "no_network": ("no network: nothing could be reached", "Check the connection, and try again."),
    "name_not_found": ("the host of the link is not known", "Check the link and the network."),
    "unreachable": ("the host of the link does not answer", "Try again later, or check the link."),
    "timed_out": ("the site did not answer in time", "Try again later."),
    "private_address": (
        "the link leads to this machine or to a private network",
        "If you trust it: --allow-private-addresses.",
    ),
    "refused": (
        "the site refuses to give the video",
        f"It may want a sign-in (--cookies FILE), or a newer yt-dlp: {UPGRADE}",
    ),
    "not_found": ("there is nothing at this address", "Check the link."),
    "busy": (
        "the site asks for a pause: too many requests came from here",
        "Try again in some minutes; what was loaded so far is kept.",
    ),
    "site_broken": ("the site has an error of its own", "Try again later."),
    "unsafe": (
        "no safe connection to the site could be made",
        "Check the link, https or http, and the clock of this machine.",
    ),
    "unsupported": ("the video comes as a stream of a kind that can't be loaded here", DOWNLOAD),
    "too_slow": (
        "the site sends so slowly that it would never end",
        "Try again later: it goes on where it stopped.",
    ),
    "too_much": ("the site sends more than a page with a video on it ever has", DOWNLOAD),
    "broke_off": ("the connection broke off", "Run it again: it goes on where it stopped."),
    "no_room": ("the disk has no room for the video", "Free some room, and run it again."),
    "no_javascript": (
        "the site's player wants JavaScript, and Deno is missing here",
        say_pip_install("deno"),
    ),
    "outdated": ("this version of yt-dlp can't read the site", f"Upgrade it: {UPGRADE}"),
}
"""What to say of each kind, and what to do about it."""

_CLASSES = {
    "GeoRestrictedError": "region",
    "UserNotLive": "upcoming",
    "UnsupportedError": "not_a_video",
    "SSLError": "unsafe",
    "CertificateVerifyError": "unsafe",
    "ContentTooShortError": "broke_off",
    "IncompleteRead": "broke_off",
    "MemoryError": "site_broken",
}
_STATUS = {401: "sign_in", 403: "refused", 404: "not_found", 410: "removed", 429: "busy",
           451: "region"}  # fmt: skip

_WORDS = [
    line.split(maxsplit=1)
    for line in r"""
private         private video|(?:video|media|playlist) is private|set to private|private playlist
private         protected by a password|video[- ]password|wrong password|protected tweet
members_only    (?:members|subscribers?|supporters?)[- ]only|join this channel|requires payment
members_only    purchase|rent(?:al)? this|premium (?:members|users|subscri)|paid (?:video|content)
members_only    subscription|(?:available|for|to) (?:members|subscribers|patrons|music premium)
sign_in         not a bot|confirm you.re not
busy            too many requests|rate[- ]?limit
age_restricted  confirm your age|age[- ](?:restrict|verif|gate|check)|inappropriate for some users
age_restricted  age verified|may be inappropriate|adult content|18 ?\+|over 18
region          not available (?:in|from) your (?:country|region|location)
region          geo[- ]?(?:restrict|block)|blocked it in your country|your country
region          not made this video available in
upcoming        premieres? in|will begin in|has not (?:yet )?started|starts? in \d
upcoming        will begin shortly|not yet (?:started|begun|available)|is upcoming|offline
upcoming        is not (?:currently )?live
live            live (?:event|stream) (?:is|has) (?:still|not ended)|still (?:live|being streamed)
drm             \bdrm\b
removed         has been (?:removed|deleted|taken down|terminated)|no longer (?:available|exists)
removed         account (?:has been )?terminated|video (?:was )?(?:removed|deleted)|does not exist
removed         video (?:is )?(?:unavailable|not available)|isn.t available
removed         (?:no such|unknown) video|video (?:was )?not found|copyright (?:claim|grounds)
refused         \bip (?:address )?is (?:likely being )?(?:blocked|unable)|request is rejected
busy            try again later|temporarily unavailable
sign_in         log ?in|sign ?in|registered users|account (?:is )?(?:needed|required)|authenticat
sign_in         logged[- ]in|not authorized|--cookies|use --username|credentials
no_javascript   no supported javascript runtime|javascript runtime
unsupported     ffmpeg (?:could not be found|is not installed)
not_a_video     no (?:valid )?(?:video|media|formats?)[\w ]*(?:found|in)|unsupported url
not_a_video     any data blocks|connection adapters|not contain a video|not have any videos
not_a_video     is not a video
timed_out       timed? ?out
broke_off       giving up after|more expected|connection (?:was )?(?:reset|aborted|broken)
broke_off       remote end closed|without response|fragment \d+ not found
no_room         no space left|disk quota
outdated        unable to extract|signature extraction failed
outdated        n(?:sig)? (?:function|challenge|extraction)
outdated        requested format is not available|failed to (?:parse|decode|extract)
outdated        only images are available
""".strip().splitlines()
]
"""What a site's or yt-dlp's own words tell, the surest first: a kind, and patterns of it."""


def make_error(kind: str, said: str = "") -> LinkError:
    """The error of that kind; `said` is what to add, such as the site's own words."""
    words, hint = KINDS[kind]
    if kind == "outdated":
        words = f"yt-dlp {version('yt-dlp')} can't read the site: it may have changed since"
    return LinkError(f"{words}{f': {said}' if said else ''}", hint, kind)


def check_size(count: int, most: int) -> None:
    """LinkError where a video has more bytes than may be loaded; 0: no limit."""
    if most and count > most:
        raise LinkError(
            f"the video is {count / 1e6:,.1f} MB large; --max-bytes allows {most / 1e6:,.1f} MB",
            f"To load it all the same: --max-bytes {count} (0: no limit).",
            "too_large",
        )


def classify(
    failed: Mapping[str, Any], refused: Sequence[str] = (), unreached: Sequence[str] = ()
) -> LinkError:
    """The error for what the loader told of a failure, and what the guard could not do.

    `refused` are hosts with private addresses, `unreached` those that did not answer and why.
    """
    chain = [entry for entry in failed.get("chain", ()) if isinstance(entry, dict)]
    talk = [_cut(str(line)) for line in failed.get("talk", ())]
    said = [_cut(str(entry.get("said", ""))) for entry in chain]
    if refused:
        return make_error("private_address", one_line(refused[-1]))
    if unreached and any("Refused by Longtake" in line for line in [*said, *talk]):
        return _say_unreached(unreached[-1])
    words = _clean(next(iter([*said[1:2], *said]), ""))  # the first is yt-dlp's wrapping
    if kind := next(_guess(chain, [*said, *talk]), ""):
        bare = kind in BARE or "HTTP Error" in words or "proxy" in words
        return make_error(kind, "" if bare else words)
    return LinkError(
        f"the site gave no video: {words or 'it gave no reason'}",
        f"Try again; if it stays so, yt-dlp {version('yt-dlp')} may no longer know the site:"
        f" {UPGRADE}",
        "unknown",
    )


def _guess(chain: Sequence[Mapping[str, Any]], said: Sequence[str]) -> Iterator[str]:
    """Kinds that it may be, the surest first."""
    kinds = [name for entry in chain for name in entry.get("kinds", ())]
    yield from (_CLASSES[name] for name in kinds if name in _CLASSES)
    words = " ".join(said)
    found = [kind for kind, pattern in _WORDS if re.search(pattern, words, re.IGNORECASE)]
    statuses = [entry["status"] for entry in chain if isinstance(entry.get("status"), int)]
    statuses += [int(status) for status in re.findall(r"HTTP Error (\d{3})", words)]
    if not statuses or (found and found[0] not in VAGUE):
        yield from found
    for status in statuses:
        if status in _STATUS:
            yield _STATUS[status]
        elif status >= 500:
            yield "site_broken"
    yield from found
    if "TransportError" in kinds:
        yield "broke_off"


def _say_unreached(why: str) -> LinkError:
    if re.search(r"temporary failure|unreachable|no route|network is down", why, re.IGNORECASE):
        return make_error("no_network", one_line(why.removeprefix("name ")))
    if why.startswith("name "):
        return make_error("name_not_found", one_line(why.removeprefix("name ").partition(":")[0]))
    return make_error("timed_out" if "timed out" in why else "unreachable", one_line(why))


def _cut(said: str) -> str:
    """A message without what yt-dlp adds to failures that it did not expect."""
    return re.split(r"; please report this issue|\s*\(caused by", one_line(said))[0]


def _clean(said: str) -> str:
    """The site's own words, without yt-dlp's before and after them."""
    text = re.sub(r"^ERROR:\s*", "", said)
    text = re.sub(r"^\[download\] (?:Got error: )?|^\[[^\]]*\]\s*\S+:\s*", "", text)
    text = re.split(r"\.?\s+(?:Use --|See  ?https?://)", text)[0]
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
