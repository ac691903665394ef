"""Videos of every kind that people meet: codecs, containers, times."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.videos import make_video

TENTH = Fraction(1, 10)
QUIET = {"x265-params": "log-level=none"}
FAST = {"cpu-used": "8", "deadline": "realtime", "threads": "1"}
"""With more threads than free cores libvpx spins: up to 4 s for what takes 0.2 s."""
TWENTY_FIVE = {"rate": 25, "tick": Fraction(1, 25)}

# Every way of storing pictures that people meet; the values go to make_video.
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "short-groups.mp4": {"options": {"g": "20"}},
    "long-group.mp4": {"options": {"g": "250", "bf": "4"}},
    "open-groups.mp4": {"options": {"x264-params": "open-gop=1:keyint=20:scenecut=0:bframes=3"}},
    "fragments.mp4": {
        "options": {"g": "20"},
        "file_options": {"movflags": "frag_keyframe+empty_moov"},
    },
    "h264.mkv": {},
    "h264.flv": {},
    "h264.ts": {"options": {"g": "20"}},
    "with-sound.ts": {"sound_seconds": 8},
    "ten-bit.mp4": {"pixels": "yuv420p10le"},
    "hevc.mp4": {"codec": "libx265", "options": QUIET},
    "vp8.webm": {"codec": "libvpx", "options": FAST},
    "vp9.webm": {"codec": "libvpx-vp9", "options": FAST},
    "transparent.webm": {"codec": "libvpx-vp9", "pixels": "yuva420p", "options": FAST},
    "b-frames.avi": {"codec": "mpeg4", "options": {"bf": "2"}, "tick": TENTH},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "tick": TENTH},
    "ffv1.mkv": {"codec": "ffv1"},
    "prores.mov": {"codec": "prores", "pixels": "yuv422p10le"},
    "animation.gif": {"codec": "gif", "pixels": "rgb8", "tick": Fraction(1, 100)},
    "animation.png": {"codec": "apng", "pixels": "rgb24", "file_format": "apng"},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"bf": "2"}, **TWENTY_FIVE},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}, **TWENTY_FIVE},
    "interlaced.ts": {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct"}, **TWENTY_FIVE},
    "no-times.h264": {"file_format": "h264", **TWENTY_FIVE},
    "no-times.hevc": {"codec": "libx265", "options": QUIET, "file_format": "hevc", **TWENTY_FIVE},
    "offset.mp4": {"times": [5 + n * TENTH for n in range(80)]},
    "offset.mkv": {"times": [5 + n * TENTH for n in range(80)]},
    "offset.ts": {"times": [5 + n * TENTH for n in range(80)]},
    "uneven.mp4": {"times": [Fraction(n * n, 100) for n in range(30)]},
    "uneven.mkv": {"times": [Fraction(n * n, 100) for n in range(30)]},
    "ten-seconds-apart.mp4": {"times": [Fraction(10 * n) for n in range(4)]},
    "ten-seconds-apart.mkv": {"times": [Fraction(10 * n) for n in range(4)]},
    "one-picture.mp4": {"seconds": 0.1},
    "one-picture.gif": {"codec": "gif", "pixels": "rgb8", "tick": TENTH, "seconds": 0.1},
    "cover-art.mp4": {"cover": True},
}


def make_kind(name: str, folder: Path) -> tuple[Path, list[float]]:
    """The video of that name, and when each of its pictures is due, counted from the first.

    It is made once for a folder; who changes it takes a copy.
    """
    options = {"seconds": 8, **KINDS[name]}
    rate = options.get("rate", 10)
    times = options.get("times") or [
        Fraction(n, rate) for n in range(int(options["seconds"] * rate))
    ]
    path = folder / name
    if not path.exists():
        make_video(path, **options)
    return path, [float(time - times[0]) for time in times]
