"""What is here, what would run well on it, and why: findings as plain records, and one advice.

Fetches nothing, loads no model, and asks servers only what they serve. Speeds are estimates.
"""

import importlib.metadata
import importlib.util
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from longtake.describe.frame_limits import View
from longtake.doctor.candidates import CANDIDATES, Fit, fit_candidate, list_places
from longtake.doctor.servers import USUAL_PORTS, Server, find_servers, run_together
from longtake.engines import DIGEST, choose_engine, choose_reconciler
from longtake.inference.engine import Capabilities
from longtake.installation import say_extra_install, say_pip_install
from longtake.machine import (
    Gpu,
    Machine,
    Speed,
    count_cores,
    find_gpus,
    free_disk,
    measure_speed,
    name_cpu,
    read_memory,
)
from longtake.models.table import MINILM, MODELS, SPEECH_MODELS, VLMS, is_model_here
from longtake.settings import Settings, home_folder
from longtake.text.untrusted import one_line
from longtake.words.speech.whisper import choose_speech_model

PROBE_SECONDS = 2.3
"""For all that is asked side by side; what takes longer is left out, and noted."""
PATIENCE = 10.0
"""A model is advised if a video takes at most so many times its own length."""
BUSY_SHARE = 0.5
"""Of the cores: with more at work, others slow down what runs here."""
PACKAGES = (
    "xllamacpp", "transformers", "torch", "accelerate", "bitsandbytes", "yt-dlp", "deno",
    "streamlit",
)  # fmt: skip
USUAL = Capabilities(images=None, context_tokens=0)
"""What engines have that know no better."""

_SEEING = re.compile(
    r"vl\b|vlm|vision|llava|minicpm-?[vo]|internvl|gemma-?3|pixtral|moondream", re.I
)
"""Names of models that take images, where their server does not say."""


@dataclass(frozen=True)
class Kept:
    """A model of the table, or one of the hub's cache; `here`: with all its weights."""

    name: str
    engine: str
    bytes: int
    here: bool
    images: bool


@dataclass(frozen=True)
class Package:
    """One that engines, links or the page need; `version` is empty where it is not installed."""

    name: str
    version: str
    note: str = ""


@dataclass(frozen=True)
class Advice:
    """What would describe now; `command` gets something better, if there is, and `better` why."""

    engine: str
    why: str
    better: str = ""
    command: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found; `speed` is None where it could not be measured."""

    machine: Machine
    speed: Speed | None
    home: Path
    free_disk: int
    servers: tuple[Server, ...]
    ports: tuple[int, ...]
    models: tuple[Kept, ...]
    speech: str
    """What would hear the speech, in words; `writer`: who would write the summary."""
    writer: str
    packages: tuple[Package, ...]
    fits: tuple[Fit, ...]
    advice: Advice
    notes: tuple[str, ...]


def inspect(
    settings: Settings,
    ports: Iterable[int] = USUAL_PORTS,
    environment: Mapping[str, str] | None = None,
) -> Findings:
    """Look at everything side by side, for `PROBE_SECONDS` at most."""
    from huggingface_hub.constants import HF_HUB_CACHE

    ports = tuple(ports)
    cores = count_cores()
    probes: dict[str, Callable[[], Any]] = {
        "the graphics cards": find_gpus,
        "the servers": partial(find_servers, settings, ports, environment),
        "the hub's cache": find_cached,
        "llama.cpp": find_llama_cards,
        "the machine's speed": partial(measure_speed, cores),
    }
    found = run_together(probes, PROBE_SECONDS)
    gpus, notes = found.get("the graphics cards") or ((), ())
    machine = Machine(cores, name_cpu(), read_memory(), gpus)
    packages = list_packages()
    cards = {
        "gguf": found.get("llama.cpp") or (),
        "transformers": find_torch_cards(packages, gpus),
    }
    speed = found.get("the machine's speed")
    fits = fit_all(settings, machine, speed, cards)
    cached, trouble = found.get("the hub's cache") or ((), "")
    known = [
        Kept(model.name, "gguf", model.bytes, is_model_here(model), model in VLMS)
        for model in MODELS.values()
    ]
    models = (*known, *cached)
    servers = found.get("the servers") or ()
    room = {"gguf": free_disk(home_folder()), "transformers": free_disk(Path(HF_HUB_CACHE))}
    said = [f"{name}: no answer in {PROBE_SECONDS:g} s" for name in probes if name not in found]
    said += [trouble, _say_busy(machine), *_say_unused(gpus, cards, packages)]
    return Findings(
        machine=machine,
        speed=speed,
        home=home_folder(),
        free_disk=room["gguf"],
        servers=servers,
        ports=ports,
        models=models,
        speech=say_speech_model(),
        writer=say_writer(),
        packages=packages,
        fits=fits,
        advice=advise(settings, servers, models, packages, fits, room),
        notes=(*notes, *(note for note in said if note)),
    )


def fit_all(
    settings: Settings, machine: Machine, speed: Speed | None, cards: Mapping[str, Sequence[str]]
) -> tuple[Fit, ...]:
    """How each candidate does; `cards` are the kinds that each engine can use."""
    wanted = View(
        settings.frames or USUAL.frames_per_chunk, settings.frame_side or USUAL.frame_side
    )
    usual = 1 + math.ceil(settings.chunk_seconds / USUAL.frame_seconds)
    places = {
        engine: list_places(machine, speed, engine, kinds, settings.device)
        for engine, kinds in cards.items()
    }
    return tuple(fit_candidate(c, places[c.engine], wanted, usual) for c in CANDIDATES)


def say_writer() -> str:
    """Who writes the summary where the describer's own model does not suffice."""
    name, _ = choose_reconciler(None)
    if name != DIGEST:
        return f"the describer, else {name}"
    size = f"{MINILM.bytes / 2**20:.0f} MiB"
    here = "here" if is_model_here(MINILM) else f"fetched with the first run, {size}"
    return f"the describer, else a digest by {MINILM.name}, {here}"


