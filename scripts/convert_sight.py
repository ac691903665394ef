"""Write the small model that sees event films in llama.cpp's format, from what was trained.

python -m scripts.convert_sight tests/sight OUT
"""

import argparse
from pathlib import Path

from scripts.sight.gguf import convert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the folder of the trained model")
    parser.add_argument("out", type=Path, help="where the two files go")
    choices = parser.parse_args()
    print(convert(choices.model, choices.out))


if __name__ == "__main__":
    main()
