"""Tiny models by the `transformers` engine, and what they are asked."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from longtake.engines import open_engine
from longtake.inference.engine import Engine, Reply, Request
from longtake.records import Frame
from longtake.settings import Settings

KINDS = ("smolvlm", "gemma3", "qwen2_5_vl", "qwen3_vl")

COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20))


def open_model(folder: Path, **settings: Any) -> Engine:
    return open_engine(f"transformers:{folder}", Settings(**settings))


def make_picture(colours: tuple[tuple[int, int, int], ...], size: tuple[int, int]) -> Image.Image:
    """Four fields of four colours: no turn or mirror image of it is the same."""
    image, (width, height) = Image.new("RGB", size), size
    for place, colour in enumerate(colours):
        left, top = place % 2 * width // 2, place // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def make_frame(turn: int = 0, size: tuple[int, int] = (96, 64)) -> Frame:
    """The four colours, in an order that `turn` chooses."""
    picture = make_picture(COLOURS[turn % 4 :] + COLOURS[: turn % 4], size)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=95, subsampling=0)
    return Frame(float(turn), data.getvalue(), *size)


def ask_of(turns: tuple[int, ...], words: str = "Describe.", max_tokens: int = 12) -> Request:
    parts: list[str | Frame] = []
    for number, turn in enumerate(turns):
        parts += [f"Frame at 0:0{number}:", make_frame(turn)]
    return Request("You are brief.", (*parts, words), max_tokens)


def ask_at_once(engine: Engine, requests: list[Request]) -> list[Reply]:
    """Asked in as many threads, which begin together."""
    gate = threading.Barrier(len(requests))

    def work(request: Request) -> Reply:
        gate.wait()
        return engine.answer(request)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(work, requests))
