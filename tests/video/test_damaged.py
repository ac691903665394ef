"""Thousands of damaged films: none stands still, none ends in a traceback or a crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.damaged import KINDS, damage

pytestmark = pytest.mark.damaged

RUNS = int(os.environ.get("LONGTAKE_DAMAGED", "500"))
"""Of each kind."""
BATCH = 125
SECONDS = 600
"""For a batch, which takes some ten; a film that stands still is given up after one minute."""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_films_come_through_or_are_refused(kind: str, first: int, tmp_path: Path) -> None:
    count = min(BATCH, RUNS - first)
    command = [sys.executable, "-m", "tests.damaged", kind, str(first), str(count), str(tmp_path)]
    try:
        ended = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        told = (late.stdout or b"").split()
        pytest.fail(f"{kind} stands still, damaged by {told[-1:]}")
    told = ended.stdout.split()
    assert told[-1:] == ["done"], f"damaged by {told[-1:]}, {ended.returncode}: {ended.stderr}"


def test_the_same_seed_damages_in_the_same_way() -> None:
    content = bytes(range(256)) * 20
    assert damage(content, 3) == damage(content, 3) != damage(content, 4) != content
