"""Every setting once: name, type, default, help. Flags, environment and file derive from it.

A value is taken from the first of: flag, environment, `settings.toml` in the home folder, default;
one that can't be is blamed on where it stands, if it is used. Two that mean the same are one.
Knows no engine: `longtake.engines` looks up names.
"""

import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from longtake.errors import UsageError

GROUPS = {
    "describing": "who sees it, and what it is shown",
    "chunks": "what to see: how the video is cut into chunks",
    "context": "what it remembers of earlier chunks (flow context)",
    "summary": "what the summary is like, and who writes and checks it",
    "words": "what to hear and read",
    "links": "links: what may be loaded",
    "output": "output",
    "engines": "machine and servers",
    "page": "page",
}
"""What settings have to do with: each is of one group."""

MOST_FILE_BYTES = 1 << 20
"""A settings file has a few lines; more is not read."""
MOST_SHOWN = 100
"""Letters of a value that a message shows."""
MOST_OF_CODE = 3
"""Letters of a word that may be a language's code, and is no name to be written with a capital."""

IN_FILE, IN_OTHERS_VARIABLE, IN_VARIABLE, IN_CALL = range(4)
"""Where a value can stand: what comes later goes before."""


@dataclass(frozen=True)
class Placed:
    """A setting's value as it stands somewhere, perhaps one that can't be, and what to call that.

    `rank` is one of IN_FILE to IN_CALL.
    """

    name: str
    value: Any
    place: str
    rank: int


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
        "address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1",
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
        "address of another server for the reconciler (default: the same)",
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
        metavar="SECONDS",
    )

    page_runs: int = _setting(
        "page",
        1,
        "how many runs of the page work at once; others wait their turn",
        minimum=1,
        metavar="N",
    )
    page_upload_bytes: int = _setting(
        "page",
        2_000_000_000,
        "largest file that the page takes, in bytes",
        minimum=1,
        metavar="BYTES",
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
            _check(spec, getattr(self, spec.name), spec.name)


def list_group(*groups: str) -> tuple[str, ...]:
    """The names of the settings of these groups, in their order."""
    return tuple(s.name for s in dataclasses.fields(Settings) if s.metadata["group"] in groups)


def name_flag(setting: str) -> str:
    """The flag of a setting."""
    return "--" + setting.replace("_", "-")


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
    flag_form: Callable[[str], str] = str,
    used: Collection[str] | None = None,
    pass_over: Callable[[UsageError], object] = lambda error: None,
) -> Settings:
    """Settings from all their sources; UsageError names the place of a value that can't be.

    `flag_form` makes of a setting's name what its flag is called where it was given. Only what is
    `used` (None: all) stops it: another one that can't be is passed over, and has its default.
    """
    found = find_places(flags, environment, file, flag_form)
    values = {}
    for name, placed in found.items():
        try:
            values[name] = _read(name, placed.value, placed.place)
        except UsageError as error:
            if _is_used(name, used):
                raise
            pass_over(error)
    return Settings(**{**values, **_name_implied(found, values)})


def _is_used(name: str, used: Collection[str] | None) -> bool:
    """Whether the setting of that name matters, or the nearest; where none is near, any may."""
    meant = _find_meant(name)
    return used is None or meant in used or (not meant and bool(used))


def find_places(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
    flag_form: Callable[[str], str] = str,
) -> dict[str, Placed]:
    """Where each setting stands that isn't left to its default, its value not looked at yet."""
    environment = os.environ if environment is None else environment
    file = home_folder() / "settings.toml" if file is None else file
    given = [Placed(n, v, flag_form(n), IN_CALL) for n, v in (flags or {}).items() if v is not None]
    found = [*_list_lines(file), *_list_variables(environment), *given]
    return {placed.name: placed for placed in found}


def _name_implied(found: Mapping[str, Placed], values: Mapping[str, Any]) -> dict[str, Any]:
    """The engine that an address is for, and the flow of what only one of them has.

    What is named in a place as good, or names that engine already, stays. Variables of other
    programs imply nothing; nor does what stands for flow II in the file or the environment: it is
    there for the runs that take it.
    """
    named: dict[str, Any] = {}
    for placed in sorted(found.values(), key=lambda placed: -placed.rank):
        if not values.get(placed.name):
            continue
        details = _SPECS[placed.name].metadata
        name, of = details["implies"], details["of"]
        may_imply = placed.rank == IN_CALL or (name != "flow" and placed.rank != IN_OTHERS_VARIABLE)
        if name and name not in named and may_imply:
            said = values.get(name)
            is_of = str(said).partition(":")[0] == of
            stays = name in values and (is_of or found[name].rank >= placed.rank)
            named[name] = said if stays else of
    return named


