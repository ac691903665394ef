"""An engine that answers at once, always the same to the same request, and reads no picture.

It ships: tests, docs and trials of the pipeline run on it. What it says of a video is not true;
what it says that it took is about what a small vision-language model takes.
"""

from longtake.errors import RequestTooLarge, UsageError
from longtake.inference.engine import Capabilities, Engine, Reply, Request
from longtake.settings import Settings
from longtake.timecode import format_time

FRAME_TOKENS = 64


class FakeEngine(Engine):
    """Says how many frames it was given; of text, repeats the first line that holds a note."""

    def __init__(self) -> None:
        super().__init__(
            name="fake",
            capabilities=Capabilities(
                images=None, context_tokens=8192, width=4, frame_side=128, small=True
            ),
            why="asked for by name; it looks at nothing, its descriptions are placeholders",
        )

    def answer(self, request: Request) -> Reply:
        """A sentence about the request itself."""
        frames = request.frames
        tokens = self.count_tokens(f"{request.system} {request.text}")
        tokens += FRAME_TOKENS * len(frames)
        if tokens > self.capabilities.context_tokens:
            raise RequestTooLarge(f"{tokens} words and frames are more than the fake takes")
        if frames:
            first, last = format_time(frames[0].time), format_time(frames[-1].time)
            text = f"A placeholder for {len(frames)} frames from {first} to {last}."
        else:
            text = request.text.strip().rpartition("\n")[2].strip()
        return Reply(text, input_tokens=tokens, output_tokens=self.count_tokens(text))

    def count_tokens(self, text: str) -> int:
        """Words: the fake's own unit."""
        return len(text.split())

    def frame_tokens(self, width: int, height: int) -> int:
        """As for SmolVLM2-500M, whatever the size."""
        return FRAME_TOKENS


def open_fake(model: str, settings: Settings) -> FakeEngine:
    """The fake engine; it has no models and no settings."""
    if model:
        raise UsageError(f"the engine 'fake' has no model {model!r}", "Name it without a model.")
    return FakeEngine()
