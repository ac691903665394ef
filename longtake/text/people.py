"""Whether words tell of people: flow II marks them apart from things."""

import re

from longtake.text.entity_marks import mask_quotes

PEOPLE = frozenset("man woman boy girl".split())
_DOER = re.compile(r"\w{2,}(?:er|or|ist|ian|man|men|woman|women)s?", re.IGNORECASE)
_NO_DOERS = frozenset(
    "water paper river flower over under after another other corner center counter tower computer"
    " together never number letter later either whether rather floor door color colour monitor"
    " finger shoulder weather winter summer paper poster power her".split()
)


def tells_of_people(text: str) -> bool:
    """Whether a word may be somebody who does something, such as `surveyor`."""
    words = re.findall(r"\w+", mask_quotes(text).casefold())
    return any(word.rstrip("s") not in _NO_DOERS and _DOER.fullmatch(word) for word in words)
