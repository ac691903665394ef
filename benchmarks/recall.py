"""How often a search finds the right moment, beside words alone, meaning alone, and BM25 by bm25s.

    python -m benchmarks.recall [--misses]

The library: up to sixty sentences of nine sections of each of twelve books (see `benchmarks.talks`;
the packages are Debian 12's), each section a video, each sentence said. The questions were written
by hand, with the sentences that answer them (`recall.tsv`): `asked` are in other words than the
text's, `named` are a name or a term of it, as people type it. By `dev` was chosen how words and
meaning are merged; `test` was written after that, about other sentences of the same texts. (What
its first run showed, that neighbours' likeness is missing, was weighed by `dev` again.) In `dev`,
three answers were added that a search had found.

A moment is right if its best passage is within ten seconds of the answer. All sides rank the same
passages, and neighbours count once. bm25s, in an environment of its own, leaves out stop words and
stems. Shown is the share of the questions with a right moment among the first 1, 5 and 10, with a
95 % interval by bootstrap.
"""

import argparse
import csv
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.talks import BOOKS, Said, Section, read_sections, time_all

if TYPE_CHECKING:
    # bm25s' environment knows no longtake.
    from longtake.library.passages import Passage

ROOT = Path(__file__).parents[1]
BESIDE = ROOT / ".cache" / "bench-recall" / "bin" / "python"
STORE = ROOT / ".cache" / "recall" / "store.sqlite"
LIBRARY = frozenset(
    "kstars-data phylip-doc png-definitive-guide gnugo borgbackup-doc developers-reference"
    " anarchism ntpsec-doc kmymoney-common lilypond-doc-html debian-history mplayer-doc".split()
)
SECTIONS, SENTENCES = 9, 60
FIRST = (1, 5, 10)
MOST_RANKED = 100
RANK_OFFSET = 60
"""Of reciprocal ranks (Cormack, Clarke and Büttcher, SIGIR 2009)."""
SAMPLES = 10_000
Place = tuple[int, int]
"""A video, and a passage of it."""
Videos = Sequence[Sequence["Passage"]]
"""The passages of each, in time order."""
Ranking = list[list[Place]]
"""What is found for each question, the best first."""


@dataclass(frozen=True)
class Question:
    """What is asked, and the video and the runs of its passages that answer it, from 0."""

    half: str
    kind: str
    video: int
    answers: tuple[tuple[int, int], ...]
    text: str


