"""Train the small model that names what is done in event films, from nothing, on one thread.

    python -m scripts.train_actions --out .cache/actions

It is a measuring instrument, which knows the event films and nothing else: a VideoMAE that is
shown two seconds as 12 small pictures. The same seeds give the same model on the same machine.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import torch
import transformers

from longtake.evaluate.draw import draw_frame
from longtake.evaluate.levels import HIDDEN
from longtake.evaluate.script import Script, write_script
from longtake.evaluate.truth import TrueEvent

RATE, PICTURES, SIDE = 6, 12, 64
"""Pictures a second, pictures of a clip, and pixels of a picture, which is pressed to a square."""
WIDE = SIDE * 16 // 9
FIRST_SEED, TEST_SEED = 2000, 0
"""Of the films that it learns from, and of those on which it is tried."""
FILMS, TEST_FILMS = {1: 600, 2: 400, 3: 160}, {1: 60, 2: 40, 3: 16}
NOTHING = "nothing"
LABELS = (NOTHING, *HIDDEN)
UNSEEN, SEEN = 0.2, 0.6
"""Of an event, what may be in a clip without being told, and what makes it told in full."""
MIRRORED = {"moves left": "moves right"}
REVERSED = {
    "enters": "leaves",
    "grows": "shrinks",
    "hides": "reappears",
    "moves left": "moves right",
    "moves up": "moves down",
}
"""What an action becomes in a mirror, and backwards; the same the other way round."""
ONE_WAY = "touches"
"""What is another thing backwards that has no name."""
WIDTH, LAYERS, PATCH, TUBELET = 96, 4, 16, 2
GRID = SIDE // PATCH
BATCH, RATE_OF_LEARNING, WARM_STEPS, LAST_PART = 64, 2e-3, 50, 0.4
WEIGHTS = {"clips": 1.0, "under_way": 0.5, "spots": 0.5, "places": 0.3}
EASY_STEPS, EASY = 300, 0.9
"""At first it is shown films of level 1 alone, and clips in which something happens from end to end
or nothing does."""
GAIN, NOISE = 0.05, 2.0
MEAN, STD = 0.94, 0.25
PROCESSOR = "video_preprocessor_config.json"
COLOUR_ORDERS = tuple(permutations(range(3)))


@dataclass(frozen=True)
class Reel:
    """A film: `pictures` uint8 (count, SIDE, SIDE, 3), the first at `start` seconds.

    `under_way` is the label of what happens at each picture, `places` the patch where who does it
    is then, by row and column; -1 where there is none.
    """

    start: float
    pictures: np.ndarray
    events: tuple[TrueEvent, ...]
    under_way: np.ndarray
    places: np.ndarray

    def target(self, first: int) -> np.ndarray:
        """How much each label says of the clip that begins with that picture; sums to one."""
        begin = self.start + (first - 0.5) / RATE
        return weigh(self.events, begin, begin + PICTURES / RATE)


def weigh(events: Sequence[TrueEvent], begin: float, end: float) -> np.ndarray:
    """How much each label says of what happens between two times; sums to one."""
    told = np.zeros(len(LABELS), np.float32)
    for event in events:
        inside = min(end, event.end) - max(begin, event.start)
        share = (inside / (event.end - event.start) - UNSEEN) / (SEEN - UNSEEN)
        if share > 0 and event.action in LABELS:
            place = LABELS.index(event.action)
            told[place] = max(told[place], min(1.0, share))
    if told.any():
        told *= told.max() / told.sum()
    told[0] = 1 - told.sum()
    return told


def draw_reel(seed: int, level: int) -> Reel:
    """The film of that seed and level, its first picture at a time of the seed."""
    script = write_script(seed, level)
    start = Random(seed).random() / RATE  # noqa: S311
    times = np.arange(start, script.seconds - 0.01, 1 / RATE)
    pictures = [press(draw_frame(script, time, WIDE, SIDE)) for time in times]
    labels, places = np.zeros(len(times), int), np.full((len(times), 2), -1)
    for event in script.events:
        for place in np.flatnonzero((event.start < times) & (times < event.end)):
            labels[place] = LABELS.index(event.action)
            places[place] = _find_patch(script, event.actor, times[place])
    return Reel(start, np.stack(pictures), script.events, labels, places)


def _find_patch(script: Script, name: str, time: float) -> tuple[int, int]:
    pose = next(thing for thing in script.things if thing.name == name).course.pose(time)
    across, down = pose.x + pose.dx * SIDE / WIDE, pose.y + pose.dy
    row, column = (min(GRID - 1, max(0, int(share * GRID))) for share in (down, across))
    return row, column


def press(picture: np.ndarray) -> np.ndarray:
    """As a square."""
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def draw_reels(first: int, films: dict[int, int]) -> list[Reel]:
    """So many films of each level, from a seed on."""
    return [draw_reel(first + n, level) for level, count in films.items() for n in range(count)]


@dataclass(frozen=True)
class Batch:
    """`pixels` of clips, and of each what it shows: `targets` as a whole, sums to one.

    `under_way` and `places`: for each of its tubelets, as in a reel; the place in one number.
    """

    pixels: Any
    targets: Any
    under_way: Any
    places: Any


def draw_batch(
    reels: Sequence[Reel], random: np.random.Generator, noise: np.ndarray, clear: float = 0.0
) -> Batch:
    """Clips from anywhere that are so clear, mirrored, backwards or in other colours."""
    rows: list[tuple[np.ndarray, ...]] = []
    while len(rows) < BATCH:
        reel = reels[int(random.integers(len(reels)))]
        first = int(random.integers(len(reel.pictures) - PICTURES + 1))
        target = reel.target(first)
        if target[0] > random.random() + 0.3 or target.max() < clear:
            continue
        some = slice(first, first + PICTURES)
        clip, labels, places = reel.pictures[some], reel.under_way[some], reel.places[some]
        rows_of, columns = places.T
        order = np.arange(len(LABELS))
        if random.random() < 0.5:
            clip, order = clip[:, :, ::-1], swap(order, MIRRORED)
            columns = np.where(columns < 0, -1, GRID - 1 - columns)
        spots = np.where(columns < 0, -1, rows_of * GRID + columns)
        if random.random() < 0.5 and not target[LABELS.index(ONE_WAY)]:
            clip, labels, spots = clip[::-1], labels[::-1], spots[::-1]
            order = swap(order, REVERSED)
        clip = clip[..., COLOUR_ORDERS[int(random.integers(len(COLOUR_ORDERS)))]]
        rows.append((clip, target[order], order[labels][::TUBELET], spots[::TUBELET]))
    clips, *known = (np.stack(column) for column in zip(*rows, strict=True))
    pixels = clips.astype(np.float32)
    pixels *= 1 + random.uniform(-GAIN, GAIN, (BATCH, 1, 1, 1, 1)).astype(np.float32)
    for clip in pixels:
        start = int(random.integers(noise.size - clip.size))
        clip += noise[start : start + clip.size].reshape(clip.shape)
    return Batch(as_pixels(pixels), *map(torch.from_numpy, known))


def swap(order: np.ndarray, pairs: dict[str, str]) -> np.ndarray:
    """With the labels of each pair changed for one another."""
    swapped = order.copy()
    for one, other in pairs.items():
        a, b = LABELS.index(one), LABELS.index(other)
        swapped[order == a], swapped[order == b] = b, a
    return swapped


def as_pixels(clips: np.ndarray) -> Any:
    """(clips, pictures, 3, side, side); the grounds of the films are about 0."""
    pixels = torch.from_numpy(np.ascontiguousarray(clips, np.float32)).permute(0, 1, 4, 2, 3)
    return pixels.div(255).sub_(MEAN).div_(STD).contiguous()


def make_model() -> Any:
    """With random weights."""
    return transformers.VideoMAEForVideoClassification(
        transformers.VideoMAEConfig(
            image_size=SIDE,
            patch_size=PATCH,
            num_frames=PICTURES,
            tubelet_size=TUBELET,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=WIDTH // 32,
            id2label=dict(enumerate(LABELS)),
            label2id={label: place for place, label in enumerate(LABELS)},
            problem_type="single_label_classification",
        )
    )


def make_optimizers(model: Any, finder: Any) -> list[Any]:
    """Muon for the matrices of the layers, which learn faster by it; AdamW for all else."""
    layers = [p for p in model.videomae.encoder.parameters() if p.ndim == 2]
    known = {id(p) for p in layers}
    rest = [p for p in (*model.parameters(), *finder.parameters()) if id(p) not in known]
    return [
        torch.optim.Muon(layers, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.05),
    ]


def find_losses(model: Any, finder: Any, batch: Batch) -> dict[str, Any]:
    """Of whole clips; of what is under way in each tubelet, as all its patches say and as the one
    where it happens does; and of where that is.
    """
    states = model.videomae(batch.pixels).last_hidden_state
    each = states.view(len(states), PICTURES // TUBELET, GRID**2, WIDTH)

    def classify(pooled: Any) -> Any:
        return model.classifier(model.fc_norm(pooled))

    cross_entropy = torch.nn.functional.cross_entropy
    spots = batch.places.clamp(min=0)[..., None, None].expand(-1, -1, 1, WIDTH)
    seen = classify(each.gather(2, spots)).flatten(0, 2)
    acts = torch.where(batch.places < 0, -100, batch.under_way).flatten()
    return {
        "clips": cross_entropy(classify(states.mean(1)), batch.targets),
        "under_way": cross_entropy(classify(each.mean(2)).flatten(0, 1), batch.under_way.flatten()),
        "spots": cross_entropy(seen, acts),
        "places": cross_entropy(
            finder(each).flatten(0, 1).squeeze(-1), batch.places.flatten(), ignore_index=-1
        ),
    }


def try_out(model: Any, reels: Sequence[Reel]) -> dict[str, float]:
    """Of clips end to end: how often what it holds likeliest is what there is most of."""
    firsts = [(reel, n) for reel in reels for n in range(0, len(reel.pictures) - 11, PICTURES)]
    found = []
    for at in range(0, len(firsts), 256):
        some = firsts[at : at + 256]
        with torch.inference_mode():
            pixels = as_pixels(np.stack([r.pictures[n : n + PICTURES] for r, n in some]))
            found.append(model(pixels).logits.argmax(1).numpy())
    told = np.concatenate(found)
    targets = np.stack([reel.target(n) for reel, n in firsts])
    true, clear = targets.argmax(1), targets.max(1) > 0.9
    return {
        "right": round(float((told == true).mean()), 3),
        "right_where_clear": round(float((told == true)[clear].mean()), 3),
        "commonest": round(float(np.bincount(true).max() / len(true)), 3),
    }


def save(model: Any, folder: Path) -> None:
    """As a model of the hub lies in its folder, in half precision."""
    model.to(torch.float16).save_pretrained(folder)
    facts = {
        "size": {"height": SIDE, "width": SIDE},
        "do_center_crop": False,
        "image_mean": [MEAN] * 3,
        "image_std": [STD] * 3,
        "fps": RATE,
    }
    (folder / PROCESSOR).write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of the model")
    parser.add_argument("--steps", type=int, default=1600, help="batches of clips")
    choices = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(1)
    started = time.monotonic()
    reels, tests = draw_reels(FIRST_SEED, FILMS), draw_reels(TEST_SEED, TEST_FILMS)
    print(f"drawn in {time.monotonic() - started:.0f} s", flush=True)
    model, finder = make_model(), torch.nn.Linear(WIDTH, 1)
    learned = [*model.parameters(), *finder.parameters()]
    optimizers = make_optimizers(model, finder)
    random, losses = np.random.default_rng(1), []
    noise = NOISE * random.standard_normal(1 << 21, dtype=np.float32)
    for step in range(choices.steps):
        left = (choices.steps - step) / (LAST_PART * choices.steps)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = RATE_OF_LEARNING * min(1, (step + 1) / WARM_STEPS, left)
        easy = step < EASY_STEPS
        shown = reels[: FILMS[1]] if easy else reels
        batch = draw_batch(shown, random, noise, EASY * easy)
        parts = find_losses(model, finder, batch)
        loss = sum(WEIGHTS[name] * part for name, part in parts.items())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        losses.append([part.item() for part in parts.values()])
        if (step + 1) % 100 == 0 or step + 1 == choices.steps:
            seconds = round(time.monotonic() - started)
            facts = {
                "step": step + 1,
                "seconds": seconds,
                "losses": np.mean(losses, 0).round(3).tolist(),
            }
            print(json.dumps({**facts, **try_out(model, tests)}), flush=True)
            losses = []
    save(model, choices.out)


if __name__ == "__main__":
    main()
