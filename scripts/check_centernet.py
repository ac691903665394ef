"""Says how far the ONNX CenterNet is from the original graph, on real frames of the given files.

The original runs in node with tfjs, in plain JavaScript: some seconds a frame.
Run it with `python -m scripts.check_centernet FILE...`; it needs av, onnxruntime, node and npm.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import onnxruntime

from scripts import convert_centernet

NAMES = ("tower_0/keypoints", "tower_0/wh", "tower_0/detections")
TFJS = "@tensorflow/tfjs@4.22.0"
ORIGINAL = Path(__file__).with_suffix(".mjs")
SEEN = 0.05  # detections below this score are noise whose order may differ


def read_frames(file: Path, step: int) -> Iterator[np.ndarray]:
    """Every step-th frame, squashed to the network's 512x512 RGB."""
    with av.open(str(file)) as container:
        for frame in islice(container.decode(video=0), 0, None, step):
            yield frame.to_ndarray(width=512, height=512, format="rgb24")


def run_original(package: Path, frames: np.ndarray, folder: Path) -> list[list[np.ndarray]]:
    """What tfjs computes of each frame: flat arrays, in the order of NAMES."""
    install = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(folder), TFJS]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    (folder / "frames").write_bytes(frames.tobytes())
    places = [folder, package / convert_centernet.MODEL, folder / "frames", folder]
    subprocess.run(["node", ORIGINAL, *places, *NAMES], check=True)
    return [
        [np.fromfile(folder / f"{index}-{place}.f32", "<f4") for place in range(len(NAMES))]
        for index in range(len(frames))
    ]


def run_onnx(model: bytes, frames: np.ndarray) -> list[list[np.ndarray]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = (frame[None].astype(np.float32) for frame in frames)
    return [session.run(None, {name: batch}) for batch in batches]


def largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours.ravel() - theirs.ravel()).max(initial=0))


def compare_detections(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int, float, float]:
    """How many are seen by each, and the largest difference of box (pixels of 512) and score."""
    ours, theirs = (rows[rows[:, 4] >= SEEN] for rows in (ours, theirs))
    if len(ours) != len(theirs) or (ours[:, 5] != theirs[:, 5]).any():
        return len(ours), len(theirs), np.inf, np.inf
    box = largest_difference(ours[:, :4], theirs[:, :4])
    return len(ours), len(theirs), box, largest_difference(ours[:, 4], theirs[:, 4])


def check(package: Path, frames: np.ndarray, folder: Path) -> None:
    originals = run_original(package, frames, folder)
    converted = run_onnx(convert_centernet.convert_package(package, NAMES), frames)
    shipped = run_onnx(convert_centernet.TARGET.read_bytes(), frames)
    for index, (theirs, ours, ship) in enumerate(zip(originals, converted, shipped, strict=True)):
        pairs = zip(NAMES, ours, theirs, strict=True)
        far = [f"{name} {largest_difference(a, b):.2g}" for name, a, b in pairs]
        rows = compare_detections(ship[0][0], theirs[2].reshape(-1, 6))
        print(f"frame {index}: {', '.join(far)}; shipped: {rows[0]} of {rows[1]} detections,")
        print(f"    box {rows[2]:.2g} pixels, score {rows[3]:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="videos or pictures")
    parser.add_argument("--package", type=Path, help="folder of the unpacked npm package")
    parser.add_argument("--step", type=int, default=25, help="take every so many frames")
    options = parser.parse_args()
    found = [frame for file in options.files for frame in read_frames(file, options.step)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = options.package or convert_centernet.fetch_package(folder)
        check(package, np.stack(found), folder)


if __name__ == "__main__":
    main()
