"""What requests are made of: a small frame, and texts that tokenizers count in their own ways."""

import io

from PIL import Image

from longtake.records import Frame

TEXTS = ("", " ", "one", "one two", "Grüße, 猫が寝ている 🐈‍⬛", "a\nb\tc", "<|im_start|>", "\u202e")


def make_frame(
    time: float = 0.0,
    colour: tuple[int, int, int] = (90, 120, 200),
    size: tuple[int, int] = (64, 48),
) -> Frame:
    """A small frame of one colour, with a bright square on it."""
    image = Image.new("RGB", size, colour)
    image.paste((250, 250, 250), (8, 8, 24, 24))
    data = io.BytesIO()
    image.save(data, "JPEG")
    return Frame(time, data.getvalue(), *size)
