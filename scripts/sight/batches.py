"""Batches for training: windows with pictures chosen anew each time, all of a number of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from scripts.sight.model import ANSWER, BEGIN, PICTURE, TILED
from scripts.sight.sentences import mirror, say_events
from scripts.sight.windows import PICTURES, SIDE, Window

COUNTS, WEIGHTS = (2, 3, 4, 5, 6, 8), (0.05, 0.1, 0.25, 0.15, 0.3, 0.15)
"""How many pictures are shown of a window, and how often."""
TILED_SHARE = 0.3
"""Of the batches stand in the prompt as llama.cpp puts them."""
GAIN, SHIFT, NOISE = 0.04, 4.0, 1.5
"""By how much the pictures of a window are brighter or darker, of 255."""


@dataclass(frozen=True)
class Batch:
    """`pixels`: (windows × pictures, 3, side, side). `tokens`: the prompts with their answers.

    The first `start` tokens are prompt; what fills up a row after its answer is -1.
    """

    pixels: Any
    facts: Any
    tokens: Any
    start: int
    tiled: bool


def choose_pictures(random: np.random.Generator, count: int) -> list[int]:
    """Which of a window's pictures to show: evenly, one of each part, or any."""
    way = random.random()
    if way < 0.3:
        return sorted(random.choice(PICTURES, count, replace=False).tolist())
    step = PICTURES / count
    places = [random.random() if way < 0.6 else 0.5 for _ in range(count)]
    return [min(PICTURES - 1, int((k + place) * step)) for k, place in enumerate(places)]


def make_prompt(tokenizer: Any, count: int, tiled: bool) -> list[int]:
    """The tokens before an answer about so many pictures."""
    words = (BEGIN, *(TILED if tiled else PICTURE) * count, ANSWER)
    return tokenizer.convert_tokens_to_ids(list(words))


def draw_batch(windows: Sequence[Window], size: int, seed: int, tokenizer: Any) -> Batch:
    """The batch of that seed, always the same."""
    random = np.random.default_rng(seed)
    count = int(random.choice(COUNTS, p=WEIGHTS))
    tiled = bool(random.random() < TILED_SHARE)
    pictures, facts, answers = [], [], []
    for place in random.integers(len(windows), size=size):
        window = windows[place]
        chosen = choose_pictures(random, count)
        sentences, mirrored = window.seen(chosen), random.random() < 0.5
        shown, known = window.pictures[chosen], window.facts[chosen].astype(np.float32)
        if mirrored:
            shown, known = shown[:, :, ::-1], mirror_facts(known)
            sentences = [mirror(sentence) for sentence in sentences]
        pictures.append(shown)
        facts.append(known)
        answers.append([*tokenizer.encode(say_events(sentences)), tokenizer.eos_token_id])
    prompt = make_prompt(tokenizer, count, tiled)
    longest = max(map(len, answers))
    rows = [[*prompt, *answer, *[-1] * (longest - len(answer))] for answer in answers]
    return Batch(
        as_pixels(np.concatenate(pictures), random, count),
        torch.from_numpy(np.concatenate(facts)),
        torch.tensor(rows),
        len(prompt),
        tiled,
    )


def mirror_facts(facts: np.ndarray) -> np.ndarray:
    """Where there is something, its x and the sense of its turn are the other way round."""
    there = facts[..., 0] > 0
    facts[..., -5] = np.where(there, 1 - facts[..., -5], 0)
    facts[..., -2] *= -1
    return facts


def as_pixels(pictures: np.ndarray, random: np.random.Generator | None, count: int) -> Any:
    """Squares as the model takes them; with `random`, a little other in size, light and noise."""
    pixels = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
    way = "bilinear" if random and random.random() < 0.4 else "bicubic"
    pixels = torch.nn.functional.interpolate(pixels, (SIDE, SIDE), mode=way, align_corners=False)
    if random:
        windows = len(pictures) // count
        gain = 1 + random.uniform(-GAIN, GAIN, (windows, 1, 1)).repeat(count, 0)[..., None]
        shift = random.uniform(-SHIFT, SHIFT, (windows, 1, 1)).repeat(count, 0)[..., None]
        noise = random.standard_normal(pixels.shape, dtype=np.float32) * NOISE
        pixels = pixels * torch.from_numpy(gain).float() + torch.from_numpy(shift).float()
        pixels += torch.from_numpy(noise)
    return pixels.clamp(0, 255) / 127.5 - 1


def draw_pictures(windows: Sequence[Window], size: int, seed: int) -> tuple[Any, Any]:
    """Single pictures as pixels, and what is in them."""
    random = np.random.default_rng(seed)
    places = random.integers(len(windows), size=size)
    chosen = random.integers(PICTURES, size=size)
    pictures = np.stack([windows[w].pictures[p] for w, p in zip(places, chosen, strict=True)])
    facts = np.stack([windows[w].facts[p] for w, p in zip(places, chosen, strict=True)])
    facts = facts.astype(np.float32)
    if random.random() < 0.5:
        pictures, facts = pictures[:, :, ::-1], mirror_facts(facts)
    return as_pixels(pictures, random, 1), torch.from_numpy(facts)
