"""The store: the only memory, whole after anything."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from longtake.errors import OutputError
from longtake.store import MIGRATIONS, Answer, Store, make_key
from tests.drives import KNOWN, run_there

SLOW = pytest.mark.slow
"""SQLite itself tries for ten seconds."""


def test_answers_outlive_the_process_that_put_them(tmp_path: Path) -> None:
    answer = Answer("fake", "text", "", 2, 10, 5, 0.5)
    with Store(tmp_path / "a.sqlite") as store:
        store.put("key", "describe", answer)
        assert store.get("other") is None
    with Store(tmp_path / "a.sqlite") as store:
        assert store.get("key") == answer


def test_first_answer_of_a_key_stands(store: Store) -> None:
    store.put("key", "describe", Answer("fake", "first"))
    store.put("key", "describe", Answer("fake", "second"))
    found = store.get("key")
    assert found
    assert found.text == "first"


def test_key_depends_on_every_fact_and_not_on_their_order() -> None:
    facts = {"video": "ab", "span": [0, 6], "options": {"a": 1, "b": None}}
    assert make_key(facts) == make_key(dict(reversed(facts.items())))
    keys = {
        make_key(facts | change) for change in ({}, {"video": "ac"}, {"span": [0, 6.5]}, {"x": ""})
    }
    assert len(keys) == 4


def test_migrations_are_numbered_and_recorded(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite").close()
    Store(tmp_path / "a.sqlite").close()
    with sqlite3.connect(tmp_path / "a.sqlite") as database:
        numbers = [row[0] for row in database.execute("SELECT number FROM migrations")]
        assert numbers == list(range(1, len(MIGRATIONS) + 1))
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_store_of_a_newer_longtake_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite").close()
    database = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)
    database.execute("INSERT INTO migrations (number) VALUES (999)")
    database.close()
    with pytest.raises(OutputError, match="newer Longtake"):
        Store(tmp_path / "a.sqlite")


def test_broken_store_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("this is no database, and was never one, whatever its name says" * 20)
    with pytest.raises(OutputError) as caught:
        Store(path)
    assert "move it away" in caught.value.hint
    assert path.read_text().startswith("this is no database")


def test_full_disk_is_told_with_what_to_do(store: Store) -> None:
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages + 1}")
    store.put("first", "describe", Answer("fake", "text"))
    with pytest.raises(OutputError) as caught:
        store.put("second", "describe", Answer("fake", "x" * 100_000))
    assert "full" in caught.value.message
    assert "room" in caught.value.hint
    assert store.get("first")


def test_folder_that_can_t_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be used"):
        Store(tmp_path / "file" / "store.sqlite")


def test_threads_and_stores_write_side_by_side(tmp_path: Path) -> None:
    write_side_by_side(tmp_path / "a.sqlite")


def write_side_by_side(path: Path) -> None:
    stores = [Store(path) for _ in range(3)]

    def write(store: Store, number: int) -> None:
        for k in range(20):
            store.put(f"{number}-{k}", "describe", Answer("fake", "text"))

    threads = [threading.Thread(target=write, args=(stores[n % 3], n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(stores[0].get(f"{n}-{k}") for n in range(6) for k in range(20))
    for store in stores:
        store.close()


def test_what_was_found_once_is_recalled_and_not_looked_for_again(store: Store) -> None:
    facts = {"stage": "words", "lines": ["a"]}
    asked: list[str] = []

    def find() -> list[int]:
        asked.append("once")
        return [3]

    assert store.recall(facts, "fake", find) == store.recall(facts, "fake", find) == [3]
    kept = store.get(make_key(facts))
    assert kept and (kept.engine, kept.requests, asked) == ("fake", 0, ["once"])


def test_what_could_not_be_found_is_looked_for_again(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        store.recall({"stage": "words"}, "fake", lambda: 1 // 0)
    assert store.recall({"stage": "words"}, "fake", lambda: "found") == "found"


@pytest.mark.parametrize("damage", ["[4, 5", "null", "[1]", '["a", "b"]', "[[1], 2]", ""])
def test_what_is_damaged_counts_as_never_found_and_is_put_right(store: Store, damage: str) -> None:
    def recall() -> object:
        facts = {"stage": "view", "size": [4, 3]}
        return store.recall(facts, "fake", lambda: [4, 512], lambda k: (int(k[0]), int(k[1])))

    assert recall() == (4, 512)
    with store.change() as database:
        database.execute("UPDATE answers SET text = ?", (damage,))
    assert recall() == (4, 512)
    assert store.read("SELECT text FROM answers") == [("[4, 512]",)]


@pytest.mark.parametrize(
    ("column", "damage"),
    [("text", b"\x00\xff"), ("input_tokens", "many"), ("seconds", b"x"), ("look", "no bytes"),
     ("tags", "[[1"), ("tags", "7"), ("noted", "{{")],
)  # fmt: skip
def test_answer_with_a_damaged_value_is_asked_for_anew(
    store: Store, column: str, damage: object
) -> None:
    store.put("key", "describe", Answer("fake", text="A dog runs."))
    with store.change() as database:
        database.execute(f"UPDATE answers SET {column} = ?", (damage,))
    assert store.get("key") is None
    store.put("key", "describe", Answer("fake", text="A dog runs."))
    again = store.get("key")
    assert again and again.text == "A dog runs."


THERE = """
import logging, sqlite3, sys, time
from pathlib import Path
from longtake.errors import OutputError
from longtake.store import Answer, Store
from tests.drives import next_file, refuse_locks, refuse_shared_memory

