"""What the doctor found, as text for a terminal and as plain values; the reason of each number."""

import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from longtake.doctor.candidates import PROMPT_TOKENS, REPLY_TOKENS, Fit
from longtake.doctor.inspect import (
    PATIENCE,
    Advice,
    Findings,
    Package,
    is_quick,
    say_seconds,
)
from longtake.doctor.servers import Server
from longtake.installation import say_extra_install
from longtake.machine import Gpu, MemorySize
from longtake.text.plurals import say_count
from longtake.text.untrusted import one_line
from longtake.version import __version__

WIDTH = 98
LABEL = 12
MODEL_WIDTH = 44
TEN_MINUTES = 600.0
MOST_MODELS_SHOWN = 4


def as_values(findings: Findings, chunk_seconds: float) -> dict[str, Any]:
    """All of it for one JSON document; sizes in bytes."""
    speed = asdict(findings.speed) if findings.speed else {}
    return {
        "longtake": __version__,
        "python": platform.python_version(),
        "machine": asdict(findings.machine)
        | {
            "disk": {"free": findings.free_disk},
            "speed": {name: round(value) for name, value in speed.items()} or None,
        },
        "servers": [asdict(server) for server in findings.servers],
        "models": [asdict(model) for model in findings.models],
        "speech": findings.speech,
        "writer": findings.writer,
        "extras": {p.name: {"version": p.version, "build": p.note} for p in findings.packages},
        "fits": [_fit(fit, chunk_seconds) for fit in findings.fits],
        "advice": asdict(findings.advice),
        "notes": list(findings.notes),
    }


def _fit(fit: Fit, chunk_seconds: float) -> dict[str, Any]:
    seconds = fit.duration.total if fit.duration else None
    return {
        "model": fit.candidate.model,
        "engine": fit.candidate.engine,
        "runs_on": fit.place.name,
        "precision": fit.precision,
        "frames": fit.view.frames,
        "usual_frames": fit.usual_frames,
        "side": fit.view.side,
        "frame_tokens": fit.frame_tokens,
        "context_tokens": fit.context_tokens,
        "weights_bytes": fit.weights_bytes,
        "cache_bytes": fit.cache_bytes,
        "needed_bytes": fit.needed_bytes,
        "free_bytes": fit.place.free,
        "fits": fit.fits,
        "seconds_per_chunk": seconds and round(seconds, 2),
        "chunks_per_minute": seconds and round(60 / seconds, 2),
        "seconds_for_ten_minutes": seconds and round(seconds * TEN_MINUTES / chunk_seconds),
        "why": list(explain(fit)),
    }


def explain(fit: Fit) -> Iterator[str]:
    """The reason of each number, one a line."""
    place = "memory" if fit.place.kind == "cpu" else f"the memory of {fit.place.name}"
    free = f"{_gib(fit.place.free)} GiB of {place} are free"
    if fit.usable < fit.place.free:
        free += f", {_gib(fit.usable)} of them for it"
    yield (
        f"{_gib(fit.needed_bytes)} GiB: weights {_gib(fit.weights_bytes)},"
        f" {_gib(fit.cache_bytes)} to keep {fit.context_tokens:,} tokens,"
        f" {_gib(fit.work_bytes)} to work in; {free}"
    )
    if reason := _explain_precision(fit):
        yield reason
    if not fit.fits:
        return
    bare = fit.usual_frames * fit.frame_tokens + PROMPT_TOKENS
    tokens = fit.duration.tokens if fit.duration else bare
    yield (
        f"a chunk: at most {fit.view}, {fit.frame_tokens} tokens each; usually"
        f" {fit.usual_frames}, with the words {tokens:,} tokens"
    )
    yield _explain_time(fit)


def _explain_precision(fit: Fit) -> str:
    first = fit.candidate.precisions[0]
    half = f"{_gib(first.weights_bytes)} GiB"
    if fit.precision == "4bit":
        return f"4bit: the weights as {first.name} would take {half}"
    if fit.precision == "fp32":
        return f"fp32: what the engine takes on a processor; as {first.name} they would take {half}"
    if fit.candidate.engine == "transformers" and fit.place.kind == "cpu":
        full = f"as fp32 they would take {_gib(2 * first.weights_bytes)} GiB"
        return f"{first.name}: {full}; slower where the processor does not know {first.name}"
    return ""


def _explain_time(fit: Fit) -> str:
    if not fit.duration:
        return f"time: not estimated, for no speed of {fit.place.name} is known"
    took = fit.duration
    return (
        f"{say_seconds(took.total)}: {say_seconds(took.encode)} to look at the frames,"
        f" {say_seconds(took.read)} to read, {say_seconds(took.write)} to write {REPLY_TOKENS}"
        f" tokens; {fit.place.note}"
    )


def say(findings: Findings, chunk_seconds: float) -> str:
    """What a person reads in the terminal."""
    lines = [f"Longtake {__version__}, Python {platform.python_version()}, {platform.system()}"]
    lines += ["", "Machine", *_say_machine(findings)]
    lines += ["", "Servers"]
    for server in findings.servers:
        lines += _say_server(server)
    if not findings.servers:
        lines.append(f"  none answers here on port {', '.join(map(str, findings.ports))}")
    lines += ["", "Models here", *_say_models(findings)]
    lines += ["", "Packages", *_say_packages(findings.packages, findings.machine.gpus)]
    lines += ["", *_say_fits(findings.fits, chunk_seconds)]
    if findings.notes:
        lines += ["", "Notes"]
        for note in findings.notes:
            lines += _wrap(f"{note}.", "  ", "    ")
    lines += ["", "Advice", *_say_advice(findings.advice)]
    return "".join(f"{line}\n" for line in lines)


