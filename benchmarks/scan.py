"""What a look at a whole video costs and finds, measured on films whose cuts are known.

    python -m benchmarks.scan [speed] [cuts] [frames] [cost] [memory] [--each]

Without a name, all five. PySceneDetect is run beside it for speed, cuts and cost (`make
scenedetect`), ffmpeg for cost. Films are made once, in `.cache/bench`; that of cost is made of what
`make samples films` fetches.
"""

import argparse

from benchmarks import cuts, frame_cost, frames, peak, speed

PARTS = ("speed", "cuts", "frames", "cost", "memory")


def main() -> None:
    """Measure what is asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--each", action="store_true", help="name each missed and each false cut")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    measures = {
        "speed": speed.measure,
        "cuts": lambda: cuts.measure(options.each),
        "frames": frames.measure,
        "cost": frame_cost.measure,
        "memory": peak.measure,
    }
    for part in options.parts or PARTS:
        measures[part]()


if __name__ == "__main__":
    main()
