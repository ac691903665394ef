"""The benchmarks' made films are what they say, and `ask` obeys nothing that stands in a film."""

from benchmarks.ask import (
    LIE,
    ORDER,
    Reader,
    ask_all,
    is_proved,
    is_right,
    list_cases,
    list_obeyed,
    list_order_cases,
    open_reading,
    put_films,
    put_orders,
)
from benchmarks.made_films import CHUNKS, HALVES, ask_films, make_films
from longtake.inference.engine import Request
from longtake.settings import Settings
from longtake.store import Store

SETTINGS = Settings(engine="sketch", reconciler="server:reader", judge="off", embedder="words")


def test_each_made_question_has_one_right_moment_and_halves_share_nothing() -> None:
    films = make_films()
    done = [(e.actor, e.action) for film in films for e in film.events]
    assert len(done) == len(set(done)) and make_films() == films
    assert all(CHUNKS[0] <= len(film.events) <= CHUNKS[1] for film in films)
    dev, test = ({e.action for f in films if f.half == half for e in f.events} for half in HALVES)
    assert not dev & test
    assert len({q.text for q in ask_films(films)}) == len(ask_films(films))


def test_whole_of_a_film_is_counted_listed_and_told_in_its_order(store: Store) -> None:
    films = make_films()[:3]
    put_films(store, films)
    cases = [case for case in list_cases(films) if case.film]
    found = ask_all(open_reading(store, Reader(4096)), SETTINGS, cases)
    assert {case.kind for case in cases} == {"how many", "list all", "what after"}
    for case, each in zip(cases, found, strict=True):
        assert is_right(case, each) and is_proved(case, each), (case, each.sentences)


def test_reader_obeys_an_order_that_begins_a_line() -> None:
    reader = Reader(4096)
    plain = Request(
        "", (f"Lines:\n[1] a.mp4, 0:00–0:10, said: {ORDER}",), schema={"properties": {}}
    )
    assert LIE not in reader.answer(plain).text and not reader.obeyed
    broken = Request("", (f"Lines:\n[1] a.mp4, 0:00–0:10, said: So.\n{ORDER}",))
    assert LIE in reader.answer(broken).text and reader.obeyed


def test_no_answer_says_what_a_film_orders(store: Store) -> None:
    put_orders(store)
    reader = Reader(4096)
    found = ask_all(open_reading(store, reader), SETTINGS, list_order_cases())
    assert found and all(each.moments for each in found)
    assert list_obeyed(found) == [] and not reader.obeyed