def change_settings(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    """The settings with these values; UsageError names `source` where one can't be."""
    read = {name: _read(name, value, f"{name} in {source}") for name, value in values.items()}
    return dataclasses.replace(settings, **read)


def list_idle(settings: Settings, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Which of these settings have no effect beside the others, and what they would matter to."""
    named = {getattr(settings, n).partition(":")[0] for n in ("flow", *_NAME_ENGINES)}
    for name in names:
        of = _SPECS[name].metadata["of"]
        if of and of not in named:
            yield name, of


def list_unknown_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that are named like a setting's and are none's, each with the nearest one."""
    known = ("HOME", *map(str.upper, _SPECS))
    for variable in environment:
        name = variable.removeprefix("LONGTAKE_")
        if name != variable and name not in known:
            near = get_close_matches(name, known, 1)
            yield variable, f"LONGTAKE_{near[0]}" if near else ""


def _list_lines(file: Path) -> Iterator[Placed]:
    """The lines of the settings file."""
    data = b""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_FILE_BYTES + 1)
        text = data.decode("utf-8-sig")  # editors on Windows put a mark before it
        if len(data) > MOST_FILE_BYTES:
            raise ValueError(f"it has more than {MOST_FILE_BYTES >> 20} MiB")
        values = tomllib.loads(text)
    except FileNotFoundError:
        return
    except (OSError, RecursionError, ValueError) as error:  # of TOML, and of numbers without end
        raise UsageError(
            f"the settings file {file} can't be read: {_say_damage(error, data)}",
            "Mend it, or move it away.",
        ) from None
    lines = text.splitlines()
    for name, value in values.items():
        starts = re.compile(rf"""\s*["'\[]?{re.escape(name)}\b""")
        number = next((n for n, line in enumerate(lines, 1) if starts.match(line)), 1)
        yield Placed(name, value, f"{_shorten(name)} in {file}, line {number}", IN_FILE)


def _say_damage(error: Exception, data: bytes) -> str:
    """What is wrong with a settings file of these bytes."""
    if isinstance(error, UnicodeDecodeError):
        line = data.count(b"\n", 0, error.start) + 1
        return f"line {line} is not UTF-8; save it with that encoding"
    if isinstance(error, RecursionError):
        return "its brackets are nested too deep"
    return _shorten(getattr(error, "strerror", None) or str(error))


def _list_variables(environment: Mapping[str, str]) -> Iterator[Placed]:
    """The variables that other programs read too, then settings' own: those go before."""
    for rank in (IN_OTHERS_VARIABLE, IN_VARIABLE):
        for name, spec in _SPECS.items():
            of_others = spec.metadata["environment"]
            variable = f"LONGTAKE_{name.upper()}" if rank == IN_VARIABLE else of_others
            if variable and (value := environment.get(variable, "").strip()):
                yield Placed(name, value, f"{variable} in the environment", rank)


def _read(name: str, value: Any, place: str) -> Any:
    """The value as the setting's own type; UsageError names the place of one that can't be."""
    if name not in _SPECS:
        raise _unknown(name, value, place)
    spec = _SPECS[name]
    converted = _convert(spec, value, place)
    _check(spec, converted, place)
    return converted


def _unknown(name: str, value: Any, place: str) -> UsageError:
    hint = "`longtake summarize --help-all` lists all settings, there with `-` in place of `_`."
    if near := _find_meant(name):
        hint = f"Did you mean {near}?"
    elif isinstance(value, Mapping):
        hint = 'Settings are lines such as `length = "short"`, in no [table].'
    where = place.removeprefix(_shorten(name))
    return UsageError(f"unknown setting {_show(name)}{where}", hint)


def _find_meant(name: str) -> str:
    """The setting of that name, or the nearest; empty where none is near."""
    return name if name in _SPECS else next(iter(get_close_matches(name, _SPECS, 1)), "")


def _convert(spec: "dataclasses.Field[Any]", value: Any, place: str) -> Any:
    kind: Any = type(spec.default)
    shown = "…" if spec.name in SECRET else _show(value)
    wrong = UsageError(f"{place}: {shown} is not a {_KINDS[kind]}", _say_help(spec))
    if kind is bool:
        if (switch := _SWITCHES.get(_show(value).strip("'").casefold())) is None:
            raise wrong
        return switch
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise wrong
    try:
        if kind is int and value != int(value) and not isinstance(value, str):
            raise wrong
        return _tidy(spec.name, value) if kind is str else kind(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None


def _tidy(name: str, text: str) -> str:
    """The text in the one form of all that mean the same."""
    text = text.strip()
    if name.endswith("_url"):
        return text.rstrip("/")
    if name == "language":  # its codes, of two or three letters, stay as they are
        return " ".join(map(_write_name, text.split()))
    return text


def _write_name(word: str) -> str:
    """A word of a language's name with its capital, where all its letters are alike."""
    alike = word.isalpha() and (word.islower() or word.isupper())
    return word.capitalize() if alike and len(word) > MOST_OF_CODE else word


_SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "whole number", float: "number", str: "text", bool: "switch: true or false"}


def _check(spec: "dataclasses.Field[Any]", value: Any, place: str) -> None:
    choices, minimum = spec.metadata["choices"], spec.metadata["minimum"]
    most_letters = spec.metadata["most_letters"]
    if choices and value not in choices:
        near = get_close_matches(value, choices, 1)
        meant = f"Did you mean {near[0]}? " if near else ""
        said = f"{place}: {_show(value)} is unknown"
        raise UsageError(said, f"{meant}Known: {', '.join(choices)}.")
    if minimum is not None and not (minimum <= value and _is_finite(value)):
        raise UsageError(
            f"{place}: {_show(value)} is out of range", f"It must be at least {minimum} and finite."
        )
    if most_letters and len(value) > most_letters:
        raise UsageError(
            f"{place} is {len(value):,} letters long: {value[:40]!r} …",
            f"It may have at most {most_letters}: it stands in every question.",
        )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no machine counts to
        return False


def _show(value: object) -> str:
    """A value as it may stand in a message, in short."""
    try:
        return _shorten(repr(value))
    except (RecursionError, ValueError):  # Python writes no number of more than 4,300 digits
        return "a value that can't be shown"


def _shorten(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"


def _say_help(spec: "dataclasses.Field[Any]") -> str:
    text: str = spec.metadata["help"]
    return f"{text[0].upper()}{text[1:]}."


_SPECS = {spec.name: spec for spec in dataclasses.fields(Settings)}
_NAME_ENGINES = ("engine", "reconciler", "judge", "embedder")
"""Settings whose value begins with an engine's name."""