logging.basicConfig(stream=sys.stdout, format="said: %(message)s", level="INFO")
path = Path({path!r})
{refuse}
try:
    for name in ("first", "second"):
        with Store(path) as store:
            store.put(name, "describe", Answer("fake", name))
            print(store.get("first").text, store.get(name).text)
except OutputError as error:
    print("error:", error.message)
    print("hint:", error.hint)
"""
DRIVES = {
    "no memory to share": "refuse_shared_memory()",
    # The store itself is the next file that is opened; its WAL and the memory of that come after.
    "no locks in shared memory": "refuse_locks(next_file() + 1)",
}
on_linux = pytest.mark.skipif(not KNOWN, reason="the drives are made by Linux")


def keep_there(path: Path, refuse: str) -> list[str]:
    return run_there(THERE.format(path=str(path), refuse=refuse))


def journal_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


@on_linux
@pytest.mark.parametrize("before", ["new", "written on a disk"])
@pytest.mark.parametrize(
    "drive", ["no memory to share", pytest.param("no locks in shared memory", marks=SLOW)]
)
def test_store_on_a_network_drive_is_kept_in_another_way_and_that_is_said_once(
    tmp_path: Path, drive: str, before: str
) -> None:
    path = tmp_path / "store.sqlite"
    if before == "written on a disk":
        with Store(path) as store:
            store.put("old", "describe", Answer("fake", "old"))
        assert journal_of(path) == "wal"
    lines = keep_there(path, DRIVES[drive])
    assert lines[0].startswith(f"said: the drive of {tmp_path} can't share memory")
    assert lines[1:] == ["first first", "first second", ""]
    assert journal_of(path) == "delete"
    with Store(path) as store:
        assert store.get("first") and store.get("second")
        assert bool(store.get("old")) == (before != "new")
    assert journal_of(path) == "delete"


@on_linux
def test_drive_that_locks_nothing_is_told_soon_and_in_clear_words(tmp_path: Path) -> None:
    error, hint, _ = keep_there(tmp_path / "store.sqlite", "refuse_locks()")
    assert error.startswith("error: ") and error.endswith("its drive can't lock files")
    assert "LONGTAKE_HOME" in hint and "room" not in hint


def test_stores_in_a_rollback_journal_write_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    write_side_by_side(path)
    assert journal_of(path) == "delete"


def test_store_that_another_program_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    Store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        later = threading.Timer(1.5, other.close)
        later.start()
        with Store(path) as store:
            assert store.get("key") is None
        later.join()


@on_linux
def test_several_may_come_to_a_network_drive_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(keep_there, path, DRIVES["no memory to share"]) for _ in range(4)]
        for run in runs:
            assert run.result()[-3:] == ["first first", "first second", ""]
    assert journal_of(path) == "delete"
