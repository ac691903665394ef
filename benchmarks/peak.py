"""Peak memory of all that looks at pictures, and no engine, each file in a process of its own.

python -m benchmarks.peak VIDEO     the bytes, for one file
"""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.detectors import ROOT, finish
from benchmarks.films import minute, ten_minutes
from longtake.inference.engine import Capabilities
from longtake.video.choose_frames import plan_slots
from longtake.video.chunks import plan_chunks
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from longtake.video.scan import scan

CHUNK_SECONDS = 6.0


def measure() -> None:
    """Print a table."""
    print(f"\n{'1080p':10}{'minutes':>8}{'seconds':>9}{'peak MiB':>10}")
    for film in (minute(), ten_minutes()):
        for name, path in film.files.items():
            started = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.peak", str(path)]
            done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE)
            took, peak = time.perf_counter() - started, int(done.stdout) / 2**20
            minutes = film.pictures / 1500
            print(f"{name:10}{minutes:8.1f}{took:9.1f}{peak:10.0f}", flush=True)


def read_all(path: Path) -> None:
    """Scan a file, plan its chunks, and read the frames of each."""
    able = Capabilities(images=None, context_tokens=0)
    video, index = probe(path, "")
    seen = finish(scan(video, index))
    with open_frames(path, index) as reader:
        for chunk in plan_chunks(video, seen, CHUNK_SECONDS, "shots"):
            slots = plan_slots(chunk, seen, able.frames_per_chunk, able.frame_seconds)
            for picture in reader.read(chunk.span, slots, able.frame_side):
                picture.as_frame()


def own_peak() -> int:
    """Peak resident bytes of this process.

    Linux counts what the parent held at the start into its usual figure, hence the other.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(n for n in status.read_text().splitlines() if n.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    read_all(Path(sys.argv[1]))
    print(own_peak())
