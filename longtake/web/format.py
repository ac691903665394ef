"""Values as the page writes them: names, sizes, lengths of time. Knows neither runs nor Streamlit.

All text stays as it came: who draws it shows it as text (`textContent`, or `as_text` in Markdown).
"""

import re
import time

from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line

MOST_NAME = 80
WORD_JOINER = "\u2060"


def as_text(text: str) -> str:
    """The text so that Streamlit's Markdown shows it as it is: no link, no icon, no formula.

    Marks that are read after escapes are gone (`:icon:`, addresses) are broken by a joiner, which
    takes no room.
    """
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", one_line(text))
    broken = re.sub(r"([:@])", rf"\1{WORD_JOINER}", escaped)
    return re.sub(r"(?i)(www)(?=\\\.)", rf"\1{WORD_JOINER}", broken)


def as_file_name(text: str) -> str:
    """A name for a download, without what a file system or a header reads more into."""
    name = re.sub(r"[^\w.\- ]+", "_", one_line(text)).strip(" ._")
    return name[:MOST_NAME].strip(" ._") or "video"


def say_seconds(seconds: float) -> str:
    """`a few seconds`, `40 seconds`, `3 minutes`, `2 h 10 min`: as exact as a guess can be."""
    if seconds < 8:
        return "a few seconds"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} seconds"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return say_count(minutes, "minute")
    return f"{minutes // 60} h {minutes % 60:02} min"


def say_when(moment: float, now: float | None = None) -> str:
    """`just now`, `5 minutes ago`, `3 hours ago`, `2026-11-23`."""
    passed = (time.time() if now is None else now) - moment
    if passed < 60:
        return "just now"
    for unit, size, most in (("minute", 60, 60), ("hour", 3600, 24), ("day", 86400, 7)):
        count = int(passed // size)
        if count < most:
            return f"{say_count(count, unit)} ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def sentence_case(words: str) -> str:
    """With a capital at its start and one full stop at its end."""
    return words[:1].upper() + words[1:].rstrip(".") + "."
