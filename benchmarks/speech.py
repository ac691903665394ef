"""How well speech is heard: wrong words, speed, invented words, peak memory.

python -m benchmarks.speech [--model tiny.en] [--threads N]      all tables
python -m benchmarks.speech --compare                            beams, threads, compute types
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from longtake.machine import count_cores
from longtake.models.fetch import fetch_files
from longtake.models.table import Asset, Wheel
from longtake.records import Segment
from longtake.video.sound import read_sound
from longtake.words.speech import whisper
from longtake.words.speech.sentences import drop_invented
from longtake.words.speech.voice import find_voice
from longtake.words.speech.whisper import Recognizer, open_recognizer, recognize
from tests.voices import (
    as_words,
    count_wrong,
    load_lecture,
    make_film,
    make_hum,
    make_music,
    make_noise,
    make_silence,
    say,
)

ROOT = Path(__file__).parents[1]
MEDIA = ROOT / ".cache" / "speech"
VOICES = (
    ("en-us", 155),
    ("en-gb-x-rp", 140),
    ("en-us+f3", 170),
    ("en-gb-scotland", 160),
    ("en-us+m3", 190),
)
RECORDINGS = {
    "cate_blanch.mp3": "84e1299b015cdd680da25248eae201bbf2fea066d3713c5eb09b4634c5f0fed4",
    "cate_blanch_2.mp3": "ead7e940b30abfe2e53ce7ed786f3f134c5d44132554ce7c771580a416161670",
    "heath_ledger.mp3": "360a5d36920ab5ef5691fc22eeffb1df91bcd498d9cdcdbf9fdef818747bf2be",
    "recording1.wav": "1d087876795ff2bc8b6e1a872eb9a9b2cca44db1866e9c9fa00df5a2556919ff",
    "audio_sample.wav": "aef3762a0211afcb761013a7e253dda1c600a2d812133d2ab333efc5a3a5966d",
    "sax.wav": "12ee32c66257e1c98ed0f2f7b708a1eab638ec09f4c69dda3ec1d78047a7be4d",
    "cantina.wav": "2e5f73001b324e413bdcf658fca5485057c333f4198e51e7e86bb2e772cd0973",
}
SIZES = (67_208, 35_816, 28_416, 639_020, 16_136, 1_536_044, 132_344)
MUSIC = ("sax.wav", "cantina.wav")
SHORT_SECONDS, LONG_SECONDS = 180, 3600


def main() -> None:
    """Print all tables, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--threads", type=int, default=max(1, count_cores() // 2))
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--peak", type=Path, help="print the bytes, for one file")
    options = parser.parse_args()
    if options.peak:
        print_peak(options.peak)
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.compare:
            compare(options.model, Path(folder))
            return
        recognizer = open_recognizer(options.model, "cpu", options.threads)
        print(f"{recognizer.name}, {recognizer.why}; threads: {options.threads}")
        recognizer.hear(np.zeros(16000, np.float32))
        measure_words(recognizer, Path(folder))
        show_recordings(recognizer)
        count_invented(recognizer, Path(folder))
        measure_memory(Path(folder))


def hear(path: Path, recognizer: Recognizer) -> list[Segment]:
    """All sentences of a file, nothing kept."""
    found = recognize(read_sound(path, 0.0), recognizer, lambda facts, make: make())
    return [segment for _, segments in found for segment in segments]


def make_readings(folder: Path) -> Iterator[tuple[str, Path, float]]:
    """The lecture's own sound, then its narration by each voice: a name, the file, seconds."""
    yield "examples/lecture.mp4", ROOT / "examples/lecture.mp4", 94.9
    for voice, rate in VOICES:
        slides = load_lecture().SLIDES
        pieces = [piece for slide in slides for piece in (say(slide.narration, voice, rate), PAUSE)]
        sound = np.concatenate(pieces)
        path = make_film(folder / f"{voice}.mkv", sound, seconds=1, codec="flac")
        yield f"{voice}, {rate} words a minute", path, len(sound) / 22050


PAUSE = make_silence(0.8)


