"""Whisper models of the Hugging Face hub, in the form that faster-whisper opens."""

import os
from pathlib import Path

from longtake.models.fetch import hub_errors

WHISPER_FILES = ("config.json", "model.bin", "tokenizer.json")
"""What a folder holds that faster-whisper can open, beside a vocabulary."""


def find_whisper(name: str, cache: Path | None = None) -> Path | None:
    """The folder of a Whisper model in the hub's cache; None where it is not whole there.

    The cache is the user's own, unless another is named.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from faster_whisper import download_model

    try:
        found = download_model(name, local_files_only=True, cache_dir=cache and str(cache))
    except (OSError, ValueError):
        return None
    folder = Path(found)
    return folder if all((folder / file).is_file() for file in WHISPER_FILES) else None


def fetch_whisper(name: str) -> Path:
    """The folder of a Whisper model that faster-whisper knows by this name, from the hub."""
    if folder := find_whisper(name):
        return folder
    hint = (
        "Check the network; or use what is here: --speech tiny.en, or --speech FOLDER with a model"
        " in CTranslate2's form."
    )
    with hub_errors(f"the Whisper model {name}", hint):
        from faster_whisper import download_model

        return Path(download_model(name))
