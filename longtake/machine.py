"""What this machine has now: cores, memory, graphics cards, speed; a container's limits count.

Reads the kernel's own files and asks the makers' tools, each for a bounded time; standard library
alone (numpy only to measure speed). Knows no engine and no model.
"""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path("/")
TOOL_SECONDS = 2.0
"""How long nvidia-smi and its likes may take; one that hangs in its driver never answers."""
METAL_SHARE = 0.7
"""Of Apple's unified memory, what Metal lets one process use: two thirds to three quarters."""
MIB = 1 << 20
ROOM_LEFT = 500_000_000
"""Bytes of the disk that uploads and copies leave free, for the answers that are still to come."""
NVIDIA = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.free",
    "--format=csv,noheader,nounits",
)
ROCM = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")


@dataclass(frozen=True)
class MemorySize:
    """Bytes in all, and what can be taken now without swapping; 0: not known."""

    total: int
    free: int


@dataclass(frozen=True)
class Gpu:
    """One graphics card; `kind` is what programs it: cuda, rocm or metal."""

    name: str
    kind: str
    memory: MemorySize


@dataclass(frozen=True)
class Speed:
    """Floating-point operations and bytes moved, a second."""

    flops: float
    bytes_per_second: float


@dataclass(frozen=True)
class Machine:
    """All that engines run on."""

    cores: int
    cpu: str
    memory: MemorySize
    gpus: tuple[Gpu, ...]


