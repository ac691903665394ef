"""A small model that really sees, by PyTorch: it says what it said when it was trained."""

import pytest

from longtake.engines import open_engine
from longtake.settings import Settings
from tests.sights import MODEL, check_same

pytestmark = pytest.mark.transformers


def test_films_are_told_as_when_it_was_trained() -> None:
    with open_engine(f"transformers:{MODEL}", Settings()) as engine:
        check_same(engine, 20, floor=97)
