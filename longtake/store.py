"""The door to the database: every answer, by the key of all that would change it.

Each answer is committed as it comes. Several threads and processes may use one store at once.
"""

import hashlib
import json
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from longtake.closeable import Closeable
from longtake.errors import OutputError
from longtake.files import can_lock
from longtake.records import Tag
from longtake.settings import home_folder, make_home

BUSY_SECONDS = 30.0
TRY_SECONDS = 1.0
"""Between two looks at why a file can't be opened yet."""
WITHOUT_WAL = ("SQLITE_PROTOCOL", *(f"SQLITE_IOERR_SHM{what}" for what in ("OPEN", "LOCK", "MAP")))
"""The errors of drives whose memory can't be shared, as WAL needs it."""
LOCAL = "Set LONGTAKE_HOME to a folder on a disk of this machine."
LOG = logging.getLogger("longtake")
MOST_PARAMETERS = 500
"""Of one statement: SQLite takes 999 at least."""
NEWEST = 200
"""Answers that a mean is taken of."""

MIGRATIONS = (
    """
    CREATE TABLE answers (
        key TEXT PRIMARY KEY,
        stage TEXT NOT NULL,
        engine TEXT NOT NULL,
        text TEXT NOT NULL,
        rejected TEXT NOT NULL,
        requests INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        seconds REAL NOT NULL,
        created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) WITHOUT ROWID
    """,
    "ALTER TABLE answers ADD COLUMN same_as TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE answers ADD COLUMN look BLOB NOT NULL DEFAULT x''",
    """
    CREATE TABLE scans (
        key TEXT PRIMARY KEY,
        scan TEXT NOT NULL,
        created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    ) WITHOUT ROWID
    """,
    "ALTER TABLE answers ADD COLUMN remark TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE answers ADD COLUMN noted TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE answers ADD COLUMN tags TEXT NOT NULL DEFAULT ''",
    """
    CREATE TABLE vectors (
        key BLOB PRIMARY KEY,
        vector BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE videos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        seconds REAL NOT NULL,
        language TEXT NOT NULL,
        headline TEXT NOT NULL,
        content TEXT NOT NULL,
        passages TEXT NOT NULL,
        created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    )
    """,
    """
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY,
        video INTEGER NOT NULL REFERENCES videos (id),
        kind TEXT NOT NULL,
        start REAL NOT NULL,
        end REAL NOT NULL,
        text TEXT NOT NULL
    )
    """,
    "CREATE INDEX passages_of_video ON passages (video)",
    """
    CREATE TABLE passage_vectors (
        video INTEGER NOT NULL REFERENCES videos (id),
        embedder TEXT NOT NULL,
        facts BLOB NOT NULL,
        vectors BLOB NOT NULL,
        PRIMARY KEY (video, embedder)
    )
    """,
)
"""Numbered from 1 by their place; never edited once released, only added to."""


@dataclass(frozen=True)
class Answer:
    """What an engine gave and what it took: a text, or why none of its replies could be used.

    `same_as` is the key of another answer that stands for this one too; `look` is what the chunk
    looked like, so that a later one may be known to look the same; `remark` is what to know of it;
    `noted` is what flow II noted of the chunk, as JSON; `tags` is what `pack_tags` makes of them.
    """

    engine: str
    text: str = ""
    rejected: str = ""
    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    same_as: str = ""
    look: bytes = b""
    remark: str = ""
    noted: str = ""
    tags: str = ""


_TYPES: dict[Any, Any] = {str: str, int: int, float: (int, float), bytes: bytes}
_COLUMNS = tuple(field.name for field in fields(Answer))


def store_path() -> Path:
    """Where the user's own store lies."""
    return home_folder() / "store.sqlite"