def choose_sections() -> list[Section]:
    """Those of which the library is made, spread over each book."""
    chosen: list[Section] = []
    for book in (book for books in BOOKS.values() for book in books if book.package in LIBRARY):
        sections = read_sections(book)
        chosen += sections[:: max(1, len(sections) // SECTIONS)][:SECTIONS]
    return [Section(s.book, s.title, s.sentences[:SENTENCES]) for s in chosen]


def read_questions(sections: Sequence[Section]) -> list[Question]:
    """The questions of the file beside this one."""
    places = {(section.book, section.title): place for place, section in enumerate(sections)}
    with Path(__file__).with_suffix(".tsv").open(encoding="utf-8", newline="") as file:
        return [
            Question(
                row["half"],
                row["kind"],
                places[row["book"], row["section"]],
                tuple(_read_run(run) for run in row["sentences"].split(",")),
                row["question"],
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]


def _read_run(written: str) -> tuple[int, int]:
    first, last = written.split("-")
    return int(first), int(last)


# The sides


def say_sections(sections: Sequence[Section]) -> Videos:
    """Each section as a video, each sentence said."""
    from longtake.library.passages import Passage
    from longtake.timecode import Span

    said = [time_all([Said(text, 0) for text in section.sentences]) for section in sections]
    return [[Passage("said", Span(s.start, s.end), s.text) for s in each] for each in said]


def rank_all(store: Path, known: Videos, questions: Sequence[Question]) -> dict[str, Ranking]:
    """The rankings of all sides."""
    sides = rank_ours(store, known, questions)
    sides["BM25 by bm25s"] = rank_beside(known, questions)
    pairs = zip(sides["words alone (FTS5)"], sides["vectors alone"], strict=True)
    sides["reciprocal ranks"] = [merge_ranks(pair) for pair in pairs]
    return sides


def rank_ours(path: Path, known: Videos, questions: Sequence[Question]) -> dict[str, Ranking]:
    """What search finds, with words and meaning and by words alone; and by vectors alone."""
    import numpy as np

    from longtake.embed import identify, open_embedder
    from longtake.library.add import embed_missing
    from longtake.library.index import Where, list_passages_of, put_video
    from longtake.library.search import VectorCache, search
    from longtake.pipeline.session import run_to_end
    from longtake.records import Video
    from longtake.settings import load_settings
    from longtake.store import Store

    path.parent.mkdir(parents=True, exist_ok=True)
    with Store(path) as store, open_embedder("minilm", load_settings({})) as embedder:  # type: ignore[union-attr]
        videos = {}
        for number, passages in enumerate(known):
            video = Video(Path(f"{number}.mp4"), f"{number:064}", *(passages[-1].span.end,) * 2)
            videos[put_video(store, video, passages, "en", "")] = number
        run_to_end(embed_missing(store, embedder, list(videos)))
        places = {
            passage.id: (number, place)
            for video, number in videos.items()
            for place, passage in enumerate(list_passages_of(store, video))
        }
        cache, where = VectorCache(), Where(list(videos))

        def look(question: Question, with_meaning: bool) -> list[Place]:
            given = embedder if with_meaning else None
            found = search(store, question.text, where, given, cache, most=FIRST[-1])
            return [places[moment.passages[0].id] for moment in found]

        vectors = [cache.read(store, identify(embedder), number) for number in videos]
        ids = np.concatenate([v.facts["id"] for v in vectors if v])

        def weigh(question: Question) -> list[Place]:
            (wanted,) = embedder.embed([question.text])
            likenesses = np.concatenate([v.weigh(wanted) for v in vectors if v])
            return [places[n] for n in ids[np.argsort(-likenesses)[:MOST_RANKED]].tolist()]

        return {
            "search": [look(question, True) for question in questions],
            "words alone (FTS5)": [look(question, False) for question in questions],
            "vectors alone": [weigh(question) for question in questions],
        }


def rank_beside(known: Videos, questions: Sequence[Question]) -> Ranking:
    """The ranking by bm25s, in its own environment."""
    places = [(n, place) for n, passages in enumerate(known) for place in range(len(passages))]
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "asked.json", Path(folder) / "told.json"
        texts = [known[n][place].text for n, place in places]
        asked.write_text(json.dumps([texts, [q.text for q in questions]]), encoding="utf-8")
        command = [str(BESIDE), "-m", "benchmarks.recall", "--beside", str(asked), str(told)]
        subprocess.run(command, cwd=ROOT, check=True)
        answer = json.loads(told.read_text(encoding="utf-8"))
    return [[places[number] for number in ranking] for ranking in answer]


def answer_beside(asked: Path, told: Path) -> None:
    """Rank the texts in a file for the questions in it by bm25s."""
    import bm25s  # type: ignore[import-not-found]
    import Stemmer  # type: ignore[import-not-found]

    texts, questions = json.loads(asked.read_text(encoding="utf-8"))
    stemmer = Stemmer.Stemmer("english")

    def cut(given: Sequence[str]) -> object:
        return bm25s.tokenize(given, stopwords="en", stemmer=stemmer, show_progress=False)

    index = bm25s.BM25()
    index.index(cut(texts), show_progress=False)
    ranked, scores = index.retrieve(cut(questions), k=MOST_RANKED, show_progress=False)
    rows = zip(ranked.tolist(), scores.tolist(), strict=True)
    answer = [[n for n, score in zip(*row, strict=True) if score > 0] for row in rows]
    told.write_text(json.dumps(answer), encoding="utf-8")


def merge_ranks(rankings: Iterable[Sequence[Place]]) -> list[Place]:
    """Reciprocal rank fusion."""
    scores: dict[Place, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            scores[place] = scores.get(place, 0.0) + 1 / (RANK_OFFSET + rank)
    return sorted(scores, key=lambda place: -scores[place])


# The truth


def find_rank(
    ranking: Sequence[Place], question: Question, known: Videos, near: float | None = None
) -> int | None:
    """The rank of the first right moment, from 1; as near as what search takes for one moment."""
    moments: list[Place] = []
    for place in ranking:
        if not any(_is_near(known, place, *moment, moment[1]) for moment in moments):
            moments.append(place)
    for rank, moment in enumerate(moments, 1):
        if any(_is_near(known, moment, question.video, *run, near) for run in question.answers):
            return rank
    return None


def _is_near(
    known: Videos, place: Place, video: int, first: int, last: int, near: float | None = None
) -> bool:
    """Whether a passage is no farther from those than `near`; None: what makes one moment."""
    from longtake.library.search import NEAR_SECONDS

    one, others = known[place[0]][place[1]].span, known[video]
    gap = max(one.start, others[first].span.start) - min(one.end, others[last].span.end)
    return place[0] == video and gap <= (NEAR_SECONDS if near is None else near)


def show(name: str, ranks: Sequence[int | None]) -> str:
    """The row of a side."""
    import numpy as np

    found = np.array([[rank is not None and rank <= most for most in FIRST] for rank in ranks])
    random = np.random.default_rng(1)
    drawn = found[random.integers(len(found), size=(SAMPLES, len(found)))].mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    cells = zip(found.mean(axis=0), low, high, strict=True)
    return f"  {name:<22}" + "".join(f"  {mean:.2f} ({a:.2f}-{b:.2f})" for mean, a, b in cells)


def tell(questions: Sequence[Question], ranks: Mapping[str, Sequence[int | None]]) -> None:
    """A table for each half and kind, and for all of a half."""
    for half in ("dev", "test"):
        for kinds in (("asked",), ("named",), ("asked", "named")):
            chosen = [
                place for place, q in enumerate(questions) if q.half == half and q.kind in kinds
            ]
            print(f"{half}, {' and '.join(kinds)}: {len(chosen)} questions", flush=True)
            for name, each in ranks.items():
                print(show(name, [each[place] for place in chosen]))


def main() -> None:
    """Measure all sides, or answer for one of them in its own environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument(
        "--misses", action="store_true", help="and each question not in the first 5"
    )
    given = parser.parse_args()
    if given.beside:
        answer_beside(*given.beside)
        return
    sections = choose_sections()
    known, questions = say_sections(sections), read_questions(sections)
    print(f"{sum(map(len, known))} passages of {len(known)} videos, {len(questions)} questions")
    sides = rank_all(STORE, known, questions)
    ranks = {
        name: [find_rank(row, q, known) for row, q in zip(rows, questions, strict=True)]
        for name, rows in sides.items()
    }
    tell(questions, ranks)
    for place, question in enumerate(questions if given.misses else ()):
        each = [ranks[name][place] for name in ranks]
        if not each[0] or each[0] > FIRST[1]:
            print(f"{question.half} {question.video} {question.text}: {each}")
            for number, best in sides["search"][place][:3]:
                print(f"    {number} {best} {known[number][best].text[:150]}")


if __name__ == "__main__":
    main()
