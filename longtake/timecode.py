"""Time in a video: the one place that knows what a second is and how people write it.

All times are seconds from the first picture, as floats kept to the millisecond.
"""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a video, from `start` up to but without `end`, in seconds."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, not {self.start}, {self.end}")

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return round(self.end - self.start, 3)

    def __str__(self) -> str:
        return f"{format_time(self.start)}–{format_time(self.end)}"


def format_time(seconds: float) -> str:
    """As people write it: 0:06, 12:34, 1:02:03; fractions are cut, as a player's clock does."""
    whole = int(seconds + 0.0005)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def format_tenths(seconds: float) -> str:
    """As `format_time`, with the tenth: 1:02:03.4."""
    tenths = int(seconds * 10 + 0.005)
    return f"{format_time(tenths / 10)}.{tenths % 10}"


def parse_time(text: str) -> float:
    """Seconds of `90`, `1:30`, `1:02:03.5`; ValueError where it is none of these."""
    parts = text.strip().split(":")
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"not a time: {text!r}")
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"not a time: {text!r}")
    return round(seconds, 3)
