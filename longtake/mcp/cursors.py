"""Cursors: where a list goes on, as a word that holds after a restart, too."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from longtake.errors import UsageError


def write_cursor(place: str, number: int) -> str:
    """The word for item `number` of a list that is called `place`."""
    return urlsafe_b64encode(f"{number} {place}".encode()).decode().rstrip("=")


def read_cursor(cursor: str, place: str) -> int:
    """The number that it stands for, 0 for an empty one; UsageError for another list's, or none."""
    if not cursor:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        number, _, of = urlsafe_b64decode(padded.encode("ascii")).decode().partition(" ")
    except ValueError:
        number, of = "", ""
    if of != place or not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise UsageError(
            "this cursor is not known here",
            "Give the `next_cursor` of the call before as it came, with the same arguments; or"
            " none, to begin anew.",
        )
    return int(number)
