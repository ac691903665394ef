"""The things that travel between the steps: frozen, plain, and without behaviour of their own.

Knows no file, model or database. Chunks are numbered from 1 in time order.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from longtake.timecode import Span

Status = Literal["described", "reused", "failed"]
Join = Literal["start", "cut", "fade", "dissolve"]
Support = Literal["supported", "unsupported", "unchecked", "quoted"]
"""What came of holding a sentence against its chunks; one that is quoted needs no check."""
Wording = Literal["model", "own words"]
Kind = Literal["person", "thing", "place"]
Source = Literal["voice", "screen", "description"]
"""Whose words a quote is: said, written in the picture, or a describer's."""

MEASURED = "Measured: "
"""What the text of a description begins with that is no prose: what was measured, in few words."""


@dataclass(frozen=True)
class SourceFile:
    """A file that is here, and what its site says of it where it came by a link."""

    path: Path
    title: str = field(default="", kw_only=True)
    link: str = field(default="", kw_only=True)
    captions: Path | None = field(default=None, kw_only=True, repr=False)
    """What the site publishes of what is said, and in `captions_source` what that is."""
    captions_source: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Video(SourceFile):
    """A file whose pictures can be read; times in seconds."""

    sha256: str
    duration: float
    readable: float
    """Where the last picture ends; less than `duration` where the file is cut off."""
    notes: tuple[str, ...] = ()
    """What to know of how it was read: what is not used, what was mended, what is a guess."""

    @property
    def name(self) -> str:
        """What to call it before a reader: its title, else the file's name."""
        return self.title or self.path.name


@dataclass(frozen=True)
class Shot:
    """A stretch without a cut, and the way in which it begins."""

    span: Span
    begins: Join = "start"


@dataclass(frozen=True)
class Scan:
    """What a whole video looks like, seen cheaply.

    `motion` and `brightness` hold a value from 0 to 1 for each `step` seconds from 0 on; 1 is the
    most motion of this video, and white.
    """

    shots: tuple[Shot, ...]
    step: float
    motion: tuple[float, ...] = field(repr=False)
    brightness: tuple[float, ...] = field(repr=False)
    black: tuple[Span, ...] = ()
    blank: tuple[Span, ...] = ()
    """Of one plain colour; black ones are not among them."""
    frozen: tuple[Span, ...] = ()
    """Where the picture stands still."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where a shot gives way to the next, in seconds."""
        return tuple(shot.span.start for shot in self.shots[1:])


@dataclass(frozen=True)
class Frame:
    """One picture of a video as JPEG, at `time` seconds, `width` × `height` pixels.

    Where later pictures were looked at and show the same, `again` is the time of the last of them;
    of what lies between nothing is known.
    """

    time: float
    jpeg: bytes = field(repr=False)
    width: int
    height: int
    again: float = 0.0


@dataclass(frozen=True)
class Segment:
    """A sentence that is said, or a cue of subtitles, and when."""

    span: Span
    text: str


@dataclass(frozen=True)
class Transcript:
    """What is said in a video, in time order.

    `source` says in words where it is from, `language` is an ISO 639 code, or empty where it is not
    known; `remark` says what is missing, and why.
    """

    source: str
    segments: tuple[Segment, ...] = ()
    language: str = ""
    remark: str = ""
    files: tuple[Path, ...] = ()
    """Where it was written, if it was."""


@dataclass(frozen=True)
class ScreenText:
    """A line of text that stands in the picture for a while.

    `top` and `height` of its letters' box are fractions of the picture's height.
    """

    span: Span
    text: str
    top: float
    height: float


@dataclass(frozen=True)
class Words:
    """What is said and written in a chunk, and what was said a little before it."""

    speech: tuple[Segment, ...] = ()
    text: tuple[ScreenText, ...] = ()
    before: tuple[Segment, ...] = ()


NO_WORDS = Words()


@dataclass(frozen=True)
class Chunk:
    """A span that is described in one go.

    `missing` says why it has no pictures, else empty; `cuts` are the times of cuts inside it.
    """

    number: int
    span: Span
    missing: str = ""
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What answers took: requests made, tokens in and out, seconds of engine time."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            round(self.seconds + other.seconds, 3),
        )


