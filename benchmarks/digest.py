"""How good the digest is, beside what people would use instead, on talks whose subjects are known.

    python -m benchmarks.digest [--set test] [--embedders minilm,words] [--talks 8]

For the words see `benchmarks.talks`. TextTiling (NLTK) and LexRank (sumy) run in an environment
of their own. All get the same sentences, and choose 10, then 20 of them. "Tuned" is TextTiling with
the sizes that are best by Pk on every fourth easy and hard talk of DEV. Of a set the means over
its talks, in per cent where nothing else is said:

found     changes of subject that a topic begins within 30 seconds of, each beginning counted once
right     beginnings of topics (the first one apart) that are so near to a change
F1        the harmonic mean of both
Pk, WD    Pk (Beeferman 1999) and WindowDiff (Pevzner and Hearst 2002), the window half the mean
          length of a subject, in sentences; less is better
topics    how many, in the mean; over the rows it says how many subjects there are
told      subjects of which a sentence is chosen
even      how evenly the chosen ones are spread over the subjects: entropy over its most
alike     ROUGE-L, without stop words, of each chosen sentence with the chosen one it is most like
chat      chosen sentences that are greetings, fillers, questions to the room or advertisements
asks      chosen sentences that end with a question mark
terms     of each subject's twenty chief terms (tf-idf among all subjects of the set, and its
          heading's words), by weight, what the sentences chosen from it hold
near      1 - Jensen-Shannon divergence (bits) of the chosen words from the talk's (Louis and
          Nenkova 2009)
words     in a chosen sentence
seconds   for a talk, the model being loaded
"""

import argparse
import json
import math
import re
import statistics
import struct
import subprocess
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import accumulate, combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.talks import SETS, Said, Talk, make_cues, make_talks

ROOT = Path(__file__).parents[1]
BESIDE = ROOT / ".cache" / "bench-digest" / "bin" / "python"
COUNTS = (10, 20)
NEAR_SECONDS = 30.0
CHIEF_TERMS = 20
TILES = {"TextTiling, LexRank": (20, 10), "the same, tuned": (100, 5)}
"""Words of a pseudo-sentence and of these in a block: NLTK's own, and the best by Pk on DEV."""
GROUPS = ("easy", "hard", "chatty", "auto")
Embed = Callable[[Sequence[str]], Any]


class Unit(NamedTuple):
    """A sentence as the methods are given it."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Outcome:
    """What a method made of a talk: when topics begin, places of chosen sentences by their number.

    No `starts`: it finds no topics.
    """

    starts: list[float] | None = None
    chosen: dict[int, list[int]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Task:
    """A talk in the form in which the methods are given it."""

    group: str
    talk: Talk
    units: tuple[Unit, ...]


# Our side


def run_ours(name: str, tasks: Sequence[Task]) -> list[Outcome]:
    """The digests with an embedder of that name."""
    from longtake.embed import open_embedder
    from longtake.settings import load_settings

    if name == "wordllama":
        return [digest(task.units, WordLlama().embed) for task in tasks]
    embedder = open_embedder(name, load_settings({}))
    embed = embedder.embed if embedder else None
    if embed:
        embed(["The model is loaded."])
    return [digest(task.units, embed) for task in tasks]


class WordLlama:
    """Static vectors of the package of that name, read as data: its own loader asks the hub."""

    def __init__(self) -> None:
        import numpy as np
        from tokenizers import Tokenizer

        (folder,) = BESIDE.parents[1].glob("lib/python*/site-packages/wordllama")
        raw = (folder / "weights" / "l2_supercat_256.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        (facts,) = (v for k, v in json.loads(raw[8 : 8 + length]).items() if k != "__metadata__")
        first, last = (8 + length + offset for offset in facts["data_offsets"])
        self._rows = np.frombuffer(raw[first:last], np.float16).reshape(facts["shape"])
        tokens = folder / "tokenizers" / "l2_supercat_tokenizer_config.json"
        self._tokenizer = Tokenizer.from_file(str(tokens))

    def embed(self, texts: Sequence[str]) -> Any:
        import numpy as np

        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        rows = [self._rows[e.ids].astype(np.float32).mean(axis=0) for e in encoded]
        vectors = np.stack(rows)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def digest(units: Sequence[Unit], embed: Embed | None) -> Outcome:
    """A digest for each count; the first one's time, since the others find the vectors kept."""
    from unittest.mock import patch

    from longtake.digest import SENTENCES, Quote, make_digest
    from longtake.timecode import Span

    quotes = [Quote(u.text, Span(u.start, u.end), (1,), "voice") for u in units]
    places = {quote.span: place for place, quote in enumerate(quotes)}
    vectors = keep(embed) if embed else None
    chosen, seconds, starts = {}, [], []
    for count in COUNTS:
        started = time.perf_counter()
        with patch.dict(SENTENCES, medium=count):
            made = make_digest(quotes, units[-1].end, vectors, language="en")
        seconds.append(time.perf_counter() - started)
        chosen[count] = [places[q.span] for topic in made.topics for q in topic.quotes]
        starts = [topic.span.start for topic in made.topics[1:]]
    return Outcome(starts, chosen, seconds[0])


