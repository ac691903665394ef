"""Texts and bytes changed by a seed: the same each time."""

from collections.abc import Sequence
from random import Random

from tests.damaged import damage

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD = (
    *"\0\x01\t\n\r\v\f\x1b\x85\xa0\xad\u200b\u200f\u2028\u202e\ufeff\ufffd",
    "\r\n", "\ud83d", "😀", "𝟙", "ﬃ", "e\u0301", "-1", "0", "1e400", "nan", "9" * 30, "0x1f",
    "null", "true", "{}", "[]", '"', "'", "`", "\\", "\\u0000", "\\ud800", "<", ">", "<v ", "</i>",
    "&#0;", "&#x110000;", "{\\p1}", "[[", "]]", "[INST]", "=cmd()", "@", "--> ", "sep=;", "#",
    "'''", '"""',
)  # fmt: skip
"""What readers of texts stumble over."""
MANY = (2, 10, 1000, 30_000)


def mutate_bytes(content: bytes, seed: int) -> bytes:
    """Damaged as by a disk or a network, or with a number of a header brought to an extreme."""
    random = Random(f"bytes {seed}")
    if random.random() < 0.6:
        return damage(content, seed)
    changed = bytearray(content)
    reach = random.choice((64, 512, 4096, len(changed)))
    for _ in range(random.randint(1, 6)):
        width = random.choice((1, 2, 4, 8))
        place = random.randrange(max(1, min(reach, len(changed)) - width))
        value = random.choice((*EXTREMES, random.getrandbits(8 * width))) % (1 << 8 * width)
        changed[place : place + width] = value.to_bytes(width, random.choice(("big", "little")))
    return bytes(changed)


def mutate_text(text: str, seed: int, words: Sequence[str] = ()) -> str:
    """One to five changes: pieces that go, come twice or many times, or give way to odd ones."""
    random = Random(f"text {seed}")
    for _ in range(random.randint(1, 5)):
        first = random.randrange(len(text) + 1)
        last = min(len(text), first + random.choice((0, 1, 5, 40, 400)))
        piece = random.choice((*ODD, *words))
        match random.randrange(6):
            case 0:
                text = text[:first] + text[last:]
            case 1:
                text = text[:first] + piece + text[last:]
            case 2:
                text = text[:last] + text[first:last] * random.choice((1, 30)) + text[last:]
            case 3:
                text = text[:first] + piece * random.choice(MANY) + text[first:]
            case 4:
                text = text[:first]
            case _:
                lines = text.splitlines(keepends=True)
                random.shuffle(lines)
                text = "".join(lines)
        text = text[: 1 << 22]
    return text
