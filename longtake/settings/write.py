"""Settings kept for every run, in the settings file; the rest of the file stays as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longtake.errors import OutputError
from longtake.files import replacing, say_hint
from longtake.settings.places import list_lines


def save_settings(file: Path, values: Mapping[str, Any]) -> None:
    """Set these in the file, by name; UsageError where it can't be read, OutputError if written."""
    import tomlkit

    list(list_lines(file))  # what is damaged is told
    try:
        text = file.read_text(encoding="utf-8-sig") if file.is_file() else ""
        document = tomlkit.parse(text)
        document.update(values)
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as part:
            part.write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{file} can't be written: {error.strerror}",
            say_hint(error, "Check its permissions."),
        ) from error