def keep(embed: Embed) -> Embed:
    """The same, that makes nothing twice."""
    kept = cache(embed)
    return lambda texts: kept(tuple(texts))


def join_cues(said: Sequence[Said]) -> list[Unit]:
    """Automatic captions as the pipeline joins them."""
    from longtake.digest import list_quotes
    from longtake.records import Chunk, Description, Segment, Words
    from longtake.timecode import Span

    cues = make_cues(said, automatic=True)
    segments = [Segment(Span(cue.start, cue.end), cue.text) for cue in cues]
    one = Description(Chunk(1, Span(0, cues[-1].end)), "described", "none")
    quotes = list_quotes([one], {1: Words(tuple(segments))}, "en")
    return [Unit(quote.text, quote.span.start, quote.span.end) for quote in quotes]


# What people would use instead, in its own environment


def run_beside(tasks: Sequence[Task]) -> tuple[dict[str, list[Outcome]], frozenset[str]]:
    """Each method's outcomes by its name, and sumy's stop words."""
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "asked.json", Path(folder) / "told.json"
        asked.write_text(json.dumps([task.units for task in tasks]), encoding="utf-8")
        here = [str(BESIDE), "-W", "ignore", "-m", "benchmarks.digest"]
        command = [*here, "--beside", str(asked), str(told)]
        subprocess.run(command, cwd=ROOT, check=True)
        answer = json.loads(told.read_text(encoding="utf-8"))
    found = {name: [read_outcome(one) for one in each] for name, each in answer["found"].items()}
    return found, frozenset(answer["stop_words"])


def read_outcome(fields: Mapping[str, Any]) -> Outcome:
    chosen = {int(count): places for count, places in fields["chosen"].items()}
    return Outcome(fields["starts"], chosen, fields["seconds"])


def answer_beside(asked: Path, told: Path) -> None:
    """Run the other methods on the sentences in a file; write what they made of them."""
    from sumy.utils import get_stop_words  # type: ignore[import-not-found]

    rows = [[Unit(*unit) for unit in row] for row in json.loads(asked.read_text(encoding="utf-8"))]
    glue = get_stop_words("english")
    found: dict[str, list[Outcome]] = {
        name: [try_tiles(*sizes, u, glue) for u in rows] for name, sizes in TILES.items()
    }
    found["LexRank"] = [try_ranks(units, glue) for units in rows]
    found["every n-th sentence"] = [take_every_nth(units) for units in rows]
    named = {name: [asdict(outcome) for outcome in each] for name, each in found.items()}
    told.write_text(json.dumps({"found": named, "stop_words": sorted(glue)}), encoding="utf-8")


def try_tiles(words: int, block: int, units: Sequence[Unit], glue: frozenset[str]) -> Outcome:
    """TextTiling, then LexRank in each of its topics."""
    started = time.perf_counter()
    starts = tile(words, block, units, glue)
    seconds = time.perf_counter() - started
    parts = [range(a, b) for a, b in pairwise([0, *starts, len(units)])]
    chosen, more = rank(parts, units, glue)
    return Outcome([units[place].start for place in starts], chosen, seconds + more)


def try_ranks(units: Sequence[Unit], glue: frozenset[str]) -> Outcome:
    """LexRank on the whole."""
    chosen, seconds = rank([range(len(units))], units, glue)
    return Outcome(None, chosen, seconds)


def take_every_nth(units: Sequence[Unit]) -> Outcome:
    places = {n: [int((k + 0.5) * len(units) / n) for k in range(n)] for n in COUNTS}
    return Outcome(None, places)


