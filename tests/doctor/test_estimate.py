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
