"""Every setting once: name, type, default, help. Flags, environment and file derive from it.

A value is taken from the first of: flag, environment, `settings.toml` in the home folder, default.
Knows no engine: an engine's name is looked up by `longtake.engines`.
"""

import dataclasses
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtake.errors import UsageError

GROUPS = {
    "describing": "what describes the chunks, and what it is shown of them",
    "chunks": "how the video is cut into chunks",
    "context": "what flow II carries from chunk to chunk",
    "summary": "what the summary is like, and who writes and checks it",
    "words": "what is said and written in the video",
    "engines": "how engines are reached and run",
    "links": "what may be loaded from links",
    "output": "where results go",
    "page": "what the page allows",
}
"""What settings have to do with: each is of one group."""


def _setting(
    group: str,
    default: Any,
    help: str,  # noqa: A002
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    most_letters: int = 0,
    environment: str = "",
    metavar: str = "",
    secret: bool = False,
) -> Any:
    details = {
        "group": group,
        "help": help,
        "choices": choices,
        "minimum": minimum,
        "most_letters": most_letters,
        "environment": environment,
        "metavar": metavar,
        "secret": secret,
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
    )
    context: str = _setting(
        "context",
        "memory",
        "what the context is: the description before, a bounded memory, or all so far",
        choices=("previous", "memory", "full"),
    )
    memory_tokens: int = _setting(
        "context", 200, "most tokens that the memory may take of a chunk's prompt", minimum=32
    )
    segments: int = _setting(
        "context",
        0,
        "stretches that are described side by side, each with a context of its own"
        " (0: one for about twenty chunks)",
        minimum=0,
    )
    chunk_seconds: float = _setting("chunks", 6.0, "length of a chunk, in seconds", minimum=0.1)
    chunking: str = _setting(
        "chunks",
        "shots",
        "chunks follow the film's shots, or are all of one length",
        choices=("shots", "fixed"),
    )
    frames: int = _setting(
        "describing", 0, "most frames sent for a chunk (0: as many as suit the engine)", minimum=0
    )
    frame_side: int = _setting(
        "describing", 0, "longest side of a frame in pixels (0: the engine's own)", minimum=0
    )
    engine: str = _setting(
        "describing",
        "auto",
        "who describes the chunks, as in `longtake engines`",
        metavar="NAME[:MODEL]",
    )
    reconciler: str = _setting(
        "summary",
        "auto",
        "who writes the summary; auto: the describer where its model suffices, else the best text"
        " model that is here, else nobody: a digest of what is said and written",
        metavar="auto|digest|NAME[:MODEL]",
    )
    length: str = _setting(
        "summary", "medium", "how long the summary is", choices=("short", "medium", "long")
    )
    language: str = _setting(
        "summary",
        "",
        "language of the summary, as English names it (default: the model's choice)",
        most_letters=100,
    )
    focus: str = _setting(
        "summary",
        "",
        "what you want to know of the video, in at most 500 letters",
        metavar="TEXT",
        most_letters=500,
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
    )
    speech_tokens: int = _setting(
        "words", 200, "most tokens of speech that a chunk's prompt may hold", minimum=0
    )
    subtitles: str = _setting(
        "words",
        "auto",
        "subtitles to read in place of listening: a file; auto: those beside the video, or in it",
        metavar="auto|off|FILE",
    )
    read_text: str = _setting(
        "words", "auto", "read the text in the pictures, or not", choices=("auto", "off")
    )
    text_tokens: int = _setting(
        "words", 120, "most tokens of on-screen text that a chunk's prompt may hold", minimum=0
    )
    max_duration: float = _setting(
        "links", 21600.0, "longest video to load from a link, in seconds (0: no limit)", minimum=0
    )
    max_bytes: int = _setting(
        "links",
        4_000_000_000,
        "largest file to load from a link, in bytes (0: no limit)",
        minimum=0,
    )
    cache_bytes: int = _setting(
        "links", 20_000_000_000, "how much of what came by links is kept, in bytes", minimum=0
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
        "engines", 0, "requests under way at once (0: as many as suit the engine)", minimum=0
    )
    out: str = _setting(
        "output", "", "folder for the results (default: longtake-out/NAME-HASH)", metavar="DIR"
    )
    base_url: str = _setting(
        "engines",
        "",
        "address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1",
        environment="OPENAI_BASE_URL",
        metavar="URL",
    )
    api_key: str = _setting(
        "engines",
        "",
        "key for that server (better set in the environment)",
        environment="OPENAI_API_KEY",
        secret=True,
    )
    reconciler_base_url: str = _setting(
        "engines",
        "",
        "address of another server for the reconciler (default: the same)",
        metavar="URL",
    )
    reconciler_api_key: str = _setting("engines", "", "key for that other server", secret=True)
    ollama_url: str = _setting(
        "engines",
        "",
        "address of Ollama (default: http://127.0.0.1:11434)",
        environment="OLLAMA_HOST",
        metavar="URL",
    )
    context_tokens: int = _setting(
        "engines",
        0,
        "context length of the model (0: ask the server, or what suits `gguf` and the memory)",
        minimum=0,
    )
    frames_as: str = _setting(
        "engines",
        "images",
        "how a server is sent frames: as images, or as one video where it takes those (vLLM)",
        choices=("images", "video"),
    )
    quantize: str = _setting(
        "engines",
        "none",
        "load the weights of `transformers` models in fewer bits (8bit, 4bit: needs CUDA)",
        choices=("none", "8bit", "4bit"),
    )
    device: str = _setting(
        "engines",
        "auto",
        "where models of `transformers`, `gguf` and speech run",
        choices=("auto", "cpu", "cuda", "mps"),
    )
    timeout_seconds: float = _setting(
        "engines", 120.0, "how long to wait for one reply, in seconds", minimum=0.1
    )

    page_runs: int = _setting(
        "page", 1, "how many runs of the page work at once; others wait their turn", minimum=1
    )
    page_upload_bytes: int = _setting(
        "page", 2_000_000_000, "largest file that the page takes, in bytes", minimum=1
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
            _check(spec, getattr(self, spec.name))


def list_group(*groups: str) -> tuple[str, ...]:
    """The names of the settings of these groups, in their order."""
    return tuple(s.name for s in dataclasses.fields(Settings) if s.metadata["group"] in groups)


SECRET = frozenset(s.name for s in dataclasses.fields(Settings) if s.metadata["secret"])
"""Settings whose value is never shown or kept."""


def home_folder() -> Path:
    """Where store, models and settings file live: LONGTAKE_HOME, else ~/.longtake."""
    named = os.environ.get("LONGTAKE_HOME", "").strip()
    return Path(named).expanduser().absolute() if named else Path.home() / ".longtake"


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Settings from all their sources; UsageError names the source of a value that can't be."""
    environment = os.environ if environment is None else environment
    file = home_folder() / "settings.toml" if file is None else file
    values = _read_file(file)
    for spec in dataclasses.fields(Settings):
        for variable in (spec.metadata["environment"], f"LONGTAKE_{spec.name.upper()}"):
            if variable and environment.get(variable, "").strip():
                values[spec.name] = _convert(spec, environment[variable].strip(), variable)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    return Settings(**(values | _read_values(given, "what was given")))


def change_settings(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    """The settings with these values; UsageError names `source` where one can't be."""
    return dataclasses.replace(settings, **_read_values(values, source))


def _read_file(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"the settings file {file} can't be read: {error}", "Mend it, or move it away."
        ) from None
    return _read_values(values, f"the settings file {file}")


def _read_values(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Values by name, of the settings' own types; UsageError for one that can't be."""
    known = {spec.name: spec for spec in dataclasses.fields(Settings)}
    for name in values:
        if name not in known:
            raise UsageError(
                f"{source} has an unknown setting {name!r}", f"Known settings: {', '.join(known)}."
            )
    return {name: _convert(known[name], value, source) for name, value in values.items()}


def _convert(spec: "dataclasses.Field[Any]", value: Any, source: str) -> Any:
    kind: Any = type(spec.default)
    if kind is bool:
        return _convert_switch(spec, value, source)
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        shown = "…" if spec.name in SECRET else repr(value)
        raise UsageError(f"{spec.name} = {shown} in {source} is not a {_KINDS[kind]}")
    try:
        if kind is int and value != int(value) and not isinstance(value, str):
            raise ValueError
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{spec.name} = {value!r} in {source} is not a {_KINDS[kind]}",
            spec.metadata["help"].capitalize() + ".",
        ) from None


_SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _convert_switch(spec: "dataclasses.Field[Any]", value: Any, source: str) -> bool:
    switch = _SWITCHES.get(str(value).casefold())
    if switch is None:
        raise UsageError(
            f"{spec.name} = {value!r} in {source} is neither true nor false",
            spec.metadata["help"].capitalize() + ".",
        )
    return switch


_KINDS = {int: "whole number", float: "number", str: "text"}


def _check(spec: "dataclasses.Field[Any]", value: Any) -> None:
    choices, minimum = spec.metadata["choices"], spec.metadata["minimum"]
    most_letters = spec.metadata["most_letters"]
    flag = "--" + spec.name.replace("_", "-")
    if choices and value not in choices:
        raise UsageError(f"{flag} {value!r} is unknown", f"Known: {', '.join(choices)}.")
    if minimum is not None and not (minimum <= value and math.isfinite(value)):
        raise UsageError(
            f"{flag} {value} is out of range", f"It must be at least {minimum} and finite."
        )
    if most_letters and len(value) > most_letters:
        raise UsageError(
            f"{flag} is {len(value):,} letters long: {value[:40]!r} …",
            f"It may have at most {most_letters}: it stands in every question.",
        )
