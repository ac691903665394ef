"""Reads a text from left to right, a clause at a time.

What is ambiguous is decided so:

- `it` is what the clause before was about; `they` and `both` are the two last named, or those of
  the last clause if it was about several; `the circle` is the one that was last named.
- Who stands right before a verb does it; who stands after one that takes a target is its target. In
  "touches the square and the star leaves" the star leaves.
- `X enters, followed by Y`: Y does the same.
- A state is no event ("is on the left"), but "is now blue" tells that it turned, and "is hidden
  behind" that it went there. What is about to happen, stops or almost happens is not read.
- A movement whose direction is not told may be any of the four; `moves across` is left or right.
- "After A, B", "B after A" and "before B, A" all tell A first.
"""

from collections.abc import Callable, Iterable
from functools import cached_property

from longtake.evaluate.reading.cast import NOBODY, Cast, Mention, Phrase
from longtake.evaluate.reading.pieces import Lexeme, list_pieces
from longtake.evaluate.reading.verbs import (
    OF_NOBODY,
    SYMMETRIC,
    TURNING,
    ReadEvent,
    Verb,
    list_events,
)
from longtake.evaluate.reading.vocabulary import WORDING, Look, Vocabulary, stem

_NO_THINGS = frozenset(map(stem, WORDING["no_things"]))
_BEHIND = frozenset(["behind", "unbehind"])
_NOTHING = Lexeme("", "", ("",))


def read_events(text: str, vocabulary: Vocabulary | None = None) -> list[ReadEvent]:
    """What a text tells, in the order in which it happens."""
    return read_texts([text], vocabulary)


def read_texts(
    texts: Iterable[str], vocabulary: Vocabulary | None = None, *, forget: bool = False
) -> list[ReadEvent]:
    """The same of several; with `forget` each is read as if there were no other."""
    events: list[ReadEvent] = []
    cast, about = Cast(), list[Mention]()
    sentence = 0
    for number, text in enumerate(texts):
        pieces, quotations = list_pieces(text, vocabulary or Vocabulary())
        if forget:
            cast, about = Cast(), []
        for part in _split_sentences(pieces):
            sentence += 1
            reader = _SentenceReader(cast, about, quotations)
            found = reader.read(part)
            events += [one._replace(order=(sentence, one.order[1]), piece=number) for one in found]
            about = reader.all_subjects or about
    return sorted(events, key=lambda event: event.order)


def _split_sentences(pieces: Iterable[Lexeme]) -> list[list[Lexeme]]:
    parts: list[list[Lexeme]] = [[]]
    for piece in pieces:
        if piece.tag == "stop":
            parts.append([])
        else:
            parts[-1].append(piece)
    return [part for part in parts if part]


