"""Train the small model that sees event films, from nothing, on a processor's two cores.

    python -m scripts.train_sight --out .cache/sight/run

It is a measuring instrument, which knows the event films and nothing else. Killed, it goes on where
it last saved; every batch is that of its step. At first it is shown single pictures and tells what
is in them, then windows of films, and says what happens.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait busily halt one another

import torch

from scripts.sight.batches import draw_batch, draw_pictures
from scripts.sight.look import Trainee, score
from scripts.sight.model import make_model, make_tokenizer, save
from scripts.sight.reels import open_reels
from scripts.sight.windows import Window

FIRST_SEED, TEST_SEED = 1000, 0
"""Of the films that it learns from, and of those on which it is tried."""
FILMS, TEST_FILMS = 6000, 200
PICTURE_STEPS, PICTURE_BATCH, PICTURE_RATE = 700, 256, 2e-3
WINDOW_BATCH, WINDOW_RATE = 32, 1.5e-3
WARM_STEPS, LAST_PART = 100, 0.3
"""The learning rate rises at first, and falls to naught over the last part of the steps."""
WEIGHTS = {"answers": 1.0, "facts": 0.2, "recalled": 0.2}
SAVE_SECONDS, TRY_SECONDS = 120, 300
TRY_WINDOWS, TRY_PICTURES = 128, 6

Drawn = TypeVar("Drawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="what is saved on the way, and the model"
    )
    parser.add_argument("--reels", type=Path, default=Path(".cache/sight"), help="the drawn films")
    parser.add_argument("--steps", type=int, default=5500, help="batches of windows")
    parser.add_argument(
        "--minutes", type=float, default=90, help="stop then, to go on another time"
    )
    parser.add_argument("--threads", type=int, default=2)
    choices = parser.parse_args()
    torch.set_num_threads(choices.threads)
    torch.manual_seed(1)
    choices.out.mkdir(parents=True, exist_ok=True)
    windows = open_reels(choices.reels, FIRST_SEED, FILMS)
    tests = open_reels(choices.reels, TEST_SEED, TEST_FILMS)
    run = Run(choices.out, choices.steps, choices.minutes * 60)
    run.learn_pictures(windows)
    run.learn_windows(windows, tests[:TRY_WINDOWS])
    if run.step == PICTURE_STEPS + choices.steps:
        save(run.trainee.model, run.tokenizer, choices.out / "model")


class Run:
    """A training that goes on from the last step that was saved."""

    def __init__(self, folder: Path, steps: int, seconds: float) -> None:
        self.folder, self.steps = folder, steps
        self.tokenizer = make_tokenizer()
        self.trainee = Trainee(make_model(self.tokenizer))
        self.optimizer = torch.optim.AdamW(
            self.trainee.parameters(), betas=(0.9, 0.98), weight_decay=0.05
        )
        self.step, self.spent = 0, 0.0
        self.file = folder / "state.pt"
        if self.file.exists():
            state = torch.load(self.file)
            self.trainee.load_state_dict(state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent = state["step"], state["spent"]
        self.started = self.saved = self.tried = time.monotonic()
        self.ends = self.started + seconds

    @property
    def seconds(self) -> float:
        """How long it has trained in all."""
        return self.spent + time.monotonic() - self.started

    def learn_pictures(self, windows: list[Window]) -> None:
        """What is in single pictures."""
        steps = range(self.step, PICTURE_STEPS)
        for pixels, facts in ahead(lambda n: draw_pictures(windows, PICTURE_BATCH, n), steps):
            rate = PICTURE_RATE * min(1, (self.step + 1) / WARM_STEPS)
            loss = self.trainee.fact_loss(facts, self.trainee.look(pixels))
            self.learn(loss, rate)
            if self.step % 20 == 0:
                self.log(pictures=round(float(loss.detach()), 4))
            if self.save_in_time():
                return

    def learn_windows(self, windows: list[Window], tests: list[Window]) -> None:
        """What happens in windows of films."""
        if self.step < PICTURE_STEPS:
            return
        steps, sums = range(self.step, PICTURE_STEPS + self.steps), Counter[str]()
        for batch in ahead(lambda n: draw_batch(windows, WINDOW_BATCH, n, self.tokenizer), steps):
            losses = self.trainee.losses(batch)
            self.learn(sum(WEIGHTS[name] * loss for name, loss in losses.items()), self.rate())
            sums.update({name: float(loss.detach()) for name, loss in losses.items()}, of=1)
            if self.step % 50 == 0:
                self.log(**{name: round(sums[name] / sums["of"], 4) for name in losses})
                sums.clear()
            if time.monotonic() - self.tried > TRY_SECONDS or self.step == steps.stop:
                self.try_out(tests)
            if self.save_in_time():
                return
        self.save()

    def rate(self) -> float:
        """The learning rate of a step."""
        step = self.step - PICTURE_STEPS
        left = (self.steps - step) / (LAST_PART * self.steps)
        return WINDOW_RATE * min(1, (step + 1) / WARM_STEPS, left)

    def learn(self, loss: Any, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trainee.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1

    def try_out(self, tests: list[Window]) -> None:
        """How much of what happens in films that it has not seen it tells."""
        self.tried = time.monotonic()
        self.trainee.eval()
        for tiled in (False, True):
            true, told, right = score(self.trainee, self.tokenizer, tests, TRY_PICTURES, tiled)
            self.log(
                tiled=tiled,
                recall=round(right.total() / true.total(), 3),
                precision=round(right.total() / max(1, told.total()), 3),
            )
        self.trainee.train()

    def save_in_time(self) -> bool:
        """Save every few minutes; whether its time is up."""
        over = time.monotonic() > self.ends
        if over or time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()
        return over

    def save(self) -> None:
        self.saved = time.monotonic()
        part = self.file.with_suffix(".part")
        state = {"weights": self.trainee.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**state, "step": self.step, "spent": self.seconds}, part)
        part.replace(self.file)

    def log(self, **facts: Any) -> None:
        line = json.dumps({"step": self.step, "minutes": round(self.seconds / 60, 2), **facts})
        print(line, flush=True)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(line + "\n")


def ahead(draw: Callable[[int], Drawn], steps: range) -> Iterator[Drawn]:
    """What is drawn for each step, the next one while this one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(draw, step) for step in steps[:1]]
        for step in steps:
            ready = waiting.pop().result()
            if step + 1 < steps.stop:
                waiting.append(pool.submit(draw, step + 1))
            yield ready


if __name__ == "__main__":
    main()
