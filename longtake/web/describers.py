"""Who can describe the pictures, as the page offers it, and what each of them can't be asked.

Models of this process, of servers that answer on this machine, and of those that were connected.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from longtake.doctor.servers import Server, find_servers, is_near, look_at
from longtake.engines import (
    AUTO,
    DIGEST,
    ENGINES,
    WORDLESS,
    choose_engine,
    choose_reconciler,
    open_engine,
)
from longtake.errors import UsageError
from longtake.models.table import find_vlms_here
from longtake.pipeline.open_engines import may_write
from longtake.runs.servers import Connected, connect
from longtake.settings import Settings, change_settings
from longtake.web.format import sentence_case

OLLAMA = "Ollama"
MOST_OF_SERVER = 12
"""Models of one server that was found: more would hide the others."""
TEST_SECONDS = 8.0
SIGHT_SECONDS = 90.0
"""For a look at one tiny picture; a server may have to load its model first."""


@dataclass(frozen=True)
class Describer:
    """One choice: what the page calls it, what to know of it, and the settings that mean it."""

    value: str
    label: str
    hint: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        """The engine's name, as the settings have it."""
        return self.settings.get("engine", self.value)


def list_describers(
    settings: Settings, found: Sequence[Server] = (), connected: Sequence[Connected] = ()
) -> list[Describer]:
    """Automatic first, then those that can serve on this machine as it is, each once."""
    chosen, why = choose_engine()
    offered = [_plain(AUTO, f"Automatic: {chosen}", why.replace("`", ""))]
    if settings.engine != AUTO:
        hint = ENGINES.get(settings.engine.partition(":")[0], "as the settings name it")
        offered.append(_plain(settings.engine, settings.engine, hint))
    offered += [
        _plain(f"gguf:{model.name}", model.name, "a vision-language model that is here")
        for model in find_vlms_here()
    ]
    for known in connected:
        offered += [_of_server(known.address, known.kind, model) for model in known.models]
    offered += _of_found(found)
    offered.append(_plain("sketch", "sketch", ENGINES["sketch"]))
    if settings.base_url:
        offered.append(_plain("server", "server", "the server that the settings name"))
    return list({choice.value: choice for choice in reversed(offered)}.values())[::-1]


def _plain(engine: str, label: str, hint: str) -> Describer:
    return Describer(engine, label, sentence_case(hint), {"engine": engine})


def _of_found(found: Sequence[Server]) -> Iterator[Describer]:
    """Models that may see; of Ollama, which knows, those that do."""
    for server in found:
        for model in list_seeing(server)[:MOST_OF_SERVER]:
            yield _of_server(server.address, server.kind, model)


def list_seeing(server: Server) -> list[str]:
    """The models of a server that take images, or may: only Ollama says it of each."""
    sure = _is_ollama(server.kind)
    return [m.id for m in server.models if m.images or (m.images is None and not sure)]


def _of_server(address: str, kind: str, model: str) -> Describer:
    where = urlsplit(address).netloc
    if _is_ollama(kind):
        engine, named = f"ollama:{model}", {"ollama_url": address.removesuffix("/v1")}
    else:
        engine, named = f"server:{model}", {"base_url": address}
    hint = f"{kind or 'A server'} at {where}: the frames go there, and nowhere else."
    return Describer(
        f"{engine} at {address}", f"{model} ({kind or where})", hint, {"engine": engine, **named}
    )


def _is_ollama(kind: str) -> bool:
    return kind == OLLAMA


def find_nearby(settings: Settings) -> tuple[Server, ...]:
    """The servers that answer on this machine's usual ports, and those that the settings name."""
    return tuple(server for server in find_servers(settings) if server.models)


def ask_server(address: str, key: str) -> Server:
    """The server there, with what it lists; UsageError where it can't be used, and why."""
    found = look_at(address, key.strip(), TEST_SECONDS)
    if not found.models:
        trouble = found.trouble or "lists no models"
        whole = trouble.startswith("the server")
        raise UsageError(
            trouble if whole else f"the server at {found.address} {trouble}",
            "Is it running there? Does it want another key? Most addresses end in /v1.",
        )
    return found


def connect_model(server: Server, model: str, key: str, settings: Settings) -> Describer:
    """Show the model a tiny picture, and remember it with its server once it has taken it."""
    choice = _of_server(server.address, server.kind, model)
    asked = change_settings(settings, choice.settings, "the page")
    asked = change_settings(
        asked, {"api_key": key.strip(), "timeout_seconds": SIGHT_SECONDS}, "the page"
    )
    with open_engine(choice.engine, asked) as engine:
        engine.check_sight()
    connect(Connected(server.address, server.kind, (model,), key.strip()))
    return choice


def list_barred(engine: str, settings: Settings) -> dict[str, str]:
    """What can't be chosen beside that engine, by the form's names, each with the reason."""
    if engine == AUTO:
        engine = choose_engine()[0]
    barred = {}
    kind = engine.partition(":")[0]
    if kind in WORDLESS:
        barred["flow"] = (
            f"{kind} reads no text, so it can't be told of earlier chunks: it describes each on"
            " its own."
        )
    if not _has_writer(engine, settings):
        barred["language"] = (
            "No language model is here to write the summary: it quotes what is said and written,"
            " in the language of the video."
        )
    return barred


def _has_writer(engine: str, settings: Settings) -> bool:
    """Whether a model writes the summary; what a server has is not known before it is asked."""
    if settings.reconciler != AUTO:
        return settings.reconciler != DIGEST
    return may_write(engine) or choose_reconciler(None)[0] != DIGEST


def say_risk(server: Server, key: str) -> str:
    """A warning where what is sent can be read on its way; empty where it can't."""
    if server.address.startswith("https://") or is_near(server.address.partition("://")[2]):
        return ""
    what = "The key and the frames go" if key else "The frames go"
    return f"{what} there without encryption. Most servers outside your network offer https."
