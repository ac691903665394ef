"""What the machine has: read from files and tools as kernels and makers write them."""

import os
import sys
import time
from pathlib import Path

import pytest

from longtake import machine
from longtake.machine import (
    Gpu,
    MemorySize,
    count_cores,
    find_gpus,
    free_disk,
    measure_speed,
    name_cpu,
    read_memory,
    read_nvidia,
    read_rocm,
    read_vm_stat,
    run_tool,
)

MIB = 1 << 20
MEMINFO = """MemTotal:       24684084 kB
MemFree:        1055044 kB
MemAvailable:   20000000 kB
Buffers:            1284 kB
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own files")


def write_tree(root: Path, **files: str) -> Path:
    """A root with such files; a double underscore stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def write_file(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first where tools are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


def test_memory_is_what_the_kernel_says_is_available(tmp_path: Path) -> None:
    root = write_tree(tmp_path, proc__meminfo=MEMINFO)
    assert read_memory(root) == MemorySize(24684084 << 10, 20000000 << 10)


def test_a_machine_that_says_nothing_has_memory_that_is_not_known(tmp_path: Path) -> None:
    assert read_memory(tmp_path) == MemorySize(0, 0)


def test_a_container_s_limit_counts_and_file_pages_are_free(tmp_path: Path) -> None:
    root = write_tree(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/\n")
    group = "sys/fs/cgroup/"
    write_file(root, group + "memory.max", f"{4 << 30}\n")
    write_file(root, group + "memory.current", f"{3 << 30}\n")
    stat = f"anon {1 << 30}\nfile {2 << 30}\nactive_file {1 << 29}\ninactive_file {1 << 30}\n"
    write_file(root, group + "memory.stat", stat)
    assert read_memory(root) == MemorySize(4 << 30, (4 << 30) - (3 << 30) + (3 << 29))


def test_the_strictest_group_above_counts(tmp_path: Path) -> None:
    root = write_tree(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/user/job\n")
    for folder, limit, used in (("user/job", "max", 1 << 30), ("user", str(2 << 30), 3 << 29)):
        write_file(root, f"sys/fs/cgroup/{folder}/memory.max", limit)
        write_file(root, f"sys/fs/cgroup/{folder}/memory.current", str(used))
    assert read_memory(root) == MemorySize(2 << 30, 1 << 29)


def test_a_group_that_is_full_leaves_nothing_rather_than_less(tmp_path: Path) -> None:
    root = write_tree(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup="0::/\n")
    write_file(root, "sys/fs/cgroup/memory.max", "1000")
    write_file(root, "sys/fs/cgroup/memory.current", "2000")
    assert read_memory(root) == MemorySize(1000, 0)


def test_groups_of_the_first_version_count_where_the_path_is_the_host_s(tmp_path: Path) -> None:
    lines = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n"
    root = write_tree(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup=lines)
    write_file(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", str(1 << 30))
    write_file(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", str(1 << 29))
    stat = f"inactive_file 5\ntotal_inactive_file {1 << 20}\n"
    write_file(root, "sys/fs/cgroup/memory/memory.stat", stat)
    assert read_memory(root) == MemorySize(1 << 30, (1 << 29) + (1 << 20))


def test_a_group_without_a_limit_changes_nothing(tmp_path: Path) -> None:
    lines = "4:memory:/job\n"
    root = write_tree(tmp_path, proc__meminfo=MEMINFO, proc__self__cgroup=lines)
    write_file(root, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712")
    write_file(root, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", str(1 << 30))
    assert read_memory(root) == MemorySize(24684084 << 10, 20000000 << 10)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "garbage"}, None),
        ({"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"}, 1),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, None),
        ({"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "0"}, None),
    ],
)
def test_cores_are_those_that_affinity_and_quota_leave(
    files: dict[str, str], cores: int | None, tmp_path: Path
) -> None:
    root = write_tree(tmp_path, proc__self__cgroup="0::/\n")
    for name, text in files.items():
        write_file(root, f"sys/fs/cgroup/{name}", text)
    without = count_cores(tmp_path / "nothing")
    assert count_cores(root) == (cores or without)


def test_the_processor_has_its_name(tmp_path: Path) -> None:
    text = "processor\t: 0\nmodel name\t: AMD  EPYC 7B13\nflags\t: a\n"
    assert name_cpu(write_tree(tmp_path, proc__cpuinfo=text)) == "AMD EPYC 7B13"


@linux
def test_this_machine_has_free_memory_but_less_than_in_all() -> None:
    memory = read_memory()
    assert 0 < memory.free <= memory.total


def test_nvidia_s_cards_are_read_from_its_lines() -> None:
    text = "NVIDIA H100 80GB HBM3, 81559, 81007\nNVIDIA GeForce RTX 3090, 24576, 512\n"
    assert read_nvidia(text) == [
        Gpu("NVIDIA H100 80GB HBM3", "cuda", MemorySize(81559 * MIB, 81007 * MIB)),
        Gpu("NVIDIA GeForce RTX 3090", "cuda", MemorySize(24576 * MIB, 512 * MIB)),
    ]


@pytest.mark.parametrize("size", ["[N/A]", "N/A", "[Not Supported]"])
def test_an_nvidia_card_with_shared_memory_has_the_machine_s(size: str) -> None:
    (gpu,) = read_nvidia(f"NVIDIA GB10, {size}, {size}\n")
    assert gpu.name == "NVIDIA GB10"
    assert gpu.memory.total == read_memory().total


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No devices were found\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "a, b, c\n",
        ", 1, 2\n",
        "\x00\xff,,,\n1,2\n",
        "name, -5, 3\n",
    ],
)
def test_what_is_no_card_is_none(text: str) -> None:
    assert read_nvidia(text) == []


def test_amd_s_cards_are_read_from_its_json_after_warnings() -> None:
    text = """WARNING: AMD GPU device(s) is/are in a low-power state.
{"card0": {"VRAM Total Memory (B)": "25753026560", "VRAM Total Used Memory (B)": "1073741824",
 "Card Series": "Radeon RX 7900 XTX", "Card Model": "0x744c"},
 "card1": {"VRAM Total Memory (B)": "1000", "VRAM Total Used Memory (B)": "0",
 "Card Series": "N/A"},
 "card2": {"Card Series": "half"}, "system": "1"}"""
    assert read_rocm(text) == [
        Gpu("Radeon RX 7900 XTX", "rocm", MemorySize(25753026560, 25753026560 - (1 << 30))),
        Gpu("AMD GPU", "rocm", MemorySize(1000, 1000)),
    ]


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"card0": 3}', "{" * 100_000, "null {1}"])
def test_broken_json_of_amd_is_no_card(text: str) -> None:
    assert read_rocm(text) == []


def test_macos_can_give_free_and_idle_pages() -> None:
    text = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              100.
Pages active:                            900.
Pages inactive:                           50.
Pages speculative:                         5.
Pages wired down:                        300.
Pages purgeable:                           1.
"""
    assert read_vm_stat(text) == 156 * 16384
    assert read_vm_stat("") == 0


def test_a_machine_without_tools_has_no_cards_and_nothing_to_note(tools: Path) -> None:
    assert find_gpus() == ((), ())


def test_cards_of_both_makers_are_found(tools: Path) -> None:
    write_tool(tools, "nvidia-smi", "echo 'NVIDIA L4, 23034, 22000'")
    write_tool(
        tools,
        "rocm-smi",
        """echo '{"card0": {"VRAM Total Memory (B)": "9", "VRAM Total Used Memory (B)": "2"}}'""",
    )
    gpus, notes = find_gpus()
    assert [gpu.name for gpu in gpus] == ["NVIDIA L4", "AMD GPU"]
    assert notes == ()


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("exit 9", "nvidia-smi failed with status 9"),
        ("echo 'Unable to determine'; exit 0", "nvidia-smi names no card: 'Unable to determine'"),
        ("kill -SEGV $$", "nvidia-smi failed with status -11"),
        ("printf '\\377\\376\\000'", "nvidia-smi names no card: '\ufffd\ufffd\\x00'"),
    ],
)
def test_a_broken_tool_is_noted_and_gives_no_card(script: str, note: str, tools: Path) -> None:
    write_tool(tools, "nvidia-smi", script)
    assert find_gpus() == ((), (note,))


def test_a_tool_that_can_t_be_run_is_noted(tools: Path) -> None:
    (tools / "nvidia-smi").write_bytes(b"\x00\x01 no program")
    (tools / "nvidia-smi").chmod(0o755)
    gpus, (note,) = find_gpus()
    assert gpus == ()
    assert note.startswith("nvidia-smi can't be run")


def test_a_tool_that_hangs_is_ended_with_all_that_it_started(tools: Path, tmp_path: Path) -> None:
    # What it starts holds a pipe open: it is at its end when the last of them has gone.
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_tool(tools, "nvidia-smi", f"(sleep 3; echo alive) > {tmp_path / 'pipe'} & sleep 30")
    started = time.monotonic()
    said, note = run_tool(["nvidia-smi"], seconds=0.3)
    assert time.monotonic() - started < 2.9
    assert (said, note) == ("", "nvidia-smi gave no answer in 0.3 s")
    os.set_blocking(pipe, True)
    with os.fdopen(pipe, "rb") as left:
        assert left.read() == b""


def test_a_tool_that_leaves_its_output_open_is_not_waited_for(tools: Path) -> None:
    write_tool(tools, "nvidia-smi", "setsid sleep 8 & exit 0")
    started = time.monotonic()
    run_tool(["nvidia-smi"], seconds=0.3)
    assert time.monotonic() - started < 4


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    assert free_disk(tmp_path / "not" / "yet") > 0


def test_speed_is_measured_in_a_moment() -> None:
    speed = measure_speed(2, seconds=0.01)
    assert speed.flops > 1e8
    assert speed.bytes_per_second > 1e8


def test_memory_is_read_without_heavy_imports() -> None:
    assert not {"numpy", "psutil"} & set(vars(machine))
