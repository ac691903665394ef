"""How Longtake was installed, and so the pip command that adds to it.

Reads what pip recorded (PEP 610, `direct_url.json`). Runs nothing, and knows no package.
"""

import json
import shlex
import shutil
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

PROJECT = "longtake"
CHECKOUT = Path(__file__).parents[1]
"""Where the package lies that runs, for one that is on the path without being installed."""


def say_pip_install(*words: str, python: str = "") -> str:
    """The command, by the interpreter that runs: it need not be the one that `pip` would take."""
    words = (_name_python(python or sys.executable), "-m", "pip", "install", *words)
    return " ".join(shlex.quote(word) for word in words)


def say_extra_install(extra: str, installed: Distribution | None = None, python: str = "") -> str:
    """The command that adds an extra to the installation that runs."""
    return say_pip_install(*_name_requirement(f"[{extra}]", installed), python=python)


def _name_requirement(extra: str, installed: Distribution | None) -> tuple[str, ...]:
    try:
        said = (installed or distribution(PROJECT)).read_text("direct_url.json")
    except PackageNotFoundError:
        return "-e", f"{_name_folder(CHECKOUT)}{extra}"
    if not said:  # it came from an index
        return (f"{PROJECT}{extra}",)
    origin: dict[str, Any] = json.loads(said)
    url = origin["url"]
    if "dir_info" in origin:
        folder = f"{_name_folder(Path(url2pathname(urlsplit(url).path)))}{extra}"
        return ("-e", folder) if origin["dir_info"].get("editable") else (folder,)
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return (f"{PROJECT}{extra} @ {url}",)


def _name_folder(folder: Path) -> str:
    """Short where it is below the current one; pip tells a folder from a name by its slash."""
    here = Path.cwd()
    if not folder.is_relative_to(here):
        return str(folder)
    return "." if folder == here else f"./{folder.relative_to(here)}"


def _name_python(python: str) -> str:
    """`python` where that is the one, else its path, short where it is below the current folder."""
    if shutil.which("python") == python:
        return "python"
    path, here = Path(python), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else python