def make_key(facts: Mapping[str, object]) -> str:
    """One key for all facts that would change an answer: a hash of them, in any order."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def pack_tags(tags: Sequence[Tag]) -> str:
    """Tags as JSON; nothing, where there are none."""
    return json.dumps([[tag.label, tag.share] for tag in tags]) if tags else ""


def unpack_tags(text: str) -> tuple[Tag, ...]:
    """The tags that were packed."""
    return tuple(Tag(label, share) for label, share in json.loads(text)) if text else ()


class Store(Closeable):
    """The answers of all runs, in one SQLite file: WAL, or a rollback journal where that fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with self._mapped_errors():
            if path == store_path():
                make_home()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def get(self, key: str) -> Answer | None:
        """The answer of that key, if it was ever given."""
        with self._lock, self._mapped_errors():
            row = self._database.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM answers WHERE key = ?",  # noqa: S608
                (key,),
            ).fetchone()
        if not row:
            return None
        answer = Answer(*row)
        if not _is_whole(answer):
            self._drop(key)
            return None
        return answer

    def _drop(self, key: str) -> None:
        """Forget an answer that is damaged: it is asked for anew."""
        LOG.info("an answer in %s was damaged: it is asked for anew", self.path.name)
        with self._lock, self._mapped_errors():
            self._database.execute("DELETE FROM answers WHERE key = ?", (key,))

    def put(self, key: str, stage: str, answer: Answer) -> Answer:
        """Keep an answer, on disk when this returns. The first one of a key stands.

        It is returned, so that two runs that asked the same at once tell the same. Only an answer
        of its own takes the place of one that another stands for.
        """
        with self._lock, self._mapped_errors():
            self._database.execute(
                f"INSERT INTO answers (key, stage, {', '.join(_COLUMNS)})"  # noqa: S608
                f" VALUES (?, ?{', ?' * len(_COLUMNS)}) ON CONFLICT (key) DO UPDATE SET"
                f" {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
                " WHERE answers.same_as != ''",
                (key, stage, *astuple(answer)),
            )
        return self.get(key) or answer

    def recall(
        self,
        facts: Mapping[str, object],
        engine: str,
        find: Callable[[], Any],
        read: Callable[[Any], Any] = lambda kept: kept,
    ) -> Any:
        """What was once found for these facts, which name their stage; else `find` finds it now.

        It is kept as JSON, so `find` gives what that can hold, and `read` makes of that what is
        wanted; it counts as no request.
        """
        key = make_key(facts)
        if kept := self.get(key):
            try:
                return read(json.loads(kept.text))
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                self._drop(key)
        found = Answer(engine, text=json.dumps(find()), requests=0)
        return read(json.loads(self.put(key, str(facts["stage"]), found).text))

    def mean_seconds(self, stage: str, engine: str) -> float | None:
        """What the newest answers of that engine, whatever its model, took each; None: none are."""
        with self._lock, self._mapped_errors():
            row = self._database.execute(
                "SELECT avg(seconds) FROM (SELECT seconds FROM answers WHERE stage = ? AND"
                " requests > 0 AND text != '' AND (engine = ? OR substr(engine, 1, ?) = ?)"
                " ORDER BY created DESC LIMIT ?)",
                (stage, engine, len(engine) + 1, f"{engine}:", NEWEST),
            ).fetchone()
        return None if row[0] is None else float(row[0])

    def get_scan(self, key: str) -> str | None:
        """The scan of that key as it was put, if it was ever made."""
        with self._lock, self._mapped_errors():
            row = self._database.execute("SELECT scan FROM scans WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def put_scan(self, key: str, scan: str) -> None:
        """Keep a scan; a later one is of who found the earlier one wanting."""
        with self._lock, self._mapped_errors():
            self._database.execute(
                "INSERT INTO scans (key, scan) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET scan = excluded.scan",
                (key, scan),
            )

    def get_vectors(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are kept of these keys, as they were put."""
        found: dict[bytes, bytes] = {}
        for first in range(0, len(keys), MOST_PARAMETERS):
            part = keys[first : first + MOST_PARAMETERS]
            marks = ", ".join("?" * len(part))
            with self._lock, self._mapped_errors():
                found |= self._database.execute(
                    f"SELECT key, vector FROM vectors WHERE key IN ({marks})",  # noqa: S608
                    part,
                ).fetchall()
        return found

    def put_vectors(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors, all of them or none; they are on disk when this returns."""
        with self.change() as database:
            database.executemany(
                "INSERT INTO vectors (key, vector) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET vector = excluded.vector",
                vectors.items(),
            )

    def read(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows that a query finds."""
        with self._lock, self._mapped_errors():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A change that is on disk, whole or not at all, when this ends."""
        with self._lock, self._mapped_errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; what was put is there already."""
        with self._lock:
            self._database.close()

    def _connect(self, wait_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )

    def _prepare(self) -> None:
        """The journal that the drive bears, and the newest form."""
        try:
            self._use_wal()
            self._migrate()
        except sqlite3.OperationalError as error:
            if _name(error) not in WITHOUT_WAL:
                raise
            LOG.info(
                "the drive of %s can't share memory, as network drives mostly can't:"
                " its store is kept in a slower way",
                self.path.parent,
            )
            self._migrate_without_wal()

    def _use_wal(self) -> None:
        """Switch to WAL; SQLite does not wait for another process that does so just now.

        A store that was once written and has no WAL lies where that failed before.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        self._database.execute(f"PRAGMA busy_timeout = {1000 * TRY_SECONDS:.0f}")
        while True:
            try:
                mode = self._database.execute("PRAGMA journal_mode").fetchone()[0]
                if mode != "delete" or not self._is_written():
                    self._database.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                if not can_lock(self.path.parent):
                    raise OutputError(
                        f"the store {self.path} can't be used: its drive can't lock files", LOCAL
                    ) from error
                time.sleep(0.05)
        self._database.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")

    def _is_written(self) -> bool:
        named = "SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'"
        return bool(self._database.execute(named).fetchone()[0])

    def _migrate_without_wal(self) -> None:
        """Leave WAL and migrate, with the file held alone: that needs no shared memory.

        Two that come at once each hold what the other waits for, so that neither would ever have
        the file: each lets go of it at once, and tries again at a time of its own.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        self._database.close()
        while True:
            self._database = self._connect(wait_seconds=0)
            try:
                self._database.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                self._database.execute("PRAGMA journal_mode = DELETE").fetchall()
                self._migrate()
                break
            except sqlite3.OperationalError as error:
                if not _name(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                    raise
                self._database.close()  # its lock goes with it, and not before
                time.sleep(random.uniform(0, TRY_SECONDS))  # noqa: S311
        self._database.execute("PRAGMA locking_mode = NORMAL").fetchall()
        self._is_written()  # the lock goes with the next access
        self._database.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")

    def _migrate(self) -> None:
        """Bring the file to the newest form, one numbered step after the other, each whole."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            database.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY,"
                " applied TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')))"
            )
            newest = database.execute("SELECT max(number) FROM migrations").fetchone()[0] or 0
            if newest > len(MIGRATIONS):
                raise OutputError(
                    f"{self.path} was written by a newer Longtake (form {newest}, this one knows"
                    f" {len(MIGRATIONS)})",
                    "Upgrade Longtake, or set LONGTAKE_HOME to another folder.",
                )
            for number, statement in enumerate(MIGRATIONS[newest:], start=newest + 1):
                database.execute(statement)
                database.execute("INSERT INTO migrations (number) VALUES (?)", (number,))
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise

    @contextmanager
    def _mapped_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # of a damaged head
            raise OutputError(
                f"the store {self.path} can't be used: {error}", _hint(error)
            ) from error


def _is_whole(answer: Answer) -> bool:
    """Whether each value is of its kind: a damaged page of the file gives others."""
    typed = all(isinstance(getattr(answer, f.name), _TYPES[f.type]) for f in fields(Answer))
    if not typed:
        return False
    try:
        unpack_tags(answer.tags)
        json.loads(answer.noted or "null")
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _name(error: Exception) -> str:
    """What SQLite calls it; nothing, for other errors."""
    return getattr(error, "sqlite_errorname", "")


def _hint(error: Exception) -> str:
    said, name = str(error), _name(error)
    if name in WITHOUT_WAL or name.endswith("LOCK"):
        return f"Its drive, as some of the network, can't hold a database. {LOCAL}"
    if name.startswith("SQLITE_BUSY"):
        return f"Another program holds it: wait for that one. On a network drive: {LOCAL}"
    if any(word in said for word in ("full", "disk", "No space", "quota", "too large")):
        return "Free some room on the disk and run again: all answers so far are kept."
    if isinstance(error, UnicodeDecodeError) or "not a database" in said or "malformed" in said:
        return "The file is broken; move it away, and a new one is made."
    return "Check its permissions, or set LONGTAKE_HOME to another folder."
