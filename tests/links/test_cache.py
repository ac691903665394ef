import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from longtake.errors import OutputError
from longtake.links import cache
from longtake.links.cache import CachedFile

LINK = "https://example.com/v"


def keep(link: str, content: bytes = b"video", used: float = 0, **more: object) -> CachedFile:
    """As a load does; `used` is how many seconds ago it was."""
    with cache.open_part(link) as folder:
        part = folder / "part0"
        part.write_bytes(content)
        captions = more.pop("captions", None)
        if captions:
            (folder / "captions.en.vtt").write_text(str(captions))
        entry = CachedFile(".mp4", 0, "mark", "A title", 512, True)
        kept = cache.keep(link, part, entry, folder / "captions.en.vtt" if captions else None)
        cache.drop_part(folder)
    then = time.time() - used
    os.utime(kept.path, (then, then))
    return kept


def media() -> list[bytes]:
    return sorted(path.read_bytes() for path in (cache.cache_folder() / "media").iterdir())


def test_what_was_kept_is_found_with_its_captions_and_nothing_is_left_of_the_load() -> None:
    assert cache.find(LINK) is None
    kept = keep(LINK, captions="WEBVTT")
    found = cache.find(LINK)
    assert found == kept and found.path.read_bytes() == b"video"
    assert found.captions_path and found.captions_path.read_text() == "WEBVTT"
    assert cache.find(LINK + "2") is None
    assert [p.name for p in (cache.cache_folder() / "parts").rglob("*") if p.is_file()] == ["lock"]


def test_two_links_to_one_content_keep_it_once() -> None:
    assert keep(LINK).path == keep(LINK + "2").path
    assert media() == [b"video"]


def test_a_video_that_is_held_is_not_replaced_by_its_own_twin() -> None:
    kept = keep(LINK)
    before = kept.path.stat().st_ino
    with cache.hold(kept.path):
        keep(LINK + "2", used=1000)
        assert kept.path.stat().st_ino == before
        cache.trim(0)
        assert media() == [b"video"]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"form": 1}',
        b'{"form": 0, "media": "x"}',
        b"\xff\xfe",
        b'{"form": 1, "media": "../../x", "size": 5, "mark": "", "title": "", "side": 1,'
        b' "sound": true, "captions": "", "captions_source": ""}',
        b'{"form": 1, "media": "..", "size": 5, "mark": "", "title": "", "side": 1,'
        b' "sound": true, "captions": "", "captions_source": ""}',
        b'{"form": 1, "media": 7, "size": "x", "mark": [], "title": {}, "side": "",'
        b' "sound": 0, "captions": null, "captions_source": ""}',
    ],
)
def test_a_damaged_entry_is_none_and_is_swept_away(damage: bytes) -> None:
    keep(LINK)
    (entry,) = (cache.cache_folder() / "links").glob("*.json")
    entry.write_bytes(damage)
    assert cache.find(LINK) is None
    cache.trim(10**9)
    assert keep(LINK) == cache.find(LINK)


def test_a_video_that_was_cut_short_or_has_gone_is_not_found_and_is_put_back() -> None:
    kept = keep(LINK)
    kept.path.write_bytes(b"vid")
    assert cache.find(LINK) is None
    assert keep(LINK) == cache.find(LINK) and kept.path.read_bytes() == b"video"
    kept.path.unlink()
    assert cache.find(LINK) is None


def test_what_was_used_longest_ago_goes_first() -> None:
    for number in range(4):
        keep(f"{LINK}{number}", bytes([number]) * 100, used=1000 - number)
    cache.find(f"{LINK}0")  # used now
    cache.trim(250)
    assert media() == [b"\0" * 100, b"\3" * 100]
    assert cache.find(f"{LINK}1") is None and cache.find(f"{LINK}3")
    assert len([*(cache.cache_folder() / "links").iterdir()]) == 2