def _say_machine(findings: Findings) -> Iterator[str]:
    machine = findings.machine
    yield _row("processor", f"{machine.cpu}, {say_count(machine.cores, 'core')} to use")
    yield _row("memory", _say_memory(machine.memory))
    if not machine.gpus:
        yield _row("graphics", "no card found")
    for gpu in machine.gpus:
        shared = ", shared with the processor" if gpu.kind == "metal" else ""
        yield _row("graphics", f"{gpu.name}, {_say_memory(gpu.memory)}{shared}")
    yield _row("disk", f"{_gib(findings.free_disk)} GiB free for {findings.home}")
    if findings.speed:
        flops, moved = findings.speed.flops / 1e9, findings.speed.bytes_per_second / 1e9
        yield _row("speed", f"{flops:.0f} GFLOP/s in fp32, {moved:.0f} GB/s to and from memory")


def _say_memory(memory: MemorySize) -> str:
    return f"{_gib(memory.free)} GiB free of {_gib(memory.total)}"


def _say_server(server: Server) -> Iterator[str]:
    title = f"  {server.address}" + (f" ({server.kind})" if server.kind else "")
    if server.trouble:
        yield from _wrap(f"{title.strip()}: {server.trouble}", "  ", "    ")
        return
    yield title + ("" if server.models else ": serves no model")
    for model in server.models[:MOST_MODELS_SHOWN]:
        sees = {True: "takes images", False: "text only", None: "does not say if it takes images"}
        context = f", {model.context_tokens:,} tokens" if model.context_tokens else ""
        yield f"    {model.id}: {sees[model.images]}{context}"
    if len(server.models) > MOST_MODELS_SHOWN:
        yield f"    and {len(server.models) - MOST_MODELS_SHOWN} more"


def _say_models(findings: Findings) -> Iterator[str]:
    here = [model for model in findings.models if model.here]
    wide = max((len(model.name) for model in here), default=0)
    for model in here:
        sees = "text and images" if model.images else "text only"
        yield f"  {model.name:{wide}}  {_gib(model.bytes)} GiB  {sees}, for {model.engine}"
    if not any(model.images for model in here):
        yield "  none that takes images"
    yield f"  speech: {findings.speech}"
    yield f"  summary: {findings.writer}"


def _say_packages(packages: Sequence[Package], gpus: Sequence[Gpu]) -> Iterator[str]:
    missing = []
    for package in packages:
        if package.version:
            yield _row(
                package.name, package.version + (f", {package.note}" if package.note else "")
            )
        elif package.name != "bitsandbytes" or any(gpu.kind == "cuda" for gpu in gpus):
            missing.append(package.name)
    if missing:
        yield _row("not here", ", ".join(missing))
    if "transformers" in missing:
        yield _row("", f"for the engine transformers: {say_extra_install('transformers')}")
    if "streamlit" in missing:
        yield _row("", f"for the page: {say_extra_install('app')}")


def _say_fits(fits: Sequence[Fit], chunk_seconds: float) -> Iterator[str]:
    """Those that run well, those that are slow, those that don't fit: each with its reasons."""
    well = [fit for fit in fits if fit.fits and is_quick(fit, chunk_seconds)]
    slow = [fit for fit in fits if fit.fits and fit not in well]
    not_fitting = [fit for fit in fits if not fit.fits]
    yield _columns("Vision-language models (estimates)", "engine", "weights", "a chunk", "10 min")
    for title, some in (
        ("run well here", well),
        (f"fit, but take over {PATIENCE:g} times the video's length", slow),
        ("do not fit", not_fitting),
    ):
        if some:
            yield ""
            yield f"  {title}"
        for fit in some:
            chunk, whole = "–", "–"
            if fit.fits and fit.duration:
                chunk = say_seconds(fit.duration.total)
                whole = say_seconds(fit.duration.total * TEN_MINUTES / chunk_seconds)
            name, engine = f"    {fit.candidate.model}", fit.candidate.engine
            yield _columns(name, engine, fit.precision, chunk, whole)
            for reason in explain(fit):
                yield from _wrap(reason, "      ", "        ")


def _columns(first: str, engine: str, weights: str, chunk: str, whole: str) -> str:
    return f"{first:{MODEL_WIDTH}} {engine:13} {weights:8} {chunk:>9} {whole:>9}"


def _say_advice(advice: Advice) -> Iterator[str]:
    now = f"`longtake summarize` uses {advice.engine} now: {advice.why}."
    yield from _wrap(now, "  ", "  ")
    if advice.better:
        word = "Better: " if advice.command else ""
        yield from _wrap(f"{word}{advice.better}.", "  ", "  ")
    for step in advice.command.split(" && ") if advice.command else ():
        yield f"      {step}"


def _row(name: str, value: str) -> str:
    indent = " " * (LABEL + 4)
    return "\n".join(_wrap(value, f"  {name:{LABEL}}  ", indent))


def _wrap(text: str, first: str, rest: str) -> list[str]:
    # A command or a path that is long stays whole.
    return textwrap.wrap(
        one_line(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
