"""How often a search finds the right moment of made films, apart from texts and together with them.

    python -m benchmarks.recall_films [--misses]

The films are of a closed world (see `benchmarks.made_films`): what is seen, said, read and told of
them is put into the library as a run puts it. Asked is in other words than theirs; nothing was
chosen by these films, and the halves share no action and no line. Sides, ranking and intervals are
those of `benchmarks.recall`, and so are the texts with which the films are put together.
"""

import argparse
from collections.abc import Sequence

from benchmarks.made_films import HALVES, PLACES, Event, Film, ask_films, make_films
from benchmarks.recall import (
    FIRST,
    STORE,
    Question,
    Videos,
    choose_sections,
    find_rank,
    rank_all,
    read_questions,
    say_sections,
    show,
)
from longtake.library.passages import Passage
from longtake.timecode import Span

LINE_SECONDS = 3.0
KINDS = ("seen", "said", "read")


def list_known(film: Film) -> list[Passage]:
    """The passages of a film in time order: events, their places, lines, signs and chapters."""
    whole = Span(0.0, film.events[-1].end)
    places = list(dict.fromkeys(event.place for event in film.events))
    told = [Passage("told", whole, f"Scenes {' and '.join(places)}.")]
    return sorted(
        [*told, *(passage for event in film.events for passage in _list_event(event))],
        key=lambda passage: passage.span,
    )


def _list_event(event: Event) -> list[Passage]:
    span = Span(event.start, event.end)
    line = Span(event.start + 1, event.start + 1 + LINE_SECONDS)
    known = [Passage("seen", span, event.seen), Passage("seen", span, PLACES[event.place][1])]
    known += [Passage("said", line, event.said)] if event.said else []
    return known + ([Passage("read", line, event.read)] if event.read else [])


def list_questions(films: Sequence[Film], known: Videos) -> list[Question]:
    """The questions, with the passage that answers each."""
    return [
        Question(q.half, q.kind, q.film, ((place, place),), q.text)
        for q in ask_films(films)
        for text in [getattr(films[q.film].events[q.event], q.kind)]
        for place in [[p.text for p in known[q.film]].index(text)]
    ]


def measure(name: str, known: Videos, questions: Sequence[Question], misses: bool) -> None:
    """Print tables for each half: films by kind, texts, and both."""
    print(f"{name}: {sum(map(len, known))} passages of {len(known)} videos")
    sides = rank_all(STORE.with_name(f"{name}.sqlite"), known, questions)
    ranks = {
        side: [find_rank(row, q, known) for row, q in zip(rows, questions, strict=True)]
        for side, rows in sides.items()
    }
    pairs = zip(sides["search"], questions, strict=True)
    ranks["search, no second off"] = [find_rank(row, q, known, 0.0) for row, q in pairs]
    texts = tuple(sorted({q.kind for q in questions} - set(KINDS)))
    for half in HALVES:
        for kinds in dict.fromkeys((KINDS, *((kind,) for kind in KINDS), texts, KINDS + texts)):
            chosen = [n for n, q in enumerate(questions) if q.half == half and q.kind in kinds]
            if chosen:
                print(f"{half}, {', '.join(kinds)}: {len(chosen)} questions", flush=True)
                for side, each in ranks.items():
                    print(show(side, [each[place] for place in chosen]))
    for n, question in enumerate(questions if misses else ()):
        rank = ranks["search"][n]
        if question.kind in KINDS and (rank is None or rank > FIRST[1]):
            best = [known[video][place].text for video, place in sides["search"][n][:3]]
            print(f"{question.half} {question.text}: {[r[n] for r in ranks.values()]} {best}")


def main() -> None:
    """Measure films alone, and films and texts in one library."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="and what is not in the first 5")
    given = parser.parse_args()
    films = make_films()
    known = [list_known(film) for film in films]
    questions = list_questions(films, known)
    measure("films", known, questions, given.misses)
    sections = choose_sections()
    both = [*known, *say_sections(sections)]
    moved = [
        Question(q.half, q.kind, q.video + len(films), q.answers, q.text)
        for q in read_questions(sections)
    ]
    measure("films and texts", both, [*questions, *moved], given.misses)


if __name__ == "__main__":
    main()