def tile(words: int, block: int, units: Sequence[Unit], glue: frozenset[str]) -> list[int]:
    """Where TextTiling begins topics, with each sentence a paragraph: it cuts between those."""
    from nltk.tokenize import TextTilingTokenizer  # type: ignore[import-not-found]

    text = "\n\n".join(unit.text for unit in units)
    tiles = TextTilingTokenizer(w=words, k=block, stopwords=glue).tokenize(text)
    ends = list(accumulate((len(unit.text) + 2 for unit in units), initial=-2))
    lengths = accumulate(len(part) for part in tiles[:-1])
    return sorted({bisect_left(ends, length) for length in lengths} - {0, len(units)})


class Words:
    """What sumy asks for its tokenizer: NLTK's would be fetched from the net."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        return tuple(list_words(sentence))


def rank(
    parts: Sequence[range], units: Sequence[Unit], glue: frozenset[str]
) -> tuple[dict[int, list[int]], float]:
    """The sentences that LexRank chooses of each part, and the seconds that the first time took."""
    chosen, seconds = {}, []
    for count in COUNTS:
        started = time.perf_counter()
        shares = share([len(part) for part in parts], count)
        some = [rank_part(p, units, n, glue) for p, n in zip(parts, shares, strict=True) if n]
        chosen[count] = sorted(place for places in some for place in places)
        seconds.append(time.perf_counter() - started)
    return chosen, seconds[0]


def rank_part(part: range, units: Sequence[Unit], count: int, glue: frozenset[str]) -> list[int]:
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence  # type: ignore[import-not-found]
    from sumy.nlp.stemmers import Stemmer  # type: ignore[import-not-found]
    from sumy.summarizers.lex_rank import LexRankSummarizer  # type: ignore[import-not-found]

    summarizer = LexRankSummarizer(Stemmer("english"))
    summarizer.stop_words = glue
    sentences = [Sentence(units[place].text, Words()) for place in part]
    best = summarizer(ObjectDocumentModel([Paragraph(sentences)]), count)
    wanted = {id(sentence) for sentence in best}
    return [place for place, one in zip(part, sentences, strict=True) if id(one) in wanted]


def share(lengths: Sequence[int], count: int) -> list[int]:
    """So many seats by length (Sainte-Laguë), none more than there are sentences."""
    given = [0] * len(lengths)
    for _ in range(min(count, sum(lengths))):
        free = [k for k, length in enumerate(lengths) if given[k] < length]
        given[max(free, key=lambda k: lengths[k] / (2 * given[k] + 1))] += 1
    return given


def cut_evenly(task: Task) -> list[float]:
    """As many topics as there are in truth, all as long: what chance would find."""
    topics, end = len(task.talk.subjects), task.units[-1].end
    return [end * k / topics for k in range(1, topics)]


# The truth


class Truth:
    """Of a talk: changes of subject, and the sentence of it that a time falls into."""

    def __init__(self, talk: Talk) -> None:
        self.subjects = talk.subjects
        self._said = talk.sentences
        self._starts = [said.start for said in talk.sentences]
        speech = [said for said in talk.sentences if said.role == "speech"]
        self.changes = [(a.end, b.start) for a, b in pairwise(speech) if a.subject != b.subject]

    def find(self, unit: Unit) -> Said:
        """The sentence that is said in the middle of it."""
        middle = (unit.start + unit.end) / 2
        return self._said[max(0, bisect_left(self._starts, middle) - 1)]


def count_found(starts: Sequence[float], changes: Sequence[tuple[float, float]]) -> int:
    """Pairs of a beginning and a change that are near, the nearest first, none in two pairs."""
    pairs = sorted(
        (max(before - start, start - after, 0.0), i, j)
        for i, start in enumerate(starts)
        for j, (before, after) in enumerate(changes)
    )
    used: set[tuple[str, int]] = set()
    for apart, i, j in pairs:
        if apart <= NEAR_SECONDS and not used & {("start", i), ("change", j)}:
            used |= {("start", i), ("change", j)}
    return len(used) // 2


def compare_windows(truth: Sequence[int], found: Sequence[int], size: int) -> tuple[float, float]:
    """Pk and WindowDiff of two rows of 0s and 1s, 1 where something begins, over so many units."""
    alike, same, windows = 0, 0, len(truth) - size
    for first in range(windows):
        a, b = (sum(row[first + 1 : first + size + 1]) for row in (truth, found))
        alike += (a == 0) == (b == 0)
        same += a == b
    return 1 - alike / windows, 1 - same / windows


def measure_topics(task: Task, starts: Sequence[float]) -> dict[str, float]:
    truth = Truth(task.talk)
    near = count_found(starts, truth.changes)
    told = [unit for unit in task.units if truth.find(unit).role != "advert"]
    subjects = [truth.find(unit).subject for unit in told]
    times = [unit.start + 0.01 for unit in told]
    real, found = [0] * len(told), [0] * len(told)
    for place, (a, b) in enumerate(pairwise(subjects), 1):
        real[place] = int(a != b)
    for start in starts:
        found[min(bisect_left(times, start), len(told) - 1)] = 1
    pk, wd = compare_windows(real, found, max(2, round(len(told) / len(truth.subjects) / 2)))
    figures = {"found": near / len(truth.changes), "Pk": pk, "WD": wd, "topics": len(starts) + 1}
    figures["F1"] = 2 * near / (len(truth.changes) + len(starts))
    return figures | ({"right": near / len(starts)} if starts else {})


# What the chosen sentences are worth


class Glossary:
    """The words that count, by their stems, and the chief terms of each subject of a set."""

    def __init__(self, talks: Iterable[Talk], glue: frozenset[str]) -> None:
        self._glue = glue
        self._texts = {
            (talk.name, k): self.count(
                s.text for s in talk.sentences if s.subject == k and s.role == "speech"
            )
            for talk in talks
            for k in range(len(talk.subjects))
        }
        self._spread = Counter(stem for text in self._texts.values() for stem in text)

    def stem(self, text: str) -> list[str]:
        return [stem_word(word) for word in list_words(text) if word not in self._glue]

    def count(self, texts: Iterable[str]) -> Counter[str]:
        return Counter(stem for text in texts for stem in self.stem(text))

    def list_terms(self, talk: Talk, subject: int) -> dict[str, float]:
        """The chief terms with their weights; the heading's words weigh as the chief one."""
        text = self._texts[talk.name, subject]
        total = len(self._texts)
        weights = {w: n * math.log(total / self._spread[w]) for w, n in text.items()}
        chief = dict(sorted(weights.items(), key=lambda pair: -pair[1])[:CHIEF_TERMS])
        most = max(chief.values())
        return chief | {w: most for w in self.stem(talk.subjects[subject]) if w in text}


