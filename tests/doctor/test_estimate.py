"""How long it will take, said before it starts, and what that rests on."""

import pytest

from longtake.doctor.estimate import estimate
from longtake.settings import Settings
from longtake.store import Answer, Store
from longtake.web.choices import say_guess


def test_what_earlier_parts_took_tells_what_later_ones_will(store: Store) -> None:
    for number, seconds in enumerate((1.0, 3.0)):
        store.put(f"k{number}", "describe", Answer("server:qwen", "A dog.", seconds=seconds))
    store.put("other", "reconcile", Answer("server:qwen", "A dog.", seconds=90.0))
    store.put("rejected", "describe", Answer("server:qwen", rejected="no", seconds=90.0))
    found = estimate(480, Settings(engine="server:qwen"), store)
    assert found.seconds == pytest.approx(100 * 2 + 0.06 * 480)
    assert estimate(480, Settings(engine="server"), store).seconds == found.seconds
    assert say_guess(found, "context") == (
        "About 4 minutes: earlier chunks took 2.0 s each with server:qwen; this has about 100."
    )
    assert say_guess(found, "both").startswith("About 8 minutes")


def test_sketch_is_known_and_a_new_server_is_not(store: Store) -> None:
    known = estimate(95, Settings(engine="sketch"), store)
    assert known.seconds == pytest.approx(20, rel=0.25)
    new = estimate(95, Settings(engine="server:new"), store)
    assert new.seconds is None and "server:new" in new.why
    assert say_guess(new, "independent").startswith("How long it will take can't be told yet: no ")


def test_model_of_the_table_is_reckoned_from_the_machine_s_speed(store: Store) -> None:
    found = estimate(60, Settings(engine="gguf:smolvlm2-500m-video"), store)
    assert found.seconds and found.seconds > 10
    assert "speed" in found.why


def test_what_runs_took_here_goes_before_all_that_is_reckoned(store: Store) -> None:
    store.put("k", "describe", Answer("sketch", "A dog.", seconds=50.0))
    settings = Settings(engine="sketch")
    one = estimate(300, settings, store, [(100, 20)])
    assert one.seconds == pytest.approx(60)
    assert one.why == (
        "an earlier run with sketch took 12 s for each minute of video on this machine"
    )
    alike = estimate(300, settings, store, [(100, 20), (110, 43)])
    assert alike.seconds == pytest.approx(300 * 63 / 210) and alike.why.startswith("2 earlier runs")


def test_runs_of_many_lengths_tell_what_a_run_takes_at_least(store: Store) -> None:
    settings = Settings(engine="sketch")
    found = estimate(3600, settings, store, [(10, 6), (100, 15), (1000, 105)])
    assert found.seconds == pytest.approx(5 + 3600 * 0.1)
    odd = estimate(100, settings, store, [(10, 60), (1000, 30)])  # shorter ones took longer
    assert odd.seconds == pytest.approx(100 * 90 / 1010)