@dataclass(frozen=True)
class Tag:
    """What detectors saw in a chunk, and in which share of its frames (0..1); it may be wrong."""

    label: str
    share: float


@dataclass(frozen=True)
class Action:
    """What a temporal model says is done in a stretch of a chunk; it may be wrong."""

    label: str
    score: float  # 0 to 1
    span: Span


@dataclass(frozen=True)
class Description:
    """What became of one chunk: a text, or (never both) the reason why there is none.

    The text of a chunk that looks the same as an earlier one is that one's, and `same_as` its
    number.
    """

    chunk: Chunk
    status: Status
    engine: str
    text: str = ""
    error: str = ""
    speech: str = ""
    on_screen: str = ""
    cost: Cost = Cost()
    context_tokens: int = 0
    """Of the input, what carried context took."""
    same_as: int = 0
    remark: str = ""
    """What to know of it: seen with less, its end cut off, its actions not known."""
    stored: bool = False
    """Whether the answer was in the store already, and nothing was asked in this run."""
    tags: tuple[Tag, ...] = ()
    """What detectors saw, the commonest first; no part of the text."""
    actions: tuple[Action, ...] = ()
    """What a temporal model says is done in it; no part of the text, and told to no model."""
    cause: Exception | None = field(default=None, compare=False, repr=False)
    """The error behind `error`."""

    @property
    def is_prose(self) -> bool:
        """Whether its text tells what is seen, and not only what was measured: one sentence."""
        measured = self.text.startswith(MEASURED) and "." not in self.text[:-1]
        return bool(self.text) and not measured


@dataclass(frozen=True)
class Material:
    """What a summary is made of: descriptions, and the exact words of chunks where they are known.

    `language` is that of the words, as an ISO 639 code, or empty where it is not known; `heard_by`
    names the model that recognised what is said, empty where nobody had to.
    """

    video: Video
    descriptions: Sequence[Description]
    words: Mapping[int, Words]
    language: str = ""
    heard_by: str = ""


@dataclass(frozen=True)
class Sentence:
    """One sentence of the summary and the numbers of the chunks that it rests on.

    `support` is what came of holding it against their descriptions, and `why` says of an
    unsupported one what speaks against it. `wording` is "own words" where it is quoted: then
    `source` says whose words they are, and `span` when they are said or shown.
    """

    text: str
    evidence: tuple[int, ...]
    wording: Wording = "model"
    support: Support = "unchecked"
    why: str = ""
    source: Source | None = None
    span: Span | None = None


@dataclass(frozen=True)
class Moment:
    """Something in one chunk that a reader should not miss."""

    chunk: int
    span: Span
    text: str
    support: Support = "unchecked"
    why: str = ""


@dataclass(frozen=True)
class Chapter:
    """A stretch of the video with a title of its own."""

    span: Span
    title: str


@dataclass(frozen=True)
class Node:
    """One question of the tree from descriptions to summary: the proof of what was read.

    `level` counts from 1, where the descriptions are, and is 0 where a digest read them without a
    question; `chunks` are those that it tells of, `tokens` what it told of them took.
    """

    level: int
    chunks: tuple[int, ...]
    tokens: int


@dataclass(frozen=True)
class Summary:
    """What the whole video is about; `remarks` say what of the user's wishes could not be met."""

    headline: str
    sentences: tuple[Sentence, ...]
    chapters: tuple[Chapter, ...] = ()
    moments: tuple[Moment, ...] = ()
    nodes: tuple[Node, ...] = ()
    judge: str = ""
    """Who held the sentences against their descriptions, and how far that can be trusted."""
    remarks: tuple[str, ...] = ()
    headline_support: Support = "unchecked"
    made_by: str = ""
    """In words, what wrote it, and from what."""
    sparse: bool = False
    """Whether nobody described the video and words tell so little that the picture has to."""
    compared_by: str = ""
    """In words, by what a digest's sentences were compared, and why by that."""


@dataclass(frozen=True)
class Entity:
    """Someone or something that flow II knows again: its mark, what it looks like, and where."""

    mark: str
    kind: Kind
    look: str
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class Gap:
    """A chunk that the summary knows nothing of, and why."""

    chunk: int
    span: Span
    reason: str