def test_captions_go_with_their_video() -> None:
    keep(LINK, used=1000, captions="WEBVTT")
    cache.trim(0)
    assert media() == [] and not [*(cache.cache_folder() / "links").iterdir()]


def test_what_another_process_holds_stays_until_that_ends() -> None:
    kept = keep(LINK, used=1000)
    program = (
        "import sys, pathlib\nfrom longtake.links.cache import hold\n"
        "with hold(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(kept.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        os.utime(kept.path, (1, 1))
        cache.trim(0)
        assert media() == [b"video"]
        holder.kill()
    cache.trim(0)
    assert media() == []


def test_what_was_used_just_now_stays() -> None:
    keep(LINK)
    cache.trim(0)
    assert media() == [b"video"]


def test_a_file_that_has_gone_or_lies_elsewhere_needs_no_holding(tmp_path: Path) -> None:
    kept = keep(LINK)
    kept.path.unlink()
    with cache.hold(kept.path), cache.hold(tmp_path / "none.mp4"):
        assert cache.find(LINK) is None


def test_one_load_of_a_link_waits_for_the_other() -> None:
    order = []

    def second() -> None:
        with cache.open_part(LINK):
            order.append("second")

    with cache.open_part(LINK), cache.open_part(LINK + "2"):
        waits = threading.Thread(target=second)
        waits.start()
        time.sleep(0.05)
        order.append("first")
    waits.join()
    assert order == ["first", "second"]


def leave_part(link: str, size: int, seconds: float) -> Path:
    """What a load leaves that broke off so many seconds ago."""
    with cache.open_part(link) as folder:
        (folder / "part0.part").write_bytes(b"x" * size)
    then = time.time() - seconds
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))
    return folder


def test_what_is_left_of_a_load_stays_for_a_week() -> None:
    for link, days in (("old", 8), ("new", 6)):
        leave_part(link, 4, days * 86400)
    cache.trim(10**9)
    assert [p.name for p in (cache.cache_folder() / "parts").iterdir()] == [cache.make_key("new")]


def test_what_is_left_of_broken_loads_counts_and_goes_by_its_age() -> None:
    old, new = leave_part("old", 100, 2000), leave_part("new", 100, 500)
    keep(LINK, bytes(100), used=1000)
    cache.trim(250)
    assert not old.exists() and new.exists() and media() == [bytes(100)]
    cache.trim(150)
    assert new.exists() and media() == []
    with cache.open_part("new"):
        os.utime(new, (1, 1))
        cache.trim(0)
        assert (new / "part0.part").exists()


def test_a_load_that_waited_while_its_folder_was_removed_has_a_new_one() -> None:
    held: list[bool] = []

    def second() -> None:
        with cache.open_part(LINK) as folder:
            (folder / "part0.part").write_bytes(b"x")
            held.append(cache.is_loading(LINK))

    with cache.open_part(LINK) as folder:
        waits = threading.Thread(target=second)
        waits.start()
        time.sleep(0.05)
        shutil.rmtree(folder)
    waits.join()
    assert held == [True] and not cache.is_loading(LINK)


def test_a_disk_that_takes_no_file_is_an_error_of_its_own(home: Path) -> None:
    home.mkdir()
    (home / "cache").write_text("a file where the folder should be")
    with pytest.raises(OutputError) as raised, cache.open_part(LINK):
        pass
    assert "LONGTAKE_HOME" in raised.value.hint
    assert cache.find(LINK) is None
    cache.trim(0)


def test_a_link_s_letters_reach_no_name(home: Path) -> None:
    for link in ("https://x/../../y", "https://x/" + "a" * 4000, "https://x/\ud800"):
        assert keep(link) == cache.find(link)
    names = [path.stem for path in (home / "cache" / "links").iterdir()]
    assert all(set(name) <= set("0123456789abcdef") for name in names) and len(names) == 3
    assert json.loads(next((home / "cache" / "links").iterdir()).read_text())["form"] == cache.FORM
