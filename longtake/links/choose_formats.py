"""Which of a site's formats and captions to load: pure functions of what the site says.

`info` is yt-dlp's, as JSON. Whatever stands there is a stranger's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from longtake.text.untrusted import one_line
from longtake.words.speech.languages import read_language

Info = Mapping[str, Any]

PROTOCOLS = ("http", "https", "m3u8_native", "m3u8", "http_dash_segments", "ism")
"""What yt-dlp loads by itself; others want programs that would go around the guard."""
SPEECH_KBIT = 40.0
"""Sound of less is hard to understand."""
UNFRIENDLY = 1.3
"""So many times the bytes are spent on a format that browsers play."""
FRIENDLY = ("avc", "h264", "vp8", "vp9", "vp09", "av01", "mp4a", "aac", "opus", "vorbis", "mp3")
CAPTION_FORMS = ("vtt", "srt", "ass")
MOST_NUMBER = 1e15


@dataclass(frozen=True)
class Formats:
    """One format to load, or picture and sound apart; `bytes` is what that takes, if known."""

    formats: tuple[Info, ...]
    bytes: int | None


@dataclass(frozen=True)
class CaptionTrack:
    """Captions to load, and in words what they are."""

    form: Info
    source: str


def choose_formats(info: Info, side: int, *, sound: bool) -> Formats | None:
    """The smallest that shows `side` pixels, else the largest there is; None where none is usable.

    With sound where there is any: in one file, or as the smallest sound that speech is clear in.
    """
    usable = [
        form
        for form in _list(info.get("formats"))
        if form.get("url") and form.get("protocol") in PROTOCOLS and not form.get("has_drm")
    ]
    seen = [form for form in usable if form.get("vcodec") != "none"]
    heard = [form for form in usable if form.get("vcodec") == "none" and _has_sound(form)]
    seconds = number(info.get("duration"))
    chosen = _choose_sound(heard, seconds) if sound else None
    options = []
    for form in seen:
        parts = (form,) if not chosen or _has_sound(form) else (form, chosen)
        options.append((parts, _side(form), _bytes(parts, seconds)))
    if sound and any(_has_sound(parts[-1]) for parts, _, _ in options):
        options = [option for option in options if _has_sound(option[0][-1])]
    if not options:
        return None
    known = [option for option in options if option[1]] or options
    most = max(option[1] for option in known)
    enough = [option for option in known if option[1] >= min(side, most)]
    parts, _, size = min(enough, key=lambda option: _rank(*option))
    return Formats(parts, size)


def _rank(parts: Sequence[Info], side: int, size: int | None) -> tuple[Any, ...]:
    """The fewest bytes first; where they are not known, the fewest pixels."""
    friendly = all(_is_friendly(form) for form in parts)
    return (size is None, (size or 0) * (1.0 if friendly else UNFRIENDLY), side, not friendly)


def _choose_sound(heard: Sequence[Info], seconds: float) -> Info | None:
    """The smallest in which speech is clear, in the video's own language before a dubbed one."""

    def rank(form: Info) -> tuple[Any, ...]:
        rate = number(form.get("abr")) or number(form.get("tbr"))
        poor = 0 < rate < SPEECH_KBIT
        own = number(form.get("language_preference"), least=-1e6)
        return (-own, poor, not _is_friendly(form), _bytes((form,), seconds) or 1e18, rate)

    return min(heard, key=rank, default=None)


def _has_sound(form: Info) -> bool:
    """Whether the format has sound, or may have: plain links don't say."""
    return form.get("acodec") != "none"


def _is_friendly(form: Info) -> bool:
    codecs = [str(form.get(name) or "none").lower() for name in ("vcodec", "acodec")]
    return all(codec == "none" or codec.startswith(FRIENDLY) for codec in codecs)


def _side(form: Info) -> int:
    return int(max(number(form.get("width")), number(form.get("height"))))


def _bytes(parts: Sequence[Info], seconds: float) -> int | None:
    """What they take, as the site says or their bit rates tell; None where neither is known."""
    sizes = [
        number(form.get("filesize"))
        or number(form.get("filesize_approx"))
        or number(form.get("tbr")) * 125 * seconds
        for form in parts
    ]
    return round(sum(sizes)) if all(sizes) else None


def choose_captions(info: Info) -> CaptionTrack | None:
    """Those that people wrote, in the video's language, English or the first there are.

    Of automatic ones only those of what was said: never a machine's translation.
    """
    own = read_language(str(info.get("language") or ""))
    human = _readable(info.get("subtitles"))

    def rank(key: str) -> tuple[bool, bool]:
        base = _base(key)
        return not own or base != _base(own), base != "en"

    if human:
        key = min(human, key=rank)
        return _captions(key, human[key], "captions published with the video")
    automatic = _readable(info.get("automatic_captions"))
    key = _find_spoken(automatic, own)
    if key:
        return _captions(key, automatic[key], "automatic captions of the site")
    return None


def _find_spoken(automatic: Mapping[str, Info], own: str) -> str:
    """The key of what was said, where that can be told."""
    spoken = [key for key in automatic if key.endswith("-orig")]
    if not spoken and own:
        spoken = [key for key in automatic if _base(key) == _base(own)]
    if not spoken and len(automatic) == 1:
        spoken = list(automatic)
    return spoken[0] if spoken else ""


def _base(key: str) -> str:
    return read_language(key.removesuffix("-orig")).partition("-")[0] or key.partition("-")[0]


def _readable(found: object) -> dict[str, Info]:
    """By language, the form of captions that can be read here."""
    readable = {}
    for key, forms in found.items() if isinstance(found, dict) else ():
        usable = [f for f in _list(forms) if f.get("ext") in CAPTION_FORMS and _is_web(f)]
        if usable and key != "live_chat":
            readable[str(key)] = min(usable, key=lambda f: CAPTION_FORMS.index(f["ext"]))
    return readable


def _is_web(form: Info) -> bool:
    return bool(form.get("data")) or str(form.get("url")).startswith(("http://", "https://"))


def _captions(key: str, form: Info, source: str) -> CaptionTrack:
    return CaptionTrack(form, f"{source} ({one_line(key.removesuffix('-orig'))[:20]})")


def _list(found: object) -> list[Info]:
    return [form for form in found if isinstance(form, dict)] if isinstance(found, list) else []


def number(found: object, least: float = 0.0) -> float:
    """A number that can be reckoned with; 0 for anything else that a site may say."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    return float(found) if least <= found <= MOST_NUMBER else 0.0