def free_disk(folder: Path) -> int:
    """Bytes that can be written where the folder is, or would be; 0: not known."""
    for place in (folder, *folder.absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def read_memory(root: Path = ROOT) -> MemorySize:
    """What this process can take: the machine's memory, or a control group's where it is less."""
    if sys.platform == "darwin" and root == ROOT:
        return _read_apple_memory()
    pairs = re.findall(r"^(\w+):\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    values = {name: int(value) << 10 for name, value in pairs}
    total, free = values.get("MemTotal", 0), values.get("MemAvailable", 0)
    for limit, used in _group_memory(root):
        total = min(total or limit, limit)
        free = min(free, max(0, limit - used))
    return MemorySize(total, free)


def read_used(root: Path = ROOT) -> int:
    """What this process has in memory now, in bytes; 0: not known (it is known on Linux)."""
    fields = _read(root / "proc/self/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _group_memory(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group that this process is in."""
    for folder in _group_folders(root, "memory"):
        limits = [
            _number(folder / name)
            for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
        ]
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        given = [limit for limit in limits if limit]
        if given and used is not None:
            yield min(given), used - _file_cache(folder)


def _file_cache(folder: Path) -> int:
    """What the group's use holds of files' pages: the kernel gives them back when asked."""
    # v1 has `total_inactive_file`, with the groups below it; v2's plain names include those.
    text = _read(folder / "memory.stat")
    found = dict(re.findall(r"^(?:total_)?((?:in)?active_file) (\d+)$", text, re.MULTILINE))
    return sum(int(value) for value in found.values())


def _group_folders(root: Path, controller: str) -> Iterator[Path]:
    """The control group's folder and those above it, of both versions.

    In a container the path may be the host's: then only the top is there, and it is ours.
    """
    base = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        top = base / controller if names else base
        own = top / path.strip("/")
        for folder in (own, *own.parents):
            if not folder.is_relative_to(top):
                break
            yield folder


def count_cores(root: Path = ROOT) -> int:
    """Cores that this process may use, at least one: its affinity and its group's quota count."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    for folder in _group_folders(root, "cpu"):
        quota, period, *_ = [*_read(folder / "cpu.max").split(), "", ""]
        if not quota.isdigit():
            quota = _read(folder / "cpu.cfs_quota_us").strip()
            period = _read(folder / "cpu.cfs_period_us").strip()
        if quota.isdigit() and period.isdigit() and int(period):
            cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def name_cpu(root: Path = ROOT) -> str:
    """The processor's name, else its kind."""
    text = _read(root / "proc/cpuinfo")
    if found := re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE):
        return " ".join(found[1].split())
    said, _ = run_tool(["sysctl", "-n", "machdep.cpu.brand_string"])
    return " ".join(said.split()) or platform.machine() or "unknown"


def find_gpus() -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The graphics cards, and why a tool that is there could not tell."""
    gpus: list[Gpu] = []
    notes = []
    for command, read in ((NVIDIA, read_nvidia), (ROCM, read_rocm)):
        said, note = run_tool(command)
        found = read(said)
        if said.strip() and not found:
            note = f"{command[0]} names no card: {' '.join(said.split())[:80]!r}"
        gpus += found
        notes += [note] if note else []
    return (*gpus, *_find_apple()), tuple(notes)


def read_nvidia(text: str) -> list[Gpu]:
    """Cards from nvidia-smi's lines `name, MiB, MiB`; a line that says something else is none.

    A card with unified memory (GB10, Jetson) says [N/A]: the machine's memory is the card's.
    """
    gpus = []
    for line in text.splitlines():
        name, *sizes = [part.strip() for part in line.rsplit(",", 2)]
        if len(sizes) != 2 or not name:
            continue
        if all(size.isdigit() for size in sizes):
            total, free = (int(size) * MIB for size in sizes)
            gpus.append(Gpu(name, "cuda", MemorySize(total, free)))
        elif all(re.fullmatch(r"\[?(N/A|Not Supported)\]?", size) for size in sizes):
            gpus.append(Gpu(name, "cuda", read_memory()))
    return gpus


def read_rocm(text: str) -> list[Gpu]:
    """Cards from rocm-smi's JSON, which may stand after lines of warnings."""
    start = text.find("{")
    try:
        cards = json.loads(text[start:]) if start >= 0 else {}
    except (ValueError, RecursionError):
        return []
    gpus = []
    for _, facts in sorted(cards.items()):
        with suppress(AttributeError, LookupError, TypeError, ValueError):
            total = int(facts["VRAM Total Memory (B)"])
            used = int(facts["VRAM Total Used Memory (B)"])
            name = _rocm_name(facts)
            gpus.append(Gpu(name, "rocm", MemorySize(total, max(0, total - used))))
    return gpus


def _rocm_name(facts: dict[str, Any]) -> str:
    """Its name has stood under several keys; an id in hex says nothing to a reader."""
    for key in ("Card Series", "Card series", "Card Model", "Card model", "Device Name"):
        name = str(facts.get(key) or "").strip()
        if name and name != "N/A" and not name.startswith("0x"):
            return name
    return "AMD GPU"


def _find_apple() -> list[Gpu]:
    """Apple's own chips: their graphics part shares the machine's memory."""
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return []
    memory = read_memory()
    most = round(memory.total * METAL_SHARE)
    return [Gpu(name_cpu(), "metal", MemorySize(most, min(memory.free, most)))]


def run_tool(command: Sequence[str], seconds: float = TOOL_SECONDS) -> tuple[str, str]:
    """What a tool says on its output, and a note where it is there but does not answer."""
    try:
        process = subprocess.Popen(  # noqa: S603 - fixed commands, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it started can be ended with it
        )
    except FileNotFoundError:
        return "", ""
    except OSError as error:
        return "", f"{command[0]} can't be run: {error.strerror}"
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdout:
            process.stdout.close()
        with suppress(subprocess.TimeoutExpired):  # one that hangs in its driver can't be ended
            process.wait(timeout=0.2)
        return "", f"{command[0]} gave no answer in {seconds:g} s"
    if process.returncode:
        return "", f"{command[0]} failed with status {process.returncode}"
    return said.decode("utf-8", "replace"), ""


def _read_apple_memory() -> MemorySize:
    total, _ = run_tool(["sysctl", "-n", "hw.memsize"])
    pages, _ = run_tool(["vm_stat"])
    size = int(total) if total.strip().isdigit() else 0
    return MemorySize(size, min(size, read_vm_stat(pages)))


def read_vm_stat(text: str) -> int:
    """Bytes that macOS can give: free pages, and those that only cache something."""
    page = re.search(r"page size of (\d+) bytes", text)
    kinds = r"^Pages (?:free|inactive|speculative|purgeable):\s+(\d+)\."
    pages = sum(int(count) for count in re.findall(kinds, text, re.MULTILINE))
    return pages * (int(page[1]) if page else 4096)


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    """The file's text; empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def measure_speed(cores: int, seconds: float = 0.1) -> Speed:
    """How fast this machine multiplies matrices and moves memory, each tried for so long.

    One core is tried, and taken for all: what others do on the machine then hardly shows.
    """
    import numpy as np

    # So small that no library shares it out to threads, which would wait for one another.
    side, count = 64, 64
    left, right = np.ones((count, side, side), np.float32), np.ones((side, side), np.float32)
    product = np.empty_like(left)
    rate = _best_rate(lambda: np.matmul(left, right, out=product), seconds)
    block = np.ones(8 << 20, np.float64)  # 64 MiB: more than most caches hold
    target = np.zeros_like(block)
    copies = _best_rate(lambda: np.copyto(target, block), seconds)
    # Each number takes a multiplication and an addition; each byte is read and written.
    return Speed(cores * rate * 2 * count * side**3, copies * 2 * block.nbytes)


def _best_rate(work: Any, seconds: float) -> float:
    """Times a second at its best: others on the machine only ever slow it down."""
    work()
    best = 0.0
    ends = time.perf_counter() + seconds
    while (started := time.perf_counter()) < ends:
        work()
        best = max(best, 1 / (time.perf_counter() - started))
    return best
