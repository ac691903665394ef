"""Every setting once: name, type, default, help. Flags, environment and file derive from it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from longtake.settings.values import check

GROUPS = {
    "describing": "who sees it, and what it is shown",
    "chunks": "what to see: how the video is cut into chunks",
    "context": "what it remembers of earlier chunks (flow context)",
    "summary": "what the summary is like, and who writes and checks it",
    "words": "what to hear and read",
    "asking": "questions to the library",
    "links": "links: what may be loaded",
    "output": "output",
    "engines": "machine and servers",
    "page": "page and programs",
}


def _setting(
    group: str,
    default: Any,
    help: str,  # noqa: A002
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    most_letters: int = 0,
    environment: str = "",
    metavar: str = "",
    secret: bool = False,
    basic: bool = False,
    of: str = "",
    implies: str = "",
) -> Any:
    """`basic`: what people set first. `of`: it matters only where a setting names that engine or
    flow; `implies`: the setting that it names then, where no place as good says otherwise.
    """
    details = {
        "group": group,
        "help": help,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "most_letters": most_letters,
        "environment": environment,
        "metavar": metavar,
        "secret": secret,
        "basic": basic,
        "of": of,
        "implies": implies,
    }
    return dataclasses.field(default=default, metadata=details)


@dataclass(frozen=True)
class Settings:
    """One run's settings. Each field is a flag, a line of the file, and LONGTAKE_<NAME>."""

    flow: str = _setting(
        "describing",
        "independent",
        "chunks are described each on its own, or with the context of earlier ones",
        choices=("independent", "context"),
        basic=True,
    )
    context: str = _setting(
        "context",
        "memory",
        "what the context is: the description before, a bounded memory, or all so far",
        choices=("previous", "memory", "full"),
        of="context",
        implies="flow",
    )
    memory_tokens: int = _setting(
        "context",
        200,
        "most tokens that the memory may take of a chunk's prompt",
        minimum=32,
        metavar="TOKENS",
        of="context",
        implies="flow",
    )
    segments: int = _setting(
        "context",
        0,
        "stretches that are described side by side, each with a context of its own"
        " (0: one for about twenty chunks)",
        minimum=0,
        metavar="N",
        of="context",
        implies="flow",
    )
    chunk_seconds: float = _setting(
        "chunks",
        6.0,
        "length of a chunk, in seconds",
        minimum=0.1,
        basic=True,
        metavar="SECONDS",
    )
    chunking: str = _setting(
        "chunks",
        "shots",
        "chunks follow the film's shots, or are all of one length",
        choices=("shots", "fixed"),
    )
    frames: int = _setting(
        "describing",
        0,
        "most frames sent for a chunk (0: as many as suit the engine)",
        minimum=0,
        metavar="N",
    )
    frame_side: int = _setting(
        "describing",
        0,
        "longest side of a frame in pixels (0: the engine's own)",
        minimum=0,
        metavar="PIXELS",
    )
    engine: str = _setting(
        "describing",
        "auto",
        "who describes the chunks, as in `longtake engines`",
        metavar="NAME[:MODEL]",
        basic=True,
    )
    actions: str = _setting(
        "describing",
        "off",
        "a model that names what is done in clips of each chunk, beside its description: a folder"
        " or a model of the hub, such as google/vivit-b-16x2-kinetics400; off: none",
        metavar="off|MODEL",
    )
    reconciler: str = _setting(
        "summary",
        "auto",
        "who writes the summary; auto: the describer where its model suffices, else the best text"
        " model that is here, else nobody: a digest of what is said and written",
        metavar="auto|digest|NAME[:MODEL]",
        basic=True,
    )
    length: str = _setting(
        "summary",
        "medium",
        "how long the summary is",
        choices=("short", "medium", "long"),
        basic=True,
    )
    language: str = _setting(
        "summary",
        "",
        "language of the summary, as English names it (default: the model's choice)",
        most_letters=100,
        basic=True,
        metavar="LANGUAGE",
    )
    focus: str = _setting(
        "summary",
        "",
        "what you want to know of the video, in at most 500 letters",
        metavar="TEXT",
        most_letters=500,
        basic=True,
    )
    embedder: str = _setting(
        "summary",
        "auto",
        "which model tells what sentences are about, for a digest: minilm (English), server:MODEL,"
        " ollama:MODEL, a folder or a model of the hub in ONNX form, or words (no model); auto:"
        " minilm for English, words for other languages",
        metavar="auto|words|NAME",
    )
    judge: str = _setting(
        "summary",
        "auto",
        "who holds each sentence of the summary against its descriptions, beside the check of their"
        " words; auto: the reconciler",
        metavar="auto|off|NAME[:MODEL]",
    )
    strict: bool = _setting("summary", False, "leave out what the check finds unsupported")
    speech: str = _setting(
        "words",
        "auto",
        "who hears the speech: a Whisper model (tiny.en, small, large-v3-turbo, …) or a folder"
        " with one; auto: the best that is here, else tiny.en; off: nobody",
        metavar="auto|off|MODEL",
        basic=True,
    )
    speech_tokens: int = _setting(
        "words",
        200,
        "most tokens of speech that a chunk's prompt may hold",
        minimum=0,
        metavar="TOKENS",
    )
    subtitles: str = _setting(
        "words",
        "auto",
        "subtitles to read in place of listening: a file; auto: those beside the video, or in it",
        metavar="auto|off|FILE",
        basic=True,
    )
    read_text: str = _setting(
        "words",
        "auto",
        "read the text in the pictures, or not",
        choices=("auto", "off"),
        basic=True,
    )
    text_tokens: int = _setting(
        "words",
        120,
        "most tokens of on-screen text that a chunk's prompt may hold",
        minimum=0,
        metavar="TOKENS",
    )
    looks: int = _setting(
        "asking",
        8,
        "most requests to look again at frames, where what is known does not settle a question"
        " (0: none)",
        minimum=0,
        basic=True,
        metavar="N",
    )
    max_duration: float = _setting(
        "links",
        21600.0,
        "longest video to load from a link, in seconds (0: no limit)",
        minimum=0,
        metavar="SECONDS",
    )
    max_bytes: int = _setting(
        "links",
        4_000_000_000,
        "largest file to load from a link, in bytes (0: no limit)",
        minimum=0,
        metavar="BYTES",
    )
    cache_bytes: int = _setting(
        "links",
        20_000_000_000,
        "how much of what came by links is kept, in bytes",
        minimum=0,
        metavar="BYTES",
    )
    allow_private_addresses: bool = _setting(
        "links", False, "load links to this machine and to private networks, too"
    )
    cookies: str = _setting(
        "links",
        "",
        "cookies for sites that want a sign-in: a file in Netscape's form, as browsers' add-ons"
        " write it",
        metavar="FILE",
    )
    at_once: int = _setting(
        "engines",
        0,
        "requests under way at once (0: as many as suit the engine)",
        minimum=0,
        metavar="N",
    )
    out: str = _setting(
        "output",
        "",
        "folder for the results (default: longtake-out/NAME)",
        metavar="DIR",
        basic=True,
    )
    base_url: str = _setting(
        "engines",
        "",
        "address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1; several of the"
        " same model, parted by commas, share the requests",
        environment="OPENAI_BASE_URL",
        metavar="URL",
        basic=True,
        of="server",
        implies="engine",
    )
    api_key: str = _setting(
        "engines",
        "",
        "key for that server (better set in the environment)",
        environment="OPENAI_API_KEY",
        secret=True,
        metavar="KEY",
        of="server",
    )
    reconciler_base_url: str = _setting(
        "engines",
        "",
        "address of another server for the reconciler, or of several (default: the same)",
        metavar="URL",
        of="server",
        implies="reconciler",
    )
    reconciler_api_key: str = _setting(
        "engines",
        "",
        "key for that other server",
        secret=True,
        metavar="KEY",
        of="server",
    )
    ollama_url: str = _setting(
        "engines",
        "",
        "address of Ollama (default: http://127.0.0.1:11434)",
        environment="OLLAMA_HOST",
        metavar="URL",
        of="ollama",
        implies="engine",
    )
    context_tokens: int = _setting(
        "engines",
        0,
        "context length of the model (0: ask the server, or what suits `gguf` and the memory)",
        minimum=0,
        metavar="TOKENS",
    )
    frames_as: str = _setting(
        "engines",
        "images",
        "how a server is sent frames: as images, or as one video where it takes those (vLLM)",
        choices=("images", "video"),
        of="server",
    )
    quantize: str = _setting(
        "engines",
        "none",
        "load the weights of `transformers` models in fewer bits (8bit, 4bit: needs CUDA)",
        choices=("none", "8bit", "4bit"),
        of="transformers",
    )
    device: str = _setting(
        "engines",
        "auto",
        "where models of `transformers`, `gguf` and speech run",
        choices=("auto", "cpu", "cuda", "mps"),
    )
    hwaccel: str = _setting(
        "engines",
        "off",
        "decode the frames that are shown on a graphics card, where it can (auto: any)",
        choices=("off", "auto", "cuda", "vaapi", "videotoolbox"),
    )
    timeout_seconds: float = _setting(
        "engines",
        120.0,
        "how long to wait for one reply, in seconds",
        minimum=0.1,
        maximum=1_000_000,
        metavar="SECONDS",
    )

    page_runs: int = _setting(
        "page",
        1,
        "how many runs of the page and of programs work at once; others wait their turn",
        minimum=1,
        metavar="N",
    )
    page_upload_bytes: int = _setting(
        "page",
        2_000_000_000,
        "largest file that the page and programs may upload, in bytes",
        minimum=1,
        metavar="BYTES",
    )

    page_key: str = _setting(
        "page",
        "",
        "what opens the page, in the link that is printed (default: one that is made once and kept;"
        " off: whoever reaches the page is let in)",
        secret=True,
        metavar="KEY",
    )

    def for_reconciler(self) -> "Settings":
        """These settings with the reconciler's own server, where it has one.

        The describer's key never goes to another address, nor its model's context length.
        """
        if not self.reconciler_base_url:
            return self
        return dataclasses.replace(
            self,
            base_url=self.reconciler_base_url,
            api_key=self.reconciler_api_key,
            context_tokens=0,
        )

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            check(spec, getattr(self, spec.name), spec.name)


def list_group(*groups: str) -> tuple[str, ...]:
    """The names of the settings of these groups, in their order."""
    return tuple(s.name for s in dataclasses.fields(Settings) if s.metadata["group"] in groups)


OF_RUN = list_group(*(group for group in GROUPS if group not in ("asking", "page")))
"""Every setting but those of questions, and of the page itself."""
OF_RECONCILING = list_group("summary", "engines", "output")
OF_DESCRIBING = tuple(
    name for name in OF_RUN if name not in list_group("summary") and "reconciler" not in name
)
OF_SCAN = list_group("chunks", "links", "output")
OF_TRANSCRIPT = ("speech", "subtitles", "device", *list_group("links", "output"))
"""What each way to go through a video uses."""


def name_flag(setting: str) -> str:
    """The flag of a setting."""
    return "--" + setting.replace("_", "-")


SECRET = frozenset(s.name for s in dataclasses.fields(Settings) if s.metadata["secret"])
"""Settings whose value is never shown or kept."""
SPECS = {spec.name: spec for spec in dataclasses.fields(Settings)}
NAME_ENGINES = ("engine", "reconciler", "judge", "embedder")
"""Settings whose value begins with an engine's name."""
