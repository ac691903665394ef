"""Where the results of a batch go: a folder here, or an address, with a folder here before it."""

from pathlib import Path

from longtake.batch.journal import NAME
from longtake.batch.remote import RemoteFolder
from longtake.batch.tables import DESCRIPTIONS, THUMBS
from longtake.files import hash_bytes
from longtake.report.folder import NOTES
from longtake.settings import home_folder


class Here:
    """A folder of this machine."""

    def __init__(self, out: str) -> None:
        self.folder = Path(out)

    def begin(self) -> None:
        """Make ready, before the journal is opened."""

    def has_result(self, name: str) -> bool:
        """Whether a video's result stands."""
        return (self.folder / name / "summary.json").is_file()

    def take(self, name: str, thumb: bytes) -> None:
        """A video's result is written; its picture is kept beside the pages."""
        path = self.folder / THUMBS / f"{name}.jpg"
        if thumb:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(thumb)

    def end(self, tables: list[str]) -> None:
        """The tables are written."""


class There(Here):
    """An address: each result goes there as it is done, and the tables at the end.

    Here stay the journal, the pictures and each video's descriptions: of these the tables are made.
    """

    def __init__(self, out: str) -> None:
        self._remote = RemoteFolder(out)
        super().__init__(str(home_folder() / "batches" / hash_bytes(out.encode())[:16]))

    def begin(self) -> None:
        """Bring the journal where another machine wrote it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / NAME).is_file():
            self._remote.get(NAME, self.folder / NAME)

    def has_result(self, name: str) -> bool:
        """As the journal says."""
        return True

    def take(self, name: str, thumb: bytes) -> None:
        """Put a video's result there; here only its descriptions stay."""
        super().take(name, thumb)
        self._remote.put(self.folder, name)
        if thumb:
            self._remote.put(self.folder, f"{THUMBS}/{name}.jpg")
        for path in (self.folder / name).iterdir():
            if path.name not in (DESCRIPTIONS, NOTES):
                path.unlink()

    def end(self, tables: list[str]) -> None:
        """Put the tables there, and the journal last."""
        for name in (*tables, NAME):
            self._remote.put(self.folder, name)
