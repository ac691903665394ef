"""Neighbouring chunks of which nothing is known for one reason are one gap to a reader."""

from pathlib import Path

from longtake.report.phrases import join_gaps
from longtake.report.terminal import say_result
from longtake.store import Store
from tests.scripted import ScriptedEngine, finish, say_time
from tests.videos import draw_noisy, make_video, smash


def test_chunks_side_by_side_that_can_not_be_decoded_are_told_as_one(
    tmp_path: Path, store: Store
) -> None:
    path = make_video(tmp_path / "a.mkv", seconds=60, options={"g": "10"}, draw=draw_noisy)
    smash(path, 0.3, 0.7)
    result = finish(path, store, ScriptedEngine(say_time), chunk_seconds=2)
    [(span, chunks, reason)] = join_gaps(result.ledger.gaps)
    assert len(chunks) == len(result.ledger.gaps) > 5
    assert span.start < 22 and span.end > 38 and reason == "no picture can be decoded here"
    assert say_result(result).count("gap: ") == 1
