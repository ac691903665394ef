"""Tiny models, one of each kind, and one that is open."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from longtake.inference.engine import Engine
from tests.engines.transformers.asked import open_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each kind of tiny model."""
    from tests.tiny_transformers import CONFIGS, build_model

    folder = tmp_path_factory.mktemp("models")
    return {kind: build_model(kind, folder / f"tiny-{kind}") for kind in CONFIGS}


@pytest.fixture(scope="module")
def smol(models: dict[str, Path]) -> Iterator[Engine]:
    with open_model(models["smolvlm"], at_once=8) as engine:
        yield engine
