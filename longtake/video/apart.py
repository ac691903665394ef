"""Looks at a file of a stranger in a process of its own, with limits of memory and time.

`python -P -m longtake.video.apart FILE`. What makes FFmpeg crash, or take all there is, ends that
process, and not the server that let the file in.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from longtake.errors import LongtakeError, SourceError

MEMORY_BYTES = 2 << 30
"""Of addresses; what a long film's index takes, and FFmpeg's threads, are some hundred MB."""
CPU_SECONDS, WALL_SECONDS = 60, 120


def probe_apart(path: Path, wall_seconds: float = WALL_SECONDS) -> float:
    """How many seconds the video of a file lasts; SourceError where it has none, or costs more."""
    # One thread of algebra: each reserves addresses, on a machine with many cores more than these.
    calm = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, no shell
            [sys.executable, "-P", "-m", "longtake.video.apart", str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=calm,
            timeout=wall_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_costly(path, f"it takes more than {wall_seconds:g} seconds") from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise _too_costly(path, f"reading it ends with status {done.returncode}") from None
    if "error" in said:
        raise SourceError(said["error"], said["hint"])
    return float(said["seconds"])


def _too_costly(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{path} can't be looked at: {why}", "It may be broken; convert it to H.264 first."
    )


def main(path: Path) -> None:
    """Its length or what is wrong with it, as JSON on standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    if sys.platform == "linux":  # elsewhere the limit is not held
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from longtake.video.probe import probe

    try:
        video, _ = probe(path, "")
        said: dict[str, object] = {"seconds": video.duration}
    except LongtakeError as error:
        said = {"error": error.message, "hint": error.hint}
    except MemoryError:
        why = f"{path} takes more memory than {MEMORY_BYTES >> 30} GiB to look at"
        said = {"error": why, "hint": "Convert it to H.264 first."}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