def say_speech_model() -> str:
    """What would hear the speech, and whether it is here."""
    name = choose_speech_model("auto")
    model = SPEECH_MODELS.get(name)
    if not model or is_model_here(model):
        return f"{name} (Whisper) is here"
    size = f"{model.bytes / 2**20:.0f} MiB"
    return f"{name} (Whisper) is fetched when the first voice is heard, {size}"


def find_cached(folder: Path | None = None) -> tuple[tuple[Kept, ...], str]:
    """Models in the Hugging Face hub's cache that take images, and what was wrong with it.

    The cache is the user's own, unless another is named.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        scanned = scan_cache_dir(folder)
    except CacheNotFound:
        return (), ""
    except (OSError, ValueError) as error:
        return (), f"the Hugging Face cache can't be read: {one_line(str(error))[:200]}"
    kept = [
        Kept(one_line(repo.repo_id), "transformers", repo.size_on_disk, whole, images=True)
        for repo in sorted(scanned.repos, key=lambda repo: str(repo.repo_id))
        if repo.repo_type == "model" and (whole := _has_weights(repo)) is not None
    ]
    broken = len(scanned.warnings)
    trouble = f"{broken} broken entries in the Hugging Face cache are passed over"
    return tuple(kept), trouble if broken else ""


def _has_weights(repo: Any) -> bool | None:
    """Whether a repository of the cache has weights; None where it is no vision-language model."""
    for revision in repo.revisions:
        files = {file.file_name: file.file_path for file in revision.files}
        if "config.json" in files and _takes_images(files["config.json"]):
            return any(name.endswith(".safetensors") for name in files)
    return None


def _takes_images(config: Path) -> bool:
    """Whether a config.json is that of a model that writes text about images."""
    try:
        facts = json.loads(config.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(facts, dict) or not isinstance(facts.get("vision_config"), dict):
        return False
    writes = re.compile(r"ForConditionalGeneration|ForCausalLM|Chat|MiniCPM")
    names = facts.get("architectures")
    return isinstance(names, list) and any(writes.search(str(name)) for name in names)


def list_packages() -> tuple[Package, ...]:
    """What engines, links and the page need, and what is here of it; none is imported."""
    found = []
    for name in PACKAGES:
        version = ""
        with suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
        note = _torch_build() if name == "torch" and version else ""
        found.append(Package(name, version, note))
    return tuple(found)


def _torch_build() -> str:
    """What PyTorch was built for, as its own file of versions says."""
    spec = importlib.util.find_spec("torch")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        try:
            text = (Path(folder) / "version.py").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for name, title in (("cuda", "CUDA"), ("hip", "ROCm")):
            if found := re.search(rf"^{name}\b[^=\n]*= *['\"]([\w.]+)", text, re.MULTILINE):
                return f"{title} {found[1]}"
    return "Metal" if sys.platform == "darwin" else "CPU only"


def find_torch_cards(packages: Sequence[Package], gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """The kinds of cards that PyTorch here can use; where it is not installed, those that are."""
    torch = next(package for package in packages if package.name == "torch")
    if not torch.version:
        return tuple(gpu.kind for gpu in gpus)
    kinds = {"CUDA": "cuda", "ROCm": "rocm", "Metal": "metal"}
    kind = kinds.get(torch.note.partition(" ")[0])
    return (kind,) if kind else ()


def find_llama_cards() -> tuple[str, ...]:
    """The kinds of cards that the installed build of llama.cpp can use."""
    try:
        import xllamacpp

        devices = xllamacpp.get_device_info()
    except (ImportError, RuntimeError):
        return ()
    names = " ".join(str(device.get("name")) for device in devices).casefold()
    if "vulkan" in names:
        return ("cuda", "rocm")
    kinds = {"cuda": "cuda", "rocm": "rocm", "hip": "rocm", "metal": "metal", "mtl": "metal"}
    return tuple({kind for word, kind in kinds.items() if word in names})


def _say_busy(machine: Machine) -> str:
    try:
        load = os.getloadavg()[0]
    except OSError:
        return ""
    if load <= BUSY_SHARE * machine.cores:
        return ""
    return (
        f"the machine is busy (load {load:.1f} on {machine.cores} cores):"
        " while it is, all is slower than estimated"
    )


def _say_unused(
    gpus: Sequence[Gpu], cards: Mapping[str, Sequence[str]], packages: Sequence[Package]
) -> list[str]:
    """What keeps engines off the cards that are here."""
    kinds = {gpu.kind for gpu in gpus}
    said = []
    if kinds and not kinds & set(cards["gguf"]):
        said.append(
            "llama.cpp's build here can't use the graphics card: its package, xllamacpp, has"
            " builds for CUDA, ROCm and Vulkan (see its README)"
        )
    torch = next(package for package in packages if package.name == "torch")
    if kinds and torch.version and not kinds & set(cards["transformers"]):
        said.append(
            f"PyTorch's build here ({torch.version}, {torch.note}) can't use the graphics card"
        )
    return said


def advise(
    settings: Settings,
    servers: Sequence[Server],
    models: Sequence[Kept],
    packages: Sequence[Package],
    fits: Sequence[Fit],
    room: Mapping[str, int],
) -> Advice:
    """What `longtake summarize` would use now, and the way to something better.

    `room` is what each engine's disk holds yet, in bytes; 0: not known.
    """
    if settings.engine == "auto":
        engine, why = choose_engine()
        why = why.partition("; `longtake doctor`")[0]  # that is where it is read
    else:
        engine, why = settings.engine, "set in the environment or in settings.toml"
    if engine.partition(":")[0] in ("server", "ollama"):
        return Advice(engine, why)
    if found := _advise_server(servers):
        return Advice(engine, why, *found)
    for fit in fits:
        if engine == f"{fit.candidate.engine}:{fit.candidate.model}":
            return Advice(engine, why, "nothing better would run well here")
        here = any(kept.name == fit.candidate.model and kept.here for kept in models)
        bytes_free = room.get(fit.candidate.engine) or math.inf
        reachable = here or fit.candidate.precisions[0].weights_bytes < bytes_free
        if fit.fits and reachable and is_quick(fit, settings.chunk_seconds):
            better, command = _advise_model(fit, here, packages, settings.chunk_seconds)
            return Advice(engine, why, better, command)
    if any(fit.fits for fit in fits):
        none = (
            f"no vision-language model would take less than {PATIENCE:g} times the video's length"
            " here: a server with a graphics card would (--engine server)"
        )
    else:
        none = "no vision-language model fits the memory here: use a server (--engine server)"
    return Advice(engine, why, none)


def is_quick(fit: Fit, chunk_seconds: float) -> bool:
    """Whether it keeps the user's patience; on a card of unknown speed it is taken for granted."""
    if not fit.duration:
        return fit.place.kind != "cpu"
    return fit.duration.total <= PATIENCE * chunk_seconds


