"""A stretch of a video is looked at now: its frames come, and what is seen in them is checked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from longtake.errors import EngineUnreachable, LongtakeError, UsageError
from longtake.inference.engine import Engine
from longtake.inference.scheduler import Work
from longtake.pipeline.ask import NO_EYES
from longtake.pipeline.moment import FRAME_SIDE, MOST_FRAMES, MomentSeen, look_at_moment
from longtake.pipeline.session import run_to_end
from longtake.settings import Settings
from longtake.store import Store
from longtake.timecode import Span
from tests import looks
from tests.looks import PLATE_ASKED, make_eyes


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hall")
    with Store(folder / "store.sqlite") as store:
        return looks.put_hall(folder, store)


def look(
    film: Path,
    store: Store,
    span: Span,
    question: str = PLATE_ASKED,
    opener: Callable[[], Engine | None] = make_eyes,
) -> MomentSeen:
    work = Work(Settings(), store, lambda seconds: None, [])
    return run_to_end(look_at_moment(work, film, span, question, opener))


def test_what_is_seen_in_a_stretch_answers_the_question_with_its_frames(
    film: Path, store: Store
) -> None:
    seen = look(film, store, Span(8, 14))
    assert seen.sentence and seen.sentence.text == f"The plate says {looks.PLATE_NUMBER}."
    assert seen.by == "eyes" and seen.remarks == ()
    times = [frame.time for frame in seen.frames.values()]
    assert len(times) == 3 and times == sorted(times) and 8 <= times[0] < times[-1] <= 14
    assert all(frame.jpeg.startswith(b"\xff\xd8") for frame in seen.frames.values())


def test_frames_come_where_nobody_here_sees(film: Path, store: Store) -> None:
    seen = look(film, store, Span(0, 100), opener=lambda: None)
    assert seen.sentence is None and seen.remarks == (NO_EYES,)
    assert 1 < len(seen.frames) <= MOST_FRAMES
    assert max(max(frame.width, frame.height) for frame in seen.frames.values()) <= FRAME_SIDE


def test_frames_come_where_who_sees_can_t_be_opened(film: Path, store: Store) -> None:
    def refuse() -> Engine:
        raise EngineUnreachable("nothing answers at 127.0.0.1")

    seen = look(film, store, Span(8, 14), opener=refuse)
    assert seen.frames and seen.remarks == ("nobody could look: nothing answers at 127.0.0.1",)


def test_stretch_ends_with_the_video_and_must_begin_inside_of_it(film: Path, store: Store) -> None:
    seen = look(film, store, Span(8, 1e6), opener=lambda: None)
    assert seen.span.end < 1e3
    with pytest.raises(UsageError, match="the video ends at"):
        look(film, store, Span(1e4, 2e4))


def test_file_that_is_no_video_is_told(tmp_path: Path, store: Store) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no" * 500)
    with pytest.raises(LongtakeError, match="can't be read as a video"):
        look(tmp_path / "x.mp4", store, Span(0, 5))
