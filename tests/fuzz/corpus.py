"""What broke before, made small: files that ask for much more than they hold."""

import random
import struct
from pathlib import Path

import av

from tests.videos import make_video

UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
NOT_CODED = b"\0\0\1\xb6\x50\0\x07"
"""A picture of MPEG-4 that shows nothing new."""


def _number(value: int) -> bytes:
    return struct.pack(">I", value)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _number(8 + len(content)) + kind + content


def _full(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)


def _make_movie(samples: int, *more: bytes) -> bytes:
    """The header of an MP4 that says that there are so many samples of a byte each."""
    n = _number
    size = struct.pack(">HH", 64, 48)
    entry = _box(
        b"mp4v", bytes(6), b"\0\1", bytes(16), size, n(0x480000), n(0x480000), bytes(4), b"\0\1",
        bytes(32), b"\0\x18\xff\xff",
    )  # fmt: skip
    table = [
        _full(b"stsd", n(1), entry), _full(b"stts", n(1), n(samples), n(1)),
        _full(b"stsc", n(1), n(1), n(samples), n(1)), _full(b"stsz", n(1), n(samples)),
        _full(b"stco", n(1), n(40)),
    ]  # fmt: skip
    if not samples:
        table = [table[0], *(_full(k, n(0)) for k in (b"stts", b"stsc", b"stco"))]
        table.append(_full(b"stsz", n(0), n(0)))
    where = _box(b"dinf", _full(b"dref", n(1), _box(b"url ", b"\0\0\0\1")))
    minf = _box(b"minf", _full(b"vmhd", bytes(8)), where, _box(b"stbl", *table))
    head = _full(b"mdhd", bytes(8), n(1000), n(samples), b"\x55\xc4\0\0")
    mdia = _box(b"mdia", head, _full(b"hdlr", n(0), b"vide", bytes(12), b"v\0"), minf)
    shown = n(64 << 16) + n(48 << 16)
    track = _box(b"tkhd", b"\0\0\0\7", bytes(8), n(1), n(0), n(samples), bytes(16), UNITY, shown)
    movie = _full(
        b"mvhd", bytes(8), n(1000), n(samples), n(0x10000), b"\1\0", bytes(10), UNITY, bytes(24),
        n(2),
    )  # fmt: skip
    return _box(b"moov", movie, _box(b"trak", track, mdia), *more)


def promise_samples(path: Path, samples: int) -> Path:
    """An MP4 of some 600 bytes whose header promises so many pictures."""
    head = _box(b"ftyp", b"isom", bytes(4), b"isom")
    path.write_bytes(head + _box(b"mdat", bytes(64)) + _make_movie(samples))
    return path


def promise_fragments(path: Path, samples: int, runs: int) -> Path:
    """The same in the runs of a fragment."""
    defaults = [_number(n) for n in (1, 1, 40, 1, 0)]
    movie = _make_movie(0, _box(b"mvex", _full(b"trex", *defaults)))
    run = _full(b"trun", _number(samples))
    traf = _box(b"traf", _box(b"tfhd", b"\0\2\0\0", _number(1)), run * runs)
    moof = _box(b"moof", _full(b"mfhd", _number(1)), traf)
    head = _box(b"ftyp", b"iso5", bytes(4), b"iso5")
    path.write_bytes(head + movie + moof + _box(b"mdat", bytes(64)))
    return path


def _piece(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def write_tiny_packets(path: Path, count: int) -> Path:
    """An AVI of so many pictures of seven bytes."""
    main = struct.pack("<14I", 40000, 0, 0, 0x10, count, 0, 1, 0, 64, 48, 0, 0, 0, 0)
    stream = b"vidsXVID" + struct.pack("<10I", 0, 0, 0, 1, 25, 0, count, 0, 0xFFFFFFFF, 0)
    form = struct.pack("<IiiHH4s5I", 40, 64, 48, 1, 24, b"XVID", 0, 0, 0, 0, 0)
    streams = _piece(
        b"LIST", b"strl", _piece(b"strh", stream, struct.pack("<4H", 0, 0, 64, 48)),
        _piece(b"strf", form),
    )  # fmt: skip
    one = _piece(b"00dc", NOT_CODED)
    index = b"".join(
        b"00dc" + struct.pack("<3I", 0 if n else 16, 4 + n * len(one), len(NOT_CODED))
        for n in range(count)
    )
    head = _piece(b"LIST", b"hdrl", _piece(b"avih", main), streams)
    body = _piece(b"LIST", b"movi", one * count)
    path.write_bytes(_piece(b"RIFF", b"AVI ", head, body, _piece(b"idx1", index)))
    return path


def write_jumping_clock(path: Path, count: int, seed: int = 0) -> Path:
    """An FLV of so many pictures whose times go anywhere."""
    chance = random.Random(seed)
    # The head of a picture of Sorenson H.263, so that its size is known: 64×48.
    first = b"\x12" + bytes.fromhex("00008400201805") + bytes(40)
    tags = bytearray(b"FLV\1\1\0\0\0\x09\0\0\0\0")
    for number in range(count):
        body = b"\x22" + first[1:] if number else first
        time = chance.randrange(1 << 30)
        size = _number(len(body))[1:]
        tags += b"\x09" + size + _number(time)[1:] + bytes([time >> 24]) + bytes(3) + body
        tags += _number(11 + len(body))
    path.write_bytes(tags)
    return path


def make_with_subtitles(path: Path, srt: str) -> Path:
    """A film of four seconds with sound and a track of these subtitles."""
    film = make_video(path.with_name(f"film-{path.name}"), seconds=4, sound_seconds=4)
    text = path.with_name(f"{path.name}.srt")
    text.write_text(srt)
    with av.open(str(film)) as one, av.open(str(text)) as two, av.open(str(path), "w") as out:
        targets = {
            stream: out.add_stream_from_template(stream)
            for stream in (*one.streams.get(), *two.streams.get())
        }
        for source in (one, two):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = targets[packet.stream]
                    out.mux(packet)
    return path