def list_words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower())


@cache
def stem_word(word: str) -> str:
    import snowballstemmer

    return str(snowballstemmer.stemmer("english").stemWord(word))


def measure_chosen(task: Task, places: Sequence[int], glossary: Glossary) -> dict[str, float]:
    truth = Truth(task.talk)
    units = [task.units[place] for place in places]
    said = [truth.find(unit) for unit in units]
    by_subject = Counter(one.subject for one in said if one.role == "speech")
    texts = [unit.text for unit in units]
    if not texts:
        return {"told": 0.0, "even": 0.0, "terms": 0.0, "near": 0.0}
    return {
        "told": len(by_subject) / len(truth.subjects),
        "even": measure_evenness(by_subject, len(truth.subjects)),
        "alike": measure_likeness([glossary.stem(text) for text in texts]),
        "chat": statistics.mean(one.role != "speech" for one in said),
        "asks": statistics.mean(text.rstrip("\"'”’)").endswith("?") for text in texts),
        "terms": measure_terms(task, units, said, glossary),
        "near": 1
        - measure_divergence(
            glossary.count(texts), glossary.count(unit.text for unit in task.units)
        ),
        "words": statistics.mean(len(text.split()) for text in texts),
    }


def measure_evenness(counts: Counter[int], subjects: int) -> float:
    shares = [count / counts.total() for count in counts.values()]
    return -sum(one * math.log(one) for one in shares) / math.log(subjects)


def measure_likeness(texts: Sequence[Sequence[str]]) -> float:
    most = [0.0] * len(texts)
    for (i, one), (j, other) in combinations(enumerate(texts), 2):
        alike = measure_rouge_l(one, other)
        most[i], most[j] = max(most[i], alike), max(most[j], alike)
    return statistics.mean(most)


