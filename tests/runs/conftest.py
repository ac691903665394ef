"""A film that is drawn once for all tests of this room."""

from pathlib import Path

import pytest

from longtake.store import Store
from tests import looks


@pytest.fixture(scope="session")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hall with its plate; `looks.put_known` puts it into a library."""
    folder = tmp_path_factory.mktemp("hall")
    with Store(folder / "store.sqlite") as store:
        return looks.put_hall(folder, store)
