"""Tokens, hosts and folders: who may come in is what the owner said, and nothing else."""

from pathlib import Path

import pytest

from longtake.door.access import open_access, read_tokens
from longtake.errors import UsageError

TOKEN, OTHER = "correct-horse-battery", "another-token-of-mine"


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_token_gives_the_right_and_the_name_that_its_line_says(tmp_path: Path) -> None:
    file = write(tmp_path, f"# mine\nrun {TOKEN} laptop\n\nread {OTHER}\n")
    access = open_access("0.0.0.0", token_file=str(file))
    found = access.find_caller(TOKEN)
    assert found and (found.name, found.may_run) == ("laptop", True)
    reader = access.find_caller(OTHER)
    assert reader and reader.name and not reader.may_run
    for wrong in ("", TOKEN[:-1], f"{TOKEN} ", f"run {TOKEN}", "\ud800"):
        assert access.find_caller(wrong) is None


def test_no_token_stands_in_what_is_kept_of_it(tmp_path: Path) -> None:
    tokens = read_tokens(write(tmp_path, f"run {TOKEN}\n"))
    assert TOKEN not in repr(tokens)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "there is no token"), ("# nothing\n", "there is no token"),
     ("run short", "has 5 letters"),
     (f"write {TOKEN}", "line 1 is no token"), (f"run {TOKEN} a b", "line 1 is no token"),
     (f"read {TOKEN}\nrun {TOKEN}", "stands twice"), (f"run {TOKEN} own", "own user"),
     (f"run {TOKEN}\nrun", "line 2 has 0 letters"), (f"run {TOKEN}\u00e4", "no header holds")],
)  # fmt: skip
def test_file_that_says_something_else_is_told_without_its_tokens(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError) as told:
        read_tokens(write(tmp_path, text))
    assert TOKEN not in told.value.message + told.value.hint
    assert said in told.value.message


def test_file_that_others_can_read_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="others can read"):
        read_tokens(write(tmp_path, f"run {TOKEN}", 0o644))
    with pytest.raises(UsageError, match="can't be read"):
        read_tokens(tmp_path / "none")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_address_of_a_network_needs_a_token(address: str) -> None:
    with pytest.raises(UsageError, match="without a token"):
        open_access(address)
    assert open_access("127.0.0.1").find_caller("")


def test_named_host_needs_a_token_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.example without a token"):
        open_access("127.0.0.1", hosts=["a.example"])


def test_folder_that_is_not_there_and_origin_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        open_access("127.0.0.1", roots=[str(tmp_path / "none")])
    for wrong in ("app.example", "https://*", "https://a.example/path", "null", "file://x"):
        with pytest.raises(UsageError, match="no origin"):
            open_access("127.0.0.1", origins=[wrong])
    assert open_access("127.0.0.1", roots=[str(tmp_path)]).roots == (tmp_path.resolve(),)
