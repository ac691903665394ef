"""The small model that names what is done in event films, through the whole door."""

import hashlib
import shutil
from pathlib import Path

import pytest

from longtake.actions import open_recogniser, recognise_chunk
from longtake.evaluate.films import make_film
from longtake.evaluate.script import write_script
from longtake.records import Chunk
from longtake.settings import Settings
from longtake.timecode import Span
from longtake.video.frames import open_frames
from longtake.video.probe import probe
from tests.conftest import ROOT

MODEL = ROOT / "tests/actions/model"
FILMS = 6
"""Of level 1, by seeds that it has not seen; smaller than those of an evaluation."""
CHUNK_SECONDS = 6


def test_model_is_the_one_that_its_readme_tells_of() -> None:
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (MODEL / "README.md").read_text(encoding="utf-8")


@pytest.mark.transformers
def test_actions_of_films_are_named_where_they_are_done(tmp_path: Path) -> None:
    named = right = true = found = 0
    folder = shutil.copytree(MODEL, tmp_path / "events")
    with open_recogniser(Settings(actions=str(folder))) as recogniser:
        assert recogniser.sampling.frames == 12 and recogniser.sampling.seconds == 2.0
        for seed in range(FILMS):
            path = make_film(tmp_path, seed, 1, width=192, height=108)
            script = write_script(seed, 1)
            _, index = probe(path, "0" * 64)
            with open_frames(path, index) as reader:
                for number in range(int(script.seconds) // CHUNK_SECONDS):
                    span = Span(number * CHUNK_SECONDS, (number + 1) * CHUNK_SECONDS)
                    actions = recognise_chunk(recogniser, reader, Chunk(number + 1, span))
                    labels = {action.label for action in actions}
                    inside = [e for e in script.events if e.start < span.end and e.end > span.start]
                    whole = {e.action for e in inside if span.start <= e.start <= e.end <= span.end}
                    named, right = (
                        named + len(labels),
                        right + len(labels & {e.action for e in inside}),
                    )
                    true, found = true + len(whole), found + len(labels & whole)
    assert right / named > 0.8 and found / true > 0.8
