"""How well the check tells false sentences from true ones: by words alone, and with a model.

python -m benchmarks.judge                      the words alone
python -m benchmarks.judge --judge gguf[:NAME]  and a model, whether its trial lets it count or not
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from longtake.check.judge import ask_about, try_judge
from longtake.check.word_for_word import weigh
from longtake.engines import open_engine
from longtake.errors import BadReply
from longtake.inference.engine import Engine
from longtake.inference.questions import Question
from longtake.inference.retry import tidy
from longtake.records import Support
from longtake.settings import load_settings
from tests.talks import drive
from tests.truths import Told, tell_all, tell_held_out, tell_reviewed

SUPPORTS: tuple[Support, ...] = ("supported", "unchecked", "unsupported")


def main() -> None:
    """Print a table for the words, and with a judge its rates and two more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", default="", metavar="NAME[:MODEL]")
    options = parser.parse_args()
    with ExitStack() as opened:
        engine = None
        if options.judge:
            engine = opened.enter_context(open_engine(options.judge, load_settings()))
            rates = drive(try_judge(engine.capabilities), partial(answer_all, engine))
            counts = "count" if rates.trusted else "do not count"
            print(f"in its trial {engine.name} {rates}: its verdicts {counts}")
        for name, told in (
            ("found by a review", tell_reviewed()),
            ("made with the check", tell_all()),
            ("held out", tell_held_out()),
        ):
            sources = {source for one in told for source in one.sources}
            print(f"\n{len(told)} sentences about {len(sources)} descriptions, {name}")
            measure(engine, told)


def measure(engine: Engine | None, told: Sequence[Told]) -> None:
    """Print what the words make of the sentences, and what a judge and both together do."""
    by_words = [weigh(one.sentence, one.sources)[0] for one in told]
    print_table("the words alone", told, by_words)
    if not engine:
        return
    claims = [(one.sentence, one.sources) for one in told]
    verdicts = drive(
        ask_about(claims, engine.capabilities, engine.count_tokens),
        partial(answer_all, engine),
    )
    print_table(f"{engine.name} alone", told, verdicts)
    both = [
        verdict if support == "unchecked" else support
        for support, verdict in zip(by_words, verdicts, strict=True)
    ]
    print_table("the words, then it", told, both)


def answer_all(engine: Engine, questions: Sequence[Question]) -> list[str | None]:
    """One after the other."""
    return [answer(engine, question) for question in questions]


def answer(engine: Engine, question: Question) -> str | None:
    """A usable reply's text, after one more try."""
    for attempt in range(2):
        reply = tidy(engine.answer(question.request.again(attempt)))
        try:
            question.accept(reply)
        except BadReply:
            continue
        return reply.text
    return None


def print_table(title: str, told: Sequence[Told], found: Sequence[Support]) -> None:
    """How many sentences of each kind came out how."""
    counts = Counter((one.true, one.kind, s) for one, s in zip(told, found, strict=True))
    print(f"\n{title:30}{'all':>5}" + "".join(f"{support:>13}" for support in SUPPORTS))
    for true, name in ((False, "false"), (True, "true")):
        kinds = sorted({one.kind for one in told if one.true is true})
        for kind in kinds:
            row = [counts[true, kind, support] for support in SUPPORTS]
            print(f"  {kind:28}{sum(row):5}" + "".join(f"{count:13}" for count in row))
        row = [sum(counts[true, kind, support] for kind in kinds) for support in SUPPORTS]
        if row := [count for count in row if kinds]:
            shares = "".join(f"{count:6} {count / sum(row):6.1%}" for count in row)
            print(f"all that is {name:18}{sum(row):5}{shares}", flush=True)


if __name__ == "__main__":
    main()