def measure_rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """The words that both have in the same order, at most, over the mean of their lengths."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, theirs in enumerate(other, 1):
            longest = before + 1 if word == theirs else max(row[place], row[place - 1])
            before, row[place] = row[place], longest
    return 2 * row[-1] / max(1, len(one) + len(other))


def measure_terms(
    task: Task, units: Sequence[Unit], said: Sequence[Said], glossary: Glossary
) -> float:
    shares = []
    for subject in range(len(task.talk.subjects)):
        terms = glossary.list_terms(task.talk, subject)
        own = [u.text for u, one in zip(units, said, strict=True) if one.subject == subject]
        held = glossary.count(own).keys() & terms.keys()
        shares.append(sum(terms[word] for word in held) / sum(terms.values()))
    return statistics.mean(shares)


def measure_divergence(one: Counter[str], other: Counter[str]) -> float:
    """Jensen-Shannon, in bits."""
    total = 0.0
    for word in one.keys() | other.keys():
        p, q = one[word] / one.total(), other[word] / other.total()
        total += sum(x / 2 * math.log2(2 * x / (p + q)) for x in (p, q) if x)
    return total


# The table


def list_tasks(talks: Sequence[Talk]) -> list[Task]:
    """Each talk as its sentences, and the plain ones as automatic captions, too."""
    tasks = [
        Task(talk.kind, talk, tuple(Unit(s.text, s.start, s.end) for s in talk.sentences))
        for talk in talks
    ]
    plain = [talk for talk in talks if talk.kind != "chatty"]
    return tasks + [Task("auto", talk, tuple(join_cues(talk.sentences))) for talk in plain]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=list(SETS), default="test")
    parser.add_argument("--embedders", default="minilm,words", help="empty: not our side")
    parser.add_argument("--talks", type=int, default=1000, help="of each kind, at most")
    parser.add_argument("--beside", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.beside:
        answer_beside(*options.beside)
        return
    made = make_talks(options.set)
    by_kind = [[talk for talk in made if talk.kind == kind][: options.talks] for kind in GROUPS]
    talks = [talk for some in by_kind for talk in some]
    compare(talks, [name for name in options.embedders.split(",") if name])


def compare(talks: Sequence[Talk], embedders: Sequence[str]) -> None:
    tasks = list_tasks(talks)
    ours = {f"longtake, {name}": run_ours(name, tasks) for name in embedders}
    beside, glue = run_beside(tasks)
    print_table(tasks, ours | beside, Glossary(talks, glue))


def print_table(
    tasks: Sequence[Task], found: Mapping[str, Sequence[Outcome]], glossary: Glossary
) -> None:
    for group in GROUPS:
        own = [place for place, task in enumerate(tasks) if task.group == group]
        truth = statistics.mean(len(tasks[place].talk.subjects) for place in own)
        print(f"\n{group}: {len(own)} talks, {truth:.1f} subjects each")
        print(HEADINGS)
        for name, outcomes in found.items():
            print_row(name, [(tasks[place], outcomes[place]) for place in own], glossary)
        even = [measure_topics(tasks[place], cut_evenly(tasks[place])) for place in own]
        print(f"{'even cuts, the truth’s':{NAME}}{say_topics(even)}")


NAME = 22
PAIRS = ("told", "even", "alike", "chat", "asks", "terms", "near")
HEADINGS = (
    f"{'':{NAME}}found right   F1   Pk   WD topics  "
    + "".join(f"{name:>9}" for name in PAIRS)
    + "    words seconds"
)


def print_row(name: str, own: Sequence[tuple[Task, Outcome]], glossary: Glossary) -> None:
    topics = [measure_topics(task, out.starts) for task, out in own if out.starts is not None]
    print(f"{name:{NAME}}{say_topics(topics)}", end="")
    by_count = [
        [measure_chosen(task, out.chosen[count], glossary) for task, out in own] for count in COUNTS
    ]
    few, many = ({key: mean_of(each, key) for key in (*PAIRS, "words")} for each in by_count)
    for key in PAIRS:
        print(f"{100 * few[key]:5.0f}/{100 * many[key]:3.0f}", end="")
    seconds = statistics.mean(out.seconds for _, out in own)
    print(f"   {few['words']:3.0f}/{many['words']:2.0f}{seconds:8.2f}")


def say_topics(figures: Sequence[Mapping[str, float]]) -> str:
    if not figures:
        return f"{'-':>5}{'-':>6}{'-':>5}{'-':>5}{'-':>5}{'-':>7}  "
    keys = ("found", "right", "F1", "Pk", "WD")
    found, right, both, pk, wd = (100 * mean_of(figures, key) for key in keys)
    topics = mean_of(figures, "topics")
    return f"{found:5.0f}{right:6.0f}{both:5.0f}{pk:5.0f}{wd:5.0f}{topics:7.1f}  "


def mean_of(figures: Sequence[Mapping[str, float]], key: str) -> float:
    """The mean over the talks of which it can be told."""
    return statistics.mean(each[key] for each in figures if key in each)


if __name__ == "__main__":
    main()
