"""Peak memory of a whole run over a short and a long video, each in a process of its own.

    python benchmarks/memory.py [--engine fake] [--short 180] [--long 10800] [-- --flow context]

Makes both videos (H.264, 160×120, 5 pictures a second), runs `longtake summarize` on each with a
fresh store, and prints seconds, peak resident memory and the ratio of the peaks. What stands after
`--` is passed on.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RATE = 5
SIZE = (160, 120)


def main() -> None:
    """Make, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="fake")
    parser.add_argument("--short", type=int, default=180, metavar="SECONDS")
    parser.add_argument("--long", type=int, default=3 * 3600, metavar="SECONDS")
    parser.add_argument("more", nargs="*", metavar="SETTING")
    options = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (options.short, options.long):
            video = make_video(Path(folder) / f"{seconds}.mp4", seconds)
            home = Path(folder) / f"home{seconds}"
            took, peak = measure(video, ["--engine", options.engine, *options.more], home)
            peaks.append(peak)
            print(
                f"{seconds:>6} s of video: {took:7.1f} s, peak {peak / 2**20:6.1f} MiB", flush=True
            )
    print(f"ratio of the peaks: {peaks[1] / peaks[0]:.3f}")


def make_video(path: Path, seconds: int) -> Path:
    """Moving stripes, so that each picture differs and compresses as real ones do."""
    import av
    import numpy as np

    width, height = SIZE
    ramp = np.arange(width, dtype=np.uint16)[None, :, None] * np.array([3, 5, 7], np.uint16)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * RATE):
            pixels = np.repeat((ramp + number * 3 % 256) % 256, height, axis=0).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def measure(video: Path, settings: list[str], home: Path) -> tuple[float, int]:
    """Seconds and peak resident bytes of one run."""
    command = [sys.executable, "-m", "longtake", "summarize", str(video)]
    command += ["--reconciler", "fake", "--out", str(home / "out"), *settings]
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | {"LONGTAKE_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the run ended with status {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.monotonic() - started, usage.ru_maxrss * unit


if __name__ == "__main__":
    main()
