"""What PySceneDetect finds, as JSON: run_scenedetect.py VIDEO DETECTOR.

Runs in PySceneDetect's own environment. Its usual backend, OpenCV, has no decoder for AV1 there.
"""

import json
import sys
import time

import scenedetect


def main() -> None:
    """Find cuts with a detector's defaults; print their seconds, and how long it took."""
    path, detector = sys.argv[1:]
    started = time.perf_counter()
    backend = "pyav" if path.endswith(".mkv") else "opencv"
    video = scenedetect.open_video(path, backend=backend)
    manager = scenedetect.SceneManager()
    manager.add_detector(getattr(scenedetect, detector)())
    manager.detect_scenes(video)
    cuts = [start.seconds for start, _ in manager.get_scene_list()[1:]]
    print(json.dumps({"cuts": cuts, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
