"""A film of pictures that are drawn one after the other: MP4 that browsers play."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "mpeg4": {"qscale": "3"},  # where FFmpeg was built without libx264
}


def write_film(path: Path, pictures: Iterable[np.ndarray], rate: int) -> None:
    """Encode the pictures, uint8 RGB (height, width, 3) of even sides and one size."""
    import av

    codec = next(name for name in OPTIONS if name in av.codecs_available)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=OPTIONS[codec])
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
