"""Fuzzing is asked for by `-m fuzz`: it is no part of the usual tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fuzz: tries damaged input of all kinds for a minute")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "fuzz" in str(config.option.markexpr):
        return
    left = [item for item in items if item.get_closest_marker("fuzz")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
