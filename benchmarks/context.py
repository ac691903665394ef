"""What context costs: tokens of flow II over those of flow I, on a written story of 100 chunks.

    python -m benchmarks.context

A scripted describer sees the story through the frames, so that each flow is told the same; prompts
and replies are counted by SmolLM2's tokenizer (SmolVLM2 has the same), frames as the models' papers
say. Each kind of context goes through the chunks as one stretch.
"""

import random
import tempfile
from pathlib import Path

from longtake.engines import open_engine
from longtake.inference.engine import Engine
from longtake.pipeline.session import run_to_end
from longtake.pipeline.summarize import run
from longtake.records import Description
from longtake.settings import Settings, load_settings
from longtake.store import Store
from tests.timeline import Scene, Witness
from tests.videos import make_video

CHUNKS, CHUNK_SECONDS, RATE = 100, 6.0, 2
FRAMES = 3
FRAME_TOKENS = {"SmolVLM2-500M, 64 a frame": 64, "Qwen3-VL at 640×360, 240 a frame": 240}
LOOKS = (
    "man in a red coat", "old woman with a stick", "boy on a yellow bicycle", "tall waiter",
    "woman in a green dress", "man with a grey beard", "girl with a kite", "brown dog",
)  # fmt: skip
DEEDS = (
    "walks from the door to the long table and puts a cup of coffee down",
    "looks out of the window at the street, where the rain has just begun",
    "talks to somebody outside the picture and points at the clock on the wall",
    "opens a newspaper, reads for a moment and turns to the next page",
    "lifts a heavy suitcase onto the bench and opens both of its locks",
    "waves at a car that stops at the kerb and then slowly drives away",
    "counts some coins on the counter and pushes them over to the other side",
    "laughs, sits down on the nearest chair and takes off both shoes",
)


class Counted(Witness):
    """Counts as a real model does."""

    def __init__(self, story: tuple[Scene, ...], tokenizer: Engine, frame_tokens: int) -> None:
        super().__init__(story, context=16_384)
        self.options = {"frame_tokens": frame_tokens}
        self._tokenizer, self._frame_tokens = tokenizer, frame_tokens

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count_tokens(text)

    def frame_tokens(self, width: int, height: int) -> int:
        return self._frame_tokens


def write_story() -> tuple[Scene, ...]:
    """Two or three people in each chunk, who come, stay and come back."""
    dice = random.Random(6)  # noqa: S311 - a story, no secret
    pictures = int(CHUNK_SECONDS * RATE)
    scenes: list[Scene] = []
    there = list(LOOKS[:2])
    for number in range(CHUNKS):
        if dice.random() < 0.4:
            there = dice.sample(LOOKS, dice.choice((2, 2, 3)))
        first = number * pictures
        scenes += [Scene(first, first + pictures - 1, who, dice.choice(DEEDS)) for who in there]
    return tuple(scenes)


def measure(film: Path, engine: Witness, store: Store, **values: object) -> list[Description]:
    usual = {"chunking": "fixed", "read_text": "off", "frames": FRAMES, "segments": 1}
    with tempfile.TemporaryDirectory() as out:
        settings = Settings(**({"out": out} | usual | values))  # type: ignore[arg-type]
        last = run_to_end(run(film, settings, store, engine, None))
    assert last.ledger.described == CHUNKS
    return list(last.descriptions)


def main() -> None:
    story = write_story()
    with tempfile.TemporaryDirectory() as folder, open_engine("gguf", load_settings({})) as model:
        film = make_video(Path(folder) / "film.mp4", seconds=CHUNKS * CHUNK_SECONDS, rate=RATE)
        for name, tokens in FRAME_TOKENS.items():
            print(f"{name}, {FRAMES} frames a chunk, {CHUNKS} chunks")
            with Store(Path(folder) / f"{tokens}.sqlite") as store:
                base = measure(film, Counted(story, model, tokens), store)
                for kind in ("independent", "previous", "memory", "full"):
                    flow = (
                        {"flow": "independent"}
                        if kind == "independent"
                        else {"flow": "context", "context": kind}
                    )
                    say(kind, measure(film, Counted(story, model, tokens), store, **flow), base)


def say(kind: str, found: list[Description], base: list[Description]) -> None:
    def total(descriptions: list[Description], part: str) -> int:
        return sum(getattr(d.cost, part) for d in descriptions)

    inputs, outputs = (total(found, part) for part in ("input_tokens", "output_tokens"))
    before, out = (total(base, part) for part in ("input_tokens", "output_tokens"))
    context = sum(d.context_tokens for d in found)
    most = max(d.context_tokens for d in found)
    print(
        f"  {kind:12} input {inputs:7,} ({inputs / before:.2f}×), output {outputs:6,}"
        f" ({outputs / out:.2f}×), together {(inputs + outputs) / (before + out):.2f}×;"
        f" context {context / CHUNKS:.0f} a chunk, at most {most}"
    )


if __name__ == "__main__":
    main()