@dataclass(frozen=True)
class Ledger:
    """What became of every planned chunk."""

    planned: int
    described: int
    reused: int
    failed: int
    summarized: int
    """Chunks that a question of the summary told of, or that a sentence rests on."""
    gaps: tuple[Gap, ...] = ()
    reuses: tuple[tuple[int, int], ...] = ()
    """Each chunk that has the description of another, with that one's number."""
    remarks: tuple[tuple[int, str], ...] = ()
    """Each chunk whose description wants a word: seen with less, cut off."""
    cited: int = 0
    """Chunks that a sentence rests on."""
    speech: str = ""
    """In words, what became of what is said; `text`: of what is written."""
    text: str = ""
    context: str = ""
    """In words, what context the chunks were described with; empty for flow I."""
    topics: str = ""
    """In words, by what the sentences of a digest were compared; empty where a model wrote."""


@dataclass(frozen=True)
class ServerUsage:
    """What one of several servers took of a stage; `failed` requests got no reply from it."""

    server: str
    cost: Cost = Cost()
    failed: int = 0


@dataclass(frozen=True)
class StageUsage:
    """What one stage cost on one engine in this run, and how many answers the store held.

    `failed` questions got no reply that could be used; `reason` is the commonest of their reasons.
    """

    stage: str
    engine: str
    cost: Cost = Cost()
    from_store: int = 0
    failed: int = 0
    reason: str = ""
    stored: Cost = Cost()
    """What the answers that the store held once cost."""
    servers: tuple[ServerUsage, ...] = ()
    """By server, where the engine has several: with requests that another one answered then."""


@dataclass(frozen=True)
class Result:
    """All that a run leaves behind."""

    video: Video
    descriptions: tuple[Description, ...]
    summary: Summary | None
    ledger: Ledger
    usage: tuple[StageUsage, ...]
    out: Path
    files: tuple[Path, ...] = ()
    entities: tuple[Entity, ...] = ()
    scan: Scan | None = None
    """What the video looks like; None where only its descriptions are known."""
    shown: str = ""
    """How much of a chunk the describer was shown at most, in words."""
    transcript: Transcript | None = field(default=None, repr=False)
    """What is said in it; None where only its descriptions are known."""


@dataclass(frozen=True)
class Arm:
    """One way to go through a video, and what came of it.

    `settings` are those that make it differ, `seconds` is how long this run took; `stages` are what
    its answers cost whenever they were given, with those from the store.
    """

    name: str
    settings: tuple[tuple[str, object], ...]
    result: Result
    seconds: float
    stages: tuple[tuple[str, Cost], ...]
    context_tokens: int
    overhead: float | None
    """Its input tokens over those of flow I; None where that took none."""
    describe_overhead: float | None
    """The same of the describe stage alone."""
    duplicates: int
    """Chunks whose description says what the one before says."""
    marks: int
    """Marks of entities that stand in more than one chunk."""

    @property
    def cost(self) -> Cost:
        """Of all stages together."""
        return sum((cost for _, cost in self.stages), Cost())


@dataclass(frozen=True)
class Worth:
    """What an arm has more of than flow I, a chunk: a mean with its 95 % interval.

    `told` says whether the data can tell that there is a difference.
    """

    arm: str
    measure: str
    pairs: int
    mean: float
    low: float
    high: float
    told: bool


@dataclass(frozen=True)
class Comparison:
    """Several ways to go through one video; the first one is flow I, and the others are held to it.

    Worths are in the order of arms and measures.
    """

    video: Video
    arms: tuple[Arm, ...]
    worths: tuple[Worth, ...]
    out: Path
    failed: tuple[tuple[str, str], ...] = ()
    """Arms of which there is nothing, by name, and why."""
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Overview:
    """What a video looks like and how it is cut into chunks, with the pictures drawn of it."""

    video: Video
    scan: Scan
    chunks: tuple[Chunk, ...]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Progress:
    """What the pipeline yields while it works: `done` of `total` units of `stage`.

    `arm` names the arm of a comparison that is at work; empty where there is but one way.
    """

    stage: str
    done: int
    total: int
    note: str = ""
    arm: str = ""
    video: Video | None = None
    """Told once, as soon as it is known."""
    description: Description | None = None
    """Told as it comes."""


Found = TypeVar("Found")
Steps = Generator[Progress, None, Found]
"""Work that tells how far it is, and returns what came of it."""
