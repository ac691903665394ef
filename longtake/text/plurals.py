"""Numbers of things, as they are said."""


def say_count(count: int, noun: str) -> str:
    """`1 chunk`, `3 chunks`, `1,200 chunks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
