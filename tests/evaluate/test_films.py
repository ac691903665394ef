"""Event films: what is drawn is what their truth says, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from longtake.errors import UsageError
from longtake.evaluate.draw import draw_frame
from longtake.evaluate.films import RATE, draw_film, make_film
from longtake.evaluate.levels import LEVELS
from longtake.evaluate.script import EDGE_SECONDS, Script, write_script
from longtake.evaluate.situation import LEAST_SIZE, SHAPES, Role, gap
from longtake.evaluate.truth import TrueEvent, find_truth, read_truth
from longtake.evaluate.world import ACTIONS, CAMERA, COLOURS, HIDING_PLACE, SIGN, VOICE
from longtake.video.probe import probe
from longtake.words.speech.subtitles import find_sidecars, read_subtitles

SEEDS = range(8)
SMALL = (96, 54)
MEETING = {"touches", "carries", "hides", "reappears"}


def write_all(*levels: int) -> Iterator[Script]:
    for level in levels or LEVELS:
        for seed in SEEDS:
            yield write_once(seed, level)


write_once = cache(write_script)


def count_colour(picture: np.ndarray, colour: str) -> int:
    """Pixels of that very colour; edges are mixed, and don't count."""
    away = np.abs(picture.astype(int) - COLOURS[colour]).max(axis=2)
    return int((away < 6).sum())


def show(script: Script, time: float) -> np.ndarray:
    return draw_frame(script, time, *SMALL)