def measure_words(recognizer: Recognizer, folder: Path) -> tuple[float, float]:
    """Print and give the share of wrong words and the seconds per second of sound."""
    truth = as_words(" ".join(slide.narration for slide in load_lecture().SLIDES))
    print(f"\n{'eSpeak NG reads the lecture':34}{'seconds':>8}{'wrong words':>13}{'time':>8}")
    wrong = words = 0
    took = seconds = 0.0
    for name, path, length in make_readings(folder):
        started = time.perf_counter()
        segments = hear(path, recognizer)
        spent = time.perf_counter() - started
        errors = count_wrong(truth, as_words(" ".join(segment.text for segment in segments)))
        print(f"{name:34}{length:8.0f}{errors / len(truth):12.1%}{spent / length:9.3f}", flush=True)
        wrong, words = wrong + errors, words + len(truth)
        took, seconds = took + spent, seconds + length
    print(f"{'all':34}{seconds:8.0f}{wrong / words:12.1%}{took / seconds:9.3f}", flush=True)
    return wrong / words, took / seconds


def fetch_recordings() -> dict[str, Path]:
    """Sounds that the package gradio (Apache-2.0) carries, by name."""
    member = "gradio/media_assets/audio/"
    wanted = {
        MEDIA / name: Asset(name, size, sha256, (Wheel("gradio", "6.31.0", member + name),))
        for (name, sha256), size in zip(RECORDINGS.items(), SIZES, strict=True)
    }
    fetch_files(wanted)
    return {path.name: path for path in wanted}


def show_recordings(recognizer: Recognizer) -> None:
    """Print what is heard in real recordings; there is no text to hold it against."""
    print("\nreal recordings (from gradio's package)")
    for name, path in fetch_recordings().items():
        if name not in MUSIC:
            text = " ".join(segment.text for segment in hear(path, recognizer))
            print(f"  {name:18} {text or '(nothing)'}", flush=True)


def count_invented(recognizer: Recognizer, folder: Path) -> None:
    """Print the words that are heard where nobody speaks."""
    sounds = {
        "synthetic music": make_music(60),
        "white noise": make_noise(60),
        "pink noise": make_noise(60, "pink"),
        "wind (brown noise)": make_noise(60, "brown"),
        "hum": make_hum(60),
        "silence": make_silence(60),
    }
    paths = {
        name: make_film(folder / f"{name}.mkv", sound, seconds=1, codec="flac")
        for name, sound in sounds.items()
    }
    recordings = fetch_recordings()
    paths |= {name: recordings[name] for name in MUSIC}
    print(f"\n{'where nobody speaks':22}{'words':>8}{'words, were all let through':>30}")
    for name, path in paths.items():
        words = sum(len(segment.text.split()) for segment in hear(path, recognizer))
        samples = np.concatenate([block.samples for block in read_sound(path, 0.0)])
        pieces = [samples[first : first + 10 * 16000] for first in range(0, len(samples), 160_000)]
        kept = [drop_invented(recognizer.hear(piece)) for piece in pieces]
        print(f"{name:22}{words:8}{sum(map(len, kept)):30}", flush=True)


def measure_memory(folder: Path) -> None:
    """Print the peaks of reading the sound and finding the voice, each in its own process."""
    print(f"\n{'sound to voice':16}{'minutes':>8}{'seconds':>9}{'peak MiB':>10}")
    said = np.concatenate([say(slide.narration) for slide in load_lecture().SLIDES])
    for seconds in (SHORT_SECONDS, LONG_SECONDS):
        sound = np.resize(np.concatenate([said, PAUSE]), seconds * 22050)
        path = make_film(folder / f"{seconds}.mp4", sound, seconds=1)
        started = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.speech", "--peak", str(path)]
        done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE)
        took = time.perf_counter() - started
        print(f"{'':16}{seconds / 60:8.0f}{took:9.1f}{int(done.stdout) / 2**20:10.0f}", flush=True)


def print_peak(path: Path) -> None:
    """Of this process, having gone through a file."""
    for _ in find_voice(read_sound(path, 0.0)):
        pass
    from benchmarks.peak import own_peak

    print(own_peak())


def compare(model: str, folder: Path) -> None:
    """Print a table for each way to run the model."""
    for threads, beam, compute in product((1, 2), (1, 5), ("int8", "float32")):
        whisper.BEAM = beam
        recognizer = open_recognizer(model, "cpu", threads)
        recognizer.compute = compute
        print(f"\nthreads {threads}, beam {beam}, {compute}", end="")
        measure_words(recognizer, folder)


if __name__ == "__main__":
    main()
