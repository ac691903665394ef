"""Where the results of a batch go: a folder here, or an address, with a folder here before it."""

from collections.abc import Callable, Iterable
from pathlib import Path

from longtake.batch.journal import NAME, BatchRow, writing
from longtake.batch.remote import RemoteFolder, is_remote
from longtake.batch.tables import DESCRIPTIONS, TABLES, THUMBS
from longtake.errors import UsageError
from longtake.files import hash_bytes, replacing
from longtake.links.addresses import is_link
from longtake.report.folder import NOTES
from longtake.settings import home_folder


def open_place(out: str) -> "Here":
    """The folder, or the address; UsageError for one of the web: nothing can be put there."""
    if is_remote(out):
        return There(out)
    if is_link(out):
        raise UsageError(f"results can't be put to {out}", "Name a folder, or s3:// and the like.")
    return Here(out)


class Here:
    """A folder of this machine."""

    def __init__(self, out: str) -> None:
        self.folder = Path(out)

    def begin(self) -> None:
        """Make ready, before the journal is opened; refused where a table would replace a file."""
        with writing(self.folder):
            self._refuse(lambda name: (self.folder / name).exists(), str(self.folder))

    def _refuse(self, is_there: Callable[[str], bool], out: str) -> None:
        found = next((name for name in TABLES if is_there(name)), "")
        if found and not is_there(NAME):
            raise UsageError(f"{out} has {found}, of no batch", "Name another --out.")

    def has_result(self, name: str) -> bool:
        """Whether a video's result stands."""
        return (self.folder / name / "summary.json").is_file()

    def take(self, name: str, thumb: bytes) -> None:
        """A video's result is written; its picture is kept beside the pages."""
        path = self.folder / THUMBS / f"{name}.jpg"
        with writing(self.folder):
            if thumb:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(thumb)

    def gather(self, rows: Iterable[BatchRow]) -> None:
        """Have here what the tables are made of."""

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
        """Bring the journal that is there; lines that are only here, of a kill, go after it."""
        self._refuse(self._remote.has, self._remote.address)
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = self.folder / NAME
        with replacing(kept) as part:
            if not self._remote.get(NAME, part):
                part.touch()
            with part.open("rb") as file:
                known = {hash(line) for line in file}
            if kept.is_file():
                with part.open("ab") as whole, kept.open("rb") as file:
                    whole.writelines(line for line in file if hash(line) not in known)

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

    def gather(self, rows: Iterable[BatchRow]) -> None:
        """Bring descriptions and pictures of what another machine has done."""
        for row in rows:
            table = f"{row.folder}/{DESCRIPTIONS}"
            if row.status in ("done", "gaps") and not (self.folder / table).is_file():
                for name in (table, f"{THUMBS}/{row.folder}.jpg"):
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    self._remote.get(name, self.folder / name)

    def end(self, tables: list[str]) -> None:
        """Put the tables there, and the journal last."""
        for name in (*tables, NAME):
            self._remote.put(self.folder, name)