def test_film_is_the_same_whatever_the_process() -> None:
    code = (
        "import hashlib; from longtake.evaluate.script import write_script;"
        "from longtake.evaluate.draw import draw_frame; s = write_script(5, 4);"
        "print(hashlib.sha256(repr(s).encode() + draw_frame(s, 30, 64, 64).tobytes()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


def test_no_film_is_the_same_as_another() -> None:
    assert len({script.events for script in write_all()}) == len(LEVELS) * len(SEEDS)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_pictures_change_where_an_event_is_and_nowhere_else(level: int) -> None:
    for seed in SEEDS[:3]:
        script = write_script(seed, level)
        pictures = list(draw_film(script, *SMALL))
        for number, (before, after) in enumerate(pairwise(pictures)):
            start, end = number / RATE, (number + 1) / RATE
            if not any(event.start < end and start < event.end for event in script.events):
                assert np.array_equal(before, after), (script.name, start)
        for event in script.events:
            first, last = int(event.start * RATE), int(event.end * RATE) + 1
            during = pictures[first : last + 1]
            changes = sum(not np.array_equal(a, b) for a, b in pairwise(during))
            assert changes >= 5, (script.name, event)


def look_at(script: Script, event: TrueEvent) -> tuple[np.ndarray, np.ndarray]:
    """The picture before an event, and the one after it."""
    return show(script, event.start - 0.01), show(script, event.end + 0.01)


def test_who_enters_is_seen_then_and_who_leaves_is_not() -> None:
    for script in write_all(1, 2):
        for event in script.events:
            colour = (event.called or event.actor).split()[0]
            counts = [count_colour(picture, colour) for picture in look_at(script, event)]
            if event.action == "enters":
                assert counts[0] == 0 and counts[1] > 15, (script.name, event)
            if event.action == "leaves":
                assert counts[1] == 0 and counts[0] > 15, (script.name, event)


def test_who_turns_has_the_other_colour_then() -> None:
    for script in write_all(1, 2):
        for event in script.events:
            if event.action == "turns":
                before, after = look_at(script, event)
                colour = (event.called or event.actor).split()[0]
                assert count_colour(before, colour) > 15 and count_colour(after, colour) == 0
                assert count_colour(before, event.target) == 0
                assert count_colour(after, event.target) > 15


def test_who_hides_is_not_seen_until_it_reappears() -> None:
    found = 0
    for script in write_all(3):
        for event, later in pairwise(script.events):
            if event.action != "hides":
                continue
            colour = (event.called or event.actor).split()[0]
            counts = [
                count_colour(show(script, time), colour)
                for time in (event.start - 0.01, event.end + 0.01, later.start - 0.01)
            ]
            assert counts[0] > 15 and counts[1:] == [0, 0], (script.name, event)
            found += 1
    assert found > 5


def test_things_move_as_it_is_said() -> None:
    ways = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
    for script in write_all():
        for event in script.events:
            if not event.action.startswith("moves"):
                continue
            course = next(thing.course for thing in script.things if thing.name == event.actor)
            before, after = course.pose(event.start), course.pose(event.end)
            right, down = ways[event.action.split()[1]]
            for shape in SHAPES:
                across = (after.x - before.x) * shape + after.dx - before.dx
                below = after.y - before.y + after.dy - before.dy
                assert across * right + below * down > 0.19, (script.name, event)
                assert abs(across * down + below * right) < 1e-6 + 0.02


def test_things_are_apart_unless_they_have_met() -> None:
    for script in write_all():
        for time in np.arange(0, script.seconds, 0.25):
            for one, other in combinations(list_seen(script, time), 2):
                if min(gap(one, one.pose, other, other.pose, shape) for shape in SHAPES) < -0.02:
                    assert have_met(script, time, one, other), (script.name, time, one, other)


def list_seen(script: Script, time: float) -> list[Role]:
    poses = [(thing, thing.course.pose(time)) for thing in script.things]
    return [Role(thing.name, thing.kind, "", pose) for thing, pose in poses if pose.seen]


def have_met(script: Script, time: float, one: Role, other: Role) -> bool:
    pairs = {(one.name, other.kind), (other.name, one.kind)}
    return any(
        event.action in MEETING
        and event.start <= time
        and (event.actor, event.target.split()[-1]) in pairs
        for event in script.events
    )


def test_things_are_large_enough() -> None:
    for script in write_all():
        for time in np.arange(0, script.seconds, 1.0):
            zoom = script.camera.pose(time).size
            sizes = [role.pose.size * zoom for role in list_seen(script, time)]
            assert min(sizes, default=1) > LEAST_SIZE * (0.98 if zoom < 1 else 1), (
                script.name,
                time,
            )


def test_events_have_time_and_stand_apart() -> None:
    for script in write_all():
        for event in script.events:
            assert 0.8 <= event.end - event.start <= (3.3 if event.actor == SIGN else 2.5)
        for before, after in pairwise(script.events):
            assert after.start - before.end >= LEVELS[script.level].pause[0] - 0.02


def test_words_are_those_of_the_world() -> None:
    tellers = {CAMERA, SIGN, VOICE}
    for script in write_all():
        names = {thing.name for thing in script.things}
        for event in script.events:
            assert event.action in ACTIONS
            assert event.actor in names | tellers and event.actor != HIDING_PLACE


def test_every_action_comes_in_the_films_of_its_level() -> None:
    for number, level in LEVELS.items():
        scripts = (write_once(seed, number) for seed in range(24))
        assert {event.action for script in scripts for event in script.events} == set(level.actions)


def test_no_two_look_the_same_unless_one_is_called_the_second() -> None:
    second = 0
    for script in write_all():
        for time in np.arange(0, script.seconds, 0.5):
            poses = [(t, t.course.pose(time)) for t in script.things if t.kind != HIDING_PLACE]
            looks = [(t.kind, p.colour, t.name) for t, p in poses if p.seen]
            for (kind, colour, one), (other_kind, other_colour, other) in combinations(looks, 2):
                if (kind, colour) == (other_kind, other_colour):
                    second += 1
                    assert script.level >= 3 and "second" in one + other, (script.name, time)
    assert second


def test_events_lie_over_the_edges_of_chunks_from_the_second_level_on() -> None:
    for level in LEVELS:
        over = [
            event
            for script in write_all(level)
            for event in script.events
            if event.start // EDGE_SECONDS != event.end // EDGE_SECONDS
        ]
        assert bool(over) == (level > 1)


def test_one_that_turned_comes_back_after_a_minute() -> None:
    for script in write_all(5):
        long = []
        for thing in script.things:
            own = [event for event in script.events if event.actor == thing.name]
            long += [
                back
                for gone, back in pairwise(own)
                if (gone.action, back.action) == ("leaves", "enters")
                and back.start - gone.end > 60
                and back.called
            ]
        assert long, script.name


def test_film_is_written_with_its_truth_and_what_is_said(tmp_path: Path) -> None:
    path = make_film(tmp_path / "films", 3, 5, width=64, height=36)
    script = write_script(3, 5)
    assert path.name == "level-5-seed-3.mp4"
    video, _ = probe(path, "")
    assert video.duration == script.seconds
    assert read_truth(find_truth(path)) == list(script.events)
    [sidecar] = find_sidecars(path)
    said = [(event.start, event.target) for event in script.events if event.actor == VOICE]
    transcript = read_subtitles(sidecar, end=video.duration)
    assert [(s.span.start, s.text) for s in transcript.segments] == said and said


def test_film_without_speech_has_no_subtitles(tmp_path: Path) -> None:
    assert not find_sidecars(make_film(tmp_path, 3, 1, width=64, height=36))


def test_level_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="there is no level 6"):
        write_script(1, 6)
