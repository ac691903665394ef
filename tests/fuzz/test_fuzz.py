"""The fuzzer finds what it is there for, and for a minute nothing of that kind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutate import mutate_bytes, mutate_text
from tests.fuzz.targets import SRT, TARGETS

ROOT = Path(__file__).parents[2]

TRY = """
import os, signal, sys, time
from pathlib import Path
from longtake.errors import SourceError
from tests.fuzz.__main__ import try_once

def refuse(seed, folder): raise SourceError("as is right")
def fail(seed, folder): raise IndexError("as is wrong")
def hang(seed, folder): time.sleep(60)
def crash(seed, folder): os.kill(os.getpid(), signal.SIGSEGV)
def swell(seed, folder):
    held = b"x" * (3 << 29)
    time.sleep(5)  # not every kernel takes down at once what a process has

seconds = 3 if sys.argv[1] == "hang" else 30
fault = try_once(sys.argv[1], globals()[sys.argv[1]], 1, Path(sys.argv[2]), seconds)
print(fault.what if fault else "nothing")
"""


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("refuse", "nothing"),
        ("fail", "IndexError: as is wrong"),
        ("hang", "hangs"),
        ("crash", "crashes by signal 11"),
        ("swell", "MiB"),
    ],
)
def test_each_kind_of_fault_is_found(target: str, found: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", TRY, target, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert found in done.stdout
    assert [*tmp_path.iterdir()] == ([] if found == "nothing" else [tmp_path / f"{target}-1"])


def test_the_same_seed_changes_in_the_same_way() -> None:
    content = bytes(range(256)) * 9
    assert [mutate_text(SRT, n) for n in range(50)] == [mutate_text(SRT, n) for n in range(50)]
    changed = [mutate_bytes(content, n) for n in range(50)]
    assert changed == [mutate_bytes(content, n) for n in range(50)]
    assert len({*changed}) > 40


@pytest.mark.fuzz
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_hangs_crashes_or_fills_the_memory(target: str, tmp_path: Path) -> None:
    seed, minutes = os.environ.get("LONGTAKE_FUZZ_SEED", "0"), "0.17"
    command = [sys.executable, "-m", "tests.fuzz", "--seed", seed, "--minutes", minutes]
    command += ["--out", str(tmp_path), target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