def _advise_server(servers: Sequence[Server]) -> tuple[str, str] | None:
    """A model that takes images and is served already."""
    for server in servers:
        for model in server.models:
            if "*" in model.id:  # stands for many
                continue
            if model.images or (model.images is None and _SEEING.search(model.id)):
                if server.kind == "Ollama":
                    how = f"--engine {quote('ollama:' + model.id)}"
                else:
                    how = f"--engine {quote('server:' + model.id)}"
                    how += f" --base-url {quote(server.address)}"
                better = f"{model.id} is served at {server.address}"
                better += "" if model.images else " (by its name it takes images)"
                return better, f"longtake summarize FILE {how}"
    return None


def _advise_model(
    fit: Fit, here: bool, packages: Sequence[Package], chunk_seconds: float
) -> tuple[str, str]:
    """Why that model, and the command that gets or uses it."""
    name, engine = fit.candidate.model, fit.candidate.engine
    better = f"{name} ({fit.candidate.about}) fits"
    if fit.duration:
        share = fit.duration.total / chunk_seconds
        better += f"; ten minutes of video would take about {say_seconds(600 * share)}"
    if engine == "gguf":
        # Once it is here, no flag is needed.
        return better, f"longtake models pull {name}" if not here else (
            f"longtake summarize FILE --engine gguf:{name}"
        )
    steps = []
    installed = {package.name for package in packages if package.version}
    if not {"torch", "transformers"} <= installed:
        steps.append(say_extra_install("transformers"))
    how = f"--engine transformers:{name}"
    if fit.precision == "4bit":
        how += " --quantize 4bit"
        if "bitsandbytes" not in installed:
            steps.append(say_pip_install("bitsandbytes"))
    if not here:
        better += f"; it fetches {fit.candidate.precisions[0].weights_bytes / 1e9:.0f} GB at first"
    return better, " && ".join([*steps, f"longtake summarize FILE {how}"])


def say_seconds(seconds: float) -> str:
    """An estimate in the unit that suits it, in few digits."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 9.5 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"
