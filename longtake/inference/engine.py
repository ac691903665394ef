"""The interface of every engine: a request in, a reply out, and its capabilities as data."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from longtake.closeable import Closeable
from longtake.errors import UsageError
from longtake.records import Frame, ServerUsage, Tag
from longtake.text.untrusted import break_markers, whole_letters

RETRY_TEMPERATURE = 0.5
"""The first attempt is greedy; the next ones must be able to come out differently."""

MOST_TOKENS = 10**12
"""More than any reply takes: a server that counts more has miscounted."""
SMALL_PARAMETERS = 1_000_000_000
"""Models with fewer are small: they lose track of more than one simple thing at a time."""


@dataclass(frozen=True)
class Capabilities:
    """What an engine can take. `images` is the most in one request: 0 none, None no known end."""

    images: int | None
    context_tokens: int
    width: int = 1
    """Requests that suit it side by side, to begin with."""
    widest: int = 0
    """Up to how many may be tried, where more answers in the same time tell; 0: `width` is all."""
    frames_per_chunk: int = 6
    """The most that suit it in a chunk of usual length."""
    frame_seconds: float = 3.5
    """What may lie between two frames where nothing much happens."""
    repeats: bool = False
    """Whether it measures movement: then frames lie evenly, those that show the same included."""
    frame_side: int = 512
    """Longest side, in pixels, that its model looks at."""
    text: bool = True
    """Whether it answers questions about text alone."""
    schemas: bool = False
    """Whether it holds a reply to a request's JSON schema."""
    small: bool = False
    """Whether its model is known to be too small for more than one simple thing at a time."""


@dataclass(frozen=True)
class Request:
    """One question: the system's words, then text and frames in the order in which they stand."""

    system: str
    parts: tuple[str | Frame, ...]
    max_tokens: int = 256
    examples: tuple[tuple[str, str], ...] = ()
    """Questions and their answers, which go before as turns of the same talk."""
    attempt: int = 0
    """Counts from 0; engines that sample vary their answer with it."""
    cuts: int | None = None
    """How many cuts lie in the stretch that the frames are from; None: not known."""
    schema: Mapping[str, Any] | None = None
    """A JSON schema for the reply, held where the capabilities say so; None: plain text."""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames among the parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Frame))

    @property
    def text(self) -> str:
        """The text among the parts, joined by line breaks."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    def messages(self, content: object) -> list[dict[str, object]]:
        """As a chat in OpenAI's form; `content` is what the last turn holds."""
        turns: list[dict[str, object]] = [{"role": "system", "content": self.system}]
        for question, answer in self.examples:
            turns.append({"role": "user", "content": question})
            turns.append({"role": "assistant", "content": answer})
        return [*turns, {"role": "user", "content": content}]

    def without(self, markers: Sequence[str]) -> "Request":
        """The same question with none of a model's special tokens in its texts: they are data."""
        system, *told = (
            break_markers(text, markers)
            for text in (self.system, *(text for pair in self.examples for text in pair))
        )
        parts = tuple(
            break_markers(part, markers) if isinstance(part, str) else part for part in self.parts
        )
        examples = tuple(zip(told[::2], told[1::2], strict=True))
        return replace(self, system=system, parts=parts, examples=examples)

    def again(self, attempt: int, correction: str = "") -> "Request":
        """The same question as attempt number `attempt`, with a word on what came the last time."""
        parts = (*self.parts, correction) if correction else self.parts
        return replace(self, parts=parts, attempt=attempt)


@dataclass(frozen=True)
class Reply:
    """What came back, as it came; `complete` is false where the engine ran out of tokens."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    complete: bool = True
    tries: int = 1
    tags: tuple[Tag, ...] = ()
    """What detectors saw in the frames, the commonest first."""
    thought: bool = False
    """Whether the model thought before it answered, as far as the engine says."""
    refusal: str = ""
    """What the engine gives as the reason why there is no text."""

    def __post_init__(self) -> None:
        # Half a character, as a cut-off emoji leaves it, can neither be kept nor sent on.
        for name in ("text", "refusal"):
            object.__setattr__(self, name, whole_letters(getattr(self, name)))
        for name in ("input_tokens", "output_tokens"):
            if not 0 <= getattr(self, name) <= MOST_TOKENS:  # nobody's count
                object.__setattr__(self, name, 0)


@dataclass
class Engine(Closeable, ABC):
    """Something that answers requests: a model and the way to reach it.

    `answer` may be called from several threads at once, up to `capabilities.width`.
    """

    name: str
    capabilities: Capabilities
    options: Mapping[str, object] = field(default_factory=dict)
    """All that changes an answer besides name and request; part of a chunk's key. No secrets."""
    why: str = ""
    """Why this engine serves, and how to get a better one: for the first line of a run."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """The reply; EngineError, and nothing foreign, where there is none."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Tokens of `text` for this model; where it can't be asked, a count never too low."""

    def load(self) -> None:
        """Load the model, where it is not: from then on the capabilities are what it really has."""

    def frame_tokens(self, width: int, height: int) -> int:
        """Tokens that a frame of that size in pixels takes, never too low; 0: it has none."""
        return 0

    def check_sight(self) -> None:
        """UsageError where its model takes no images; called once, before the first are sent.

        An engine that can't know otherwise asks its model about a tiny one.
        """
        if self.capabilities.images == 0:
            raise UsageError(
                f"the engine {self.name!r} takes no images, so it can't describe a video",
                "Name one that does with --engine; see `longtake engines`.",
            )

    def take_usage(self) -> tuple[ServerUsage, ...]:
        """What each of its servers was asked since the last call; none where it has but one."""
        return ()

    def close(self) -> None:
        """Let go of what the engine holds; requests under way end with an error."""


def byte_bound(text: str) -> int:
    """An upper bound of the tokens of `text`: byte-level tokenizers make at most one of a byte."""
    return len(text.encode("utf-8", "replace"))
