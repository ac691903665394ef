"""The metadata of a GGUF file, read without its tensors or its vocabulary.

The format is ggml's: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from longtake.models.memory_need import Shape

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_TYPES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The `struct` format of each value type of the specification that has a fixed size."""
_TEXT, _LIST = 8, 9
_CONTROL = (3, 4)
"""Types of tokens: control ones, and those that a user defined."""
_MOST_LISTED = 1024
"""Longer lists (a vocabulary, its scores) are skipped."""
_MOST_ENTRIES = 4096
_MOST_TOKENS = 2_000_000
_MOST_TEXT_BYTES = 16 << 20

Header = Mapping[str, Any]


def read_header(path: Path) -> Header:
    """The metadata by key, long lists as None; ValueError for a file that is not GGUF."""
    with path.open("rb") as file, _broken("its head"):
        return {name: _read_value(file, kind) for name, kind in _walk(file)}


@contextmanager
def _broken(what: str) -> Iterator[None]:
    """ValueError for all that reading bytes of another form may raise."""
    try:
        yield
    except (KeyError, OverflowError, RecursionError, struct.error) as error:
        raise ValueError(f"{what} is broken, or cut off") from error


def _walk(file: IO[bytes]) -> Iterator[tuple[str, int]]:
    """The name and the kind of each entry; who asks reads its value before the next."""
    magic, version, _, count = _unpack(file, "4sIQQ")
    if magic != _MAGIC or version not in _VERSIONS or count > _MOST_ENTRIES:
        raise ValueError("it does not begin as GGUF files of version 2 or 3 do")
    for _ in range(count):
        name = _read_text(file)
        (kind,) = _unpack(file, "I")
        yield name, kind


def list_control_tokens(path: Path) -> tuple[str, ...]:
    """What of a vocabulary steers the model and is no text, as text would spell it.

    ValueError for a file that is not GGUF.
    """
    words = 0
    types: tuple[int, ...] = ()
    found: list[str] = []
    with path.open("rb") as file, _broken("its vocabulary"):
        for name, kind in _walk(file):
            place = file.tell()
            if name == "tokenizer.ggml.tokens" and kind == _LIST:
                words = place
            if name == "tokenizer.ggml.token_type" and kind == _LIST:
                of, count = _unpack(file, "IQ")
                types = _unpack(file, f"{min(count, _MOST_TOKENS)}{_TYPES[of]}")
                file.seek(place)
            _read_value(file, kind)
        if words:
            file.seek(words + struct.calcsize("<IQ"))
            for kind in types:
                if kind in _CONTROL:
                    found.append(_read_text(file))
                else:
                    _skip_text(file)
    # One letter, or blanks alone, can't be a marker: they would be gone from every text.
    return tuple(sorted({token for token in found if _is_marker(token)}))


def _is_marker(token: str) -> bool:
    return len(token) > 1 and any(letter.isalnum() for letter in token)


def _skip_text(file: IO[bytes]) -> None:
    (size,) = _unpack(file, "Q")
    file.seek(size, 1)


def read_shape(header: Header) -> Shape:
    """The attention shape of its text model; ValueError where the metadata lacks it."""
    family = header.get("general.architecture")

    def look_up(name: str, default: int = 0) -> int:
        found = header.get(f"{family}.{name}", default)
        # A list is one number a layer.
        largest = max(found, default=0) if isinstance(found, list) else found
        if not isinstance(largest, int) or largest < 1:
            raise ValueError(f"its head does not say {family}.{name}")
        return largest

    heads = look_up("attention.head_count", 1)
    own = header.get(f"{family}.attention.key_length")
    return Shape(
        layers=look_up("block_count"),
        kv_heads=look_up("attention.head_count_kv", heads),
        head_size=look_up("attention.key_length") if own else look_up("embedding_length") // heads,
        context_tokens=look_up("context_length"),
    )


def _unpack(file: IO[bytes], form: str) -> tuple[Any, ...]:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _read_text(file: IO[bytes]) -> str:
    (size,) = _unpack(file, "Q")
    data = file.read(min(size, _MOST_TEXT_BYTES))
    if len(data) < size:
        raise struct.error
    return data.decode("utf-8", "replace")


def _read_value(file: IO[bytes], kind: int) -> Any:
    if kind == _TEXT:
        return _read_text(file)
    if kind != _LIST:
        return _unpack(file, _TYPES[kind])[0]
    kind, count = _unpack(file, "IQ")
    if count <= _MOST_LISTED:
        return [_read_value(file, kind) for _ in range(count)]
    if kind == _TEXT:
        for _ in range(count):
            _skip_text(file)
    else:
        file.seek(count * struct.calcsize(f"<{_TYPES[kind]}"), 1)
    return None