class _SentenceReader:
    """Reads one sentence: what stands in it changes who is named, what they do, and when."""

    def __init__(self, cast: Cast, about: list[Mention], quotations: list[str]) -> None:
        self.cast = cast
        self.about = about
        """Whom the sentence before was about."""
        self.quotations = quotations
        """Of the whole text; those that were met are taken away."""
        self.events: list[ReadEvent] = []
        self.before = self.after = _NOTHING
        self.phrase: Phrase | None = None
        self.verb: Verb | None = None
        self.last_verb: Verb | None = None
        self.waiting: list[Verb] = []
        """Verbs that came before who does them: "Entering from above, ..."."""
        self.subjects: list[Mention] = []
        self.single: list[Mention] = []
        """The last one who did something alone: "until the two touch, and then leaves"."""
        self.fresh = False
        """Whether the subjects were named right before the verb."""
        self.main: list[Mention] = []
        """Whom the sentence was about before "which"."""
        self.run: list[Mention] = []
        """Named since the last verb, one after the other."""
        self.split_at = 0
        """How many of them stand before the last comma or "and"."""
        self.separated = self.apart = self.oblique = self.from_here = False
        self.causing = False
        self.placed = False
        """Whether what stands after a preposition is a place or a time: "in this clip"."""
        self.ahead: list[str] = []
        """Paths that stand before their verb: "From behind the house ..."."""
        self.ahead_targets: list[Mention] = []
        self.begun = False
        """Whether a verb has come."""
        self.rank = 0
        self.leading_before = False
        self.denied = self.skipping = self.be = False
        self.said: list[str] | None = None
        """What comes after "says that"."""

    def read(self, pieces: list[Lexeme]) -> list[ReadEvent]:
        """All that it tells."""
        for number, piece in enumerate(pieces):
            self.after = pieces[number + 1] if number + 1 < len(pieces) else _NOTHING
            if self.said is not None:
                self.said += piece.words
            else:
                self._readers[piece.tag](piece)
            self.before = piece
        self._end_sentence()
        return self.events

    @cached_property
    def all_subjects(self) -> list[Mention]:
        """Whom the sentence was about."""
        return self.subjects or ([] if self.oblique else self.run)

    @cached_property
    def _readers(self) -> dict[str, Callable[[Lexeme], None]]:
        return {
            "skip": lambda _: self._end_phrase(),
            "word": self._read_word,
            "size": self._read_size,
            "colour": self._read_colour,
            "kind": self._read_kind,
            "quotation": self._read_quotation,
            "comma": self._read_comma,
            "path": self._read_path,
            "verb": self._read_verb,
            "grammar": self._read_grammar,
        }

    # What stands in a sentence, by its table.

    def _read_word(self, piece: Lexeme) -> None:
        if piece.value in _NO_THINGS:
            self.placed = self.placed or bool(self.phrase and self.oblique)
            return
        if self.phrase:
            self.phrase.noun = piece.value
        elif self.run and not self.oblique and piece.words[0].endswith(("s", "ed", "ing")):
            if self.after.value in ("in", "out"):
                self._read_verb(piece._replace(tag="verb", value="goes"))
            else:
                self._do_something_else()

    def _do_something_else(self) -> None:
        """An unknown verb: who stands before it does it, what comes after is its target."""
        if not self.separated or self.split_at < len(self.run):
            self._take_subjects()
            self.oblique = True

    def _read_size(self, piece: Lexeme) -> None:
        if self.verb and self.verb.name in ("becomes", "grows") and not self.phrase:
            self.verb.size = piece.value

    def _read_colour(self, piece: Lexeme) -> None:
        if self.phrase is None and self._colours_last(piece.value):
            return
        self.phrase = self.phrase or Phrase()
        self.phrase.add_colour(piece.value)

    def _colours_last(self, colour: str) -> bool:
        """`Something green`, `a person in red`: the colour of what was named right before."""
        near = self.before.tag == "kind" or self.before.words == ("in",)
        mentions = self.run or self.subjects
        if self.verb or not (near and mentions and mentions[-1].things):
            return False
        thing = mentions[-1].things[-1]
        if thing.colour:
            return False
        thing.colour = colour
        return True

    def _read_kind(self, piece: Lexeme) -> None:
        phrase = self.phrase = self.phrase or Phrase()
        people = self.cast.last_person() if piece.words == ("figure",) else []
        if people and phrase.article == "the" and not phrase.colours:
            self.phrase = None
            self._name(people)
        else:
            self._end_phrase(piece.value, headed=True)

    def _read_quotation(self, piece: Lexeme) -> None:
        text = " ".join(self.quotations.pop(0).split()) if self.quotations else ""
        if self.verb and self.verb.name == "says" and not _are_signs(self.subjects):
            self.verb.quoted = text
            return
        if _are_signs(self.run or self.subjects) or self.verb or text[:1].isupper():
            self._end_phrase()
            order, sign = (0, self.rank), Look("", "sign")
            self.events.append(ReadEvent(sign, (), ("shows",), text, self.denied, "", order))
            if self.verb and self.verb.name in ("says", "shows"):
                self.verb = None

    def _read_comma(self, piece: Lexeme) -> None:
        if self.phrase and self.phrase.colours and self.after.tag == "colour":
            self.phrase.listing = True
            return
        self._end_phrase()
        self._separate()
        self.denied = self.skipping = False
        if self.leading_before:
            self.leading_before, self.rank = False, 0
            self._close_verb()
        self._end_relative()

    def _separate(self) -> None:
        """At a comma or "and"."""
        if self.run and self.verb is None and _BEHIND & set(self.ahead):
            self.ahead_targets, self.run = self.run, []
        if self.oblique:
            self.run, self.oblique = [], False
        if not self.ahead_targets:
            self.ahead = []
        self.separated = True
        self.be = False
        self.split_at = len(self.run)
        if self.verb:
            self.verb.part += 1

    def _end_relative(self) -> None:
        if self.main:
            self._close_verb()
            self.subjects, self.main = self.main, []

    def _read_path(self, piece: Lexeme) -> None:
        if piece.words == ("left",) and self._may_have_left():
            self._read_verb(piece._replace(tag="verb", value="leaves"))
            return
        self._end_phrase()
        self._take_targets()
        self.from_here = self.from_here or piece.value == "from"
        if self.verb:
            self.verb.paths.append((piece.value, self.verb.part))
        else:
            self.ahead.append(piece.value)
        self.oblique = piece.value not in _BEHIND

    def _may_have_left(self) -> bool:
        """Whether "left" is a verb here."""
        if self.phrase:
            return False
        if self.verb:
            return bool(self.run or self.verb.part)
        return bool(self.run or self.subjects or self.be or self.about)

    def _read_verb(self, piece: Lexeme) -> None:
        word = piece.words[0]
        if self.phrase and not (self.phrase.colours or self.phrase.noun):
            self.phrase = self.phrase if self.phrase.article == "its" else None
        self._end_phrase(before_verb=True)
        if self.denied and self.separated and word.endswith(("s", "ed")):
            self.denied = False
        if self.skipping:
            self.skipping = False
            self._take_subjects()
            return
        self._take_subjects()
        if word.endswith("s") and len(self.subjects) > 1 and not self.fresh:
            self.subjects = self.single or self.subjects
        elif len(self.subjects) == 1:
            self.single = self.subjects
        self.verb = Verb(piece.value, self.subjects, piece.words, self.denied, rank=self.rank)
        self.verb.passive = self.be and word.endswith(("ed", "en", "it", "et", "hid"))
        self.verb.paths = [(path, 0) for path in self.ahead]
        self.verb.targets = self.ahead_targets
        self.ahead, self.ahead_targets = [], []
        self.begun, self.be = True, False

    def _take_subjects(self) -> None:
        """Who does what comes next; the verb before has come to its end."""
        subjects = self._find_subjects()
        self._close_verb()
        self.fresh = subjects is not self.subjects
        self.subjects = subjects
        self._clear_run()

    def _find_subjects(self) -> list[Mention]:
        run, verb = self.run, self.verb
        if self.oblique or not run:
            return self.subjects
        awaits = verb is not None and verb.awaits_target
        if verb is None and not self.subjects:
            return run
        if self.separated and self.split_at == len(run):
            return self.subjects if awaits or not self.apart else run
        if verb is None or not awaits:
            return run
        self.run = []
        verb.targets = run[: self.split_at] or run
        return run[self.split_at :] if self.split_at else self.subjects

    def _clear_run(self) -> None:
        self.run, self.split_at = [], 0
        self.oblique = self.separated = self.apart = self.from_here = False
        self.causing = self.placed = False

    # Words of grammar.

    def _read_grammar(self, piece: Lexeme) -> None:
        getattr(self, "_on_" + piece.value.replace(" ", "_"))(piece)

    def _name(self, mentions: Iterable[Mention]) -> None:
        self._end_phrase()
        self.run += self.cast.name(mentions)

    def _on_again(self, piece: Lexeme) -> None:
        self._end_phrase()
        if self.verb:
            self.verb.again = True

    def _on_quit(self, piece: Lexeme) -> None:
        self._end_phrase(before_verb=True)
        self._take_subjects()
        self.skipping = self.after.tag == "verb" or piece.words[0] in ("if", "as")

    def _on_none(self, piece: Lexeme) -> None:
        self._name([Mention([], denied=True)])

    def _on_not(self, piece: Lexeme) -> None:
        self._end_phrase(before_verb=True)
        if piece.words[0] in ("without", "instead", "rather"):
            self._close_verb()
            self._clear_run()
        elif self.run:
            self._take_subjects()
        self.denied = True
        self.separated = False

    def _on_no(self, piece: Lexeme) -> None:
        self._end_phrase()
        self.phrase = Phrase("no")

    def _on_after(self, piece: Lexeme) -> None:
        self._end_phrase()
        if self.begun or self.run:
            self.rank -= 1
        self._begin_clause()

    def _on_before(self, piece: Lexeme) -> None:
        self._end_phrase()
        if not self.begun and not self.run and piece.words[0] not in ("until", "till"):
            self.rank, self.leading_before = 1, True
        self._begin_clause()

    def _begin_clause(self) -> None:
        self._take_targets()
        self._close_verb()
        if self.run and not self.oblique and not self.begun:
            self.subjects = self.run
        self._clear_run()
        self.ahead = []
        self.denied = self.be = self.skipping = False

    def _take_targets(self) -> None:
        """Who was named after a verb that takes a target is it."""
        if self.run and self.verb and self.verb.awaits_target:
            self.verb.targets = self.run
            self._clear_run()

    def _on_but(self, piece: Lexeme) -> None:
        self._end_phrase()
        self._separate()
        self.denied = self.skipping = False

    def _on_rel(self, piece: Lexeme) -> None:
        if self.verb and self.verb.name == "says":
            self.said = []
            return
        if piece.words[0] == "that" and not (self.run or self.phrase):
            self._begin_phrase("the")
            return
        self._end_phrase()
        if not self.run:
            return
        aside = self.separated
        about = self.run[-1:] if aside else self.run
        main = self._find_subjects() or about
        self._close_verb()
        self.main = main if not aside or main[-1] is about[-1] else []
        self.subjects = about
        self._clear_run()
        self.denied = False

    def _on_sub(self, piece: Lexeme) -> None:
        self._end_phrase()
        awaits = self.verb and self.verb.awaits_target
        if piece.words[0] == "with" and awaits and not self.run:
            return
        self._begin_clause()
        self.apart = True

    def _on_see(self, piece: Lexeme) -> None:
        self._end_phrase(before_verb=True)
        if self.run and self.be:
            return
        denied = self.denied
        self._on_sub(piece)
        self.denied = denied

    def _on_by(self, piece: Lexeme) -> None:
        self._end_phrase()
        if self.verb and self.verb.takes_target:
            self.verb.passive = True
            self.verb.targets = []
            self._clear_run()
        else:
            self.oblique = True

    def _on_be(self, piece: Lexeme) -> None:
        possessive = piece.words[0] == "'s" and self.after.tag not in ("verb", "")
        self._end_phrase(before_verb=True)
        self.be = self.be or not possessive

    def _on_and(self, piece: Lexeme) -> None:
        turning = self.verb and self.verb.name in ("turn", "becomes") and not self.verb.colour
        if self.phrase and self.phrase.colours and self.after.tag == "colour" and not turning:
            self.phrase.listing = True
            return
        self._end_phrase()
        self._separate()
        self.apart = True
        self._end_relative()

    def _on_all(self, piece: Lexeme) -> None:
        whole = "all" in piece.words
        self._name(self.cast.several(self.subjects or self.about, everything=whole))

    def _on_both(self, piece: Lexeme) -> None:
        if self.after.tag == "verb" and not self.run:
            self._on_all(piece)

    def _on_they(self, piece: Lexeme) -> None:
        if piece.words[0] == "them" and self.verb and self.verb.awaits_target:
            self._name(self.cast.others(self.subjects, 2))
        else:
            self._name(self.cast.several(self.subjects or self.about, everything=False))

    def _on_it(self, piece: Lexeme) -> None:
        if self.causing or (self.verb and self.verb.awaits_target):
            self._name(self.cast.others(self.subjects, 1))
        else:
            self._name(self._last())

    def _last(self) -> list[Mention]:
        return self.cast.last(self.subjects or self.about)

    def _on_person(self, piece: Lexeme) -> None:
        self._name(self.cast.last_person() or self._last())

    def _on_other_one(self, piece: Lexeme) -> None:
        about = self.subjects or self.about
        if piece.words[-1] == "former":
            self._name(about[:1])
        else:
            self._name(self.cast.others([] if piece.words[-1] == "latter" else self._last(), 1))

    def _on_cause(self, piece: Lexeme) -> None:
        """`Causing it to spin`: what it is done to does the next."""
        self._end_phrase()
        self._begin_clause()
        self.causing = True

    def _on_same(self, piece: Lexeme) -> None:
        self.phrase = self.phrase or Phrase()
        self.phrase.article, self.phrase.identity = "the", "same"

    def _on_another(self, piece: Lexeme) -> None:
        self.phrase = self.phrase or Phrase()
        self.phrase.article = self.phrase.identity = "another"

    def _on_the(self, piece: Lexeme) -> None:
        self._begin_phrase("the")

    def _on_a(self, piece: Lexeme) -> None:
        self._begin_phrase("a")

    def _on_its(self, piece: Lexeme) -> None:
        self._begin_phrase("its")

    def _begin_phrase(self, article: str) -> None:
        if self.phrase and self.phrase.listing:
            self.phrase.article = article
            return
        self._end_phrase()
        if self.placed and self.oblique:
            self.placed = self.oblique = False
            self.run = []
        self.phrase = Phrase(article)

    def _on_feature(self, piece: Lexeme) -> None:
        phrase = self.phrase
        if phrase and phrase.article == "its":
            self.phrase = None
            if not self.verb or self.separated:
                self._name(self._last())
        elif phrase and not phrase.colours:
            self.phrase = None

    def _on_prep(self, piece: Lexeme) -> None:
        self._end_phrase()
        if piece.words[0] in ("between", "for", "out") or (self.causing and self.run):
            return
        self._take_targets()
        self.from_here = piece.words[0] == "from"
        if self.run and not self.verb:
            self.subjects = self.subjects or self.run
            self.run = []
        self.oblique = True

    # Nouns.

    def _end_phrase(self, kind: str = "", headed: bool = False, before_verb: bool = False) -> None:
        """What has come of a noun's phrase: things that are named, or what something turns into."""
        phrase, self.phrase = self.phrase, None
        if phrase is None or self._takes_colour(phrase, headed):
            return
        if not headed:
            awaits = bool(self.verb and self.verb.awaits_target)
            kind = phrase.noun
            if kind and not (before_verb or phrase.colours or awaits):
                return
            if not kind and not (phrase.colours and phrase.article == "the"):
                if phrase.article == "its" and before_verb:
                    self._name(self._last())
                return
        self._name([self.cast.resolve(phrase, colour, kind) for colour in phrase.colours or [""]])

    def _takes_colour(self, phrase: Phrase, headed: bool) -> bool:
        verb = self.verb
        if verb is None or not phrase.colours or verb.name not in TURNING:
            return False
        if self.from_here:
            self.from_here, verb.source = False, True
            for thing in (thing for mention in verb.subjects for thing in mention.things):
                thing.colour = thing.colour or phrase.colours[-1]
            return True
        plain = not (headed or self.oblique or phrase.article)
        if verb.name == "goes" and not (plain or (verb.source and not headed)):
            return False
        if headed and (verb.colour or self.apart or phrase.article == "the"):
            return False
        verb.colour = phrase.colours[-1]
        return True

    # Verbs that are told to their end.

    def _end_sentence(self) -> None:
        self._end_phrase()
        if self.verb and self.said:
            self.verb.quoted = " ".join(self.said)
        self._close_verb()
        for verb in self.waiting:
            about = self.all_subjects or self.about
            self._tell(verb, about or [NOBODY] if verb.name in OF_NOBODY else about)

    def _close_verb(self) -> None:
        verb, self.verb = self.verb, None
        if verb is None:
            return
        if self.run and not self.oblique:
            self._give_run(verb)
        if verb.name in SYMMETRIC and not verb.subjects and len(verb.targets) > 1:
            verb.subjects, verb.targets = verb.targets, []  # "a collision between"
        verb.subjects = verb.subjects or self.subjects
        if not verb.subjects:
            self.waiting.append(verb)
            return
        while self.waiting:
            self._tell(self.waiting.pop(0), verb.subjects)
        self._tell(verb, verb.subjects)

    def _give_run(self, verb: Verb) -> None:
        """Those who stand after a verb are its targets, or do it: "In comes a star"."""
        run = self.run
        if verb.awaits_target:
            verb.targets = run
        elif verb.name in ("follows", "joined"):
            self._repeat(verb)
        elif not verb.subjects:
            verb.subjects = self.subjects = run
        else:
            return
        self._clear_run()

    def _repeat(self, verb: Verb) -> None:
        """`followed by Y`: Y does what was told last."""
        model = self.last_verb
        if verb.name == "follows" and model:
            verb.name, verb.paths, verb.colour = model.name, list(model.paths), model.colour
        verb.subjects = self.subjects = self.run

    def _tell(self, verb: Verb, subjects: list[Mention]) -> None:
        """What is told twice in a sentence counts once, unless it is the same again."""
        self.last_verb = verb
        for event in list_events(verb, subjects):
            known = any(_tells_more(one, event) for one in self.events)
            self.events = [one for one in self.events if not _lacks_actor(one, event)]
            if not known or event.identity:
                self.events.append(event)


def _tells_more(one: ReadEvent, other: ReadEvent) -> bool:
    """Whether it has all that the other tells, of the same actor."""
    silent = other.target in ("", ("", ""))
    same = (one.actor, one.actions, one.denied) == (other.actor, other.actions, other.denied)
    return same and (silent or one.target == other.target)


def _lacks_actor(one: ReadEvent, other: ReadEvent) -> bool:
    """Whether it is the other, but for who does it: "is lifted and carried by"."""
    return not any(one.actor) and any(other.actor) and one[2:4] == other[2:4]


def _are_signs(mentions: list[Mention]) -> bool:
    return any(thing.kind == "sign" for each in mentions[-1:] for thing in each.things)
