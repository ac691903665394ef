"""Talks whose subjects are known: prose of Debian's packages, joined and timed as if spoken.

    python -m benchmarks.talks FOLDER

Needs apt-get and dpkg-deb; nothing of the texts is kept in the repository. An easy talk takes each
subject from another book, a hard one consecutive sections of one book, a chatty one is easy with
greetings, fillers, questions and an advertisement put between. DEV and TEST share no book and no
wording.
"""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import NamedTuple

CACHE = Path(__file__).parents[1] / ".cache" / "talks"
SECONDS_A_WORD = 60 / 150
CUE_WORDS = 10
LEAST, MOST = 20, 80
"""Sentences of a subject."""
SUBJECTS = range(4, 10)
SETS = {"dev": 5, "test": 11}
"""The seeds."""


@dataclass(frozen=True)
class Book:
    """Pages of a package; a heading of this level, or of a higher one, begins a section."""

    package: str
    pages: str
    level: int = 1


PAGES = (".html", ".docbook")
DOCS = "usr/share/doc/"
KDE = DOCS + "HTML/en/"
BOOKS = {
    "dev": (
        Book("kstars-data", KDE + "kstars/*.docbook", 2),
        Book("phylip-doc", DOCS + "phylip/html/doc/*.html"),
        Book("png-definitive-guide", DOCS + "png-definitive-guide/html/chapter*.html", 2),
        Book("gnugo", DOCS + "gnugo/html/gnugo_*.html"),
        Book("sqlite3-doc", DOCS + "sqlite3/*.html"),
        Book("rust-doc", DOCS + "rust-doc/html/book/ch*.html", 2),
        Book("git-doc", DOCS + "git-doc/*.html", 2),
        Book("csound-doc", DOCS + "csound-doc/html/*.html", 2),
        Book("gimp-help-en", "usr/share/gimp/2.0/help/en/*.html"),
        Book("borgbackup-doc", DOCS + "borgbackup/html/**/*.html", 2),
        Book("postfix-doc", DOCS + "postfix/html/*_README.html"),
        Book("developers-reference", "usr/share/developers-reference/*.html", 2),
        Book("euler-doc", DOCS + "euler-doc/reference/*.html"),
        Book("umbrello-data", KDE + "umbrello/*.docbook", 3),
    ),
    "test": (
        Book("anarchism", DOCS + "anarchism/html/sec*.html", 2),
        Book("povray-doc", DOCS + "povray/html/*.html", 3),
        Book("ntpsec-doc", DOCS + "ntpsec-doc/html/*.html"),
        Book("kmymoney-common", KDE + "kmymoney/*.docbook"),
        Book("python3.11-doc", DOCS + "python3.11/html/[fhwt]*/*.html"),
        Book("lilypond-doc-html", DOCS + "lilypond/html/Documentation/essay/*.html", 2),
        Book("mh-book", DOCS + "mh-book/html/**/*.html"),
        Book("debian-history", DOCS + "debian-history/docs/*.en.html", 2),
        Book("postgresql-doc-15", DOCS + "postgresql-doc-15/html/*.html", 2),
        Book("freedombox-doc-en", "usr/share/freedombox/manual/en/*.html", 2),
        Book("debian-reference-en", "usr/share/debian-reference/*.en.html", 2),
        Book("hackrf-doc", DOCS + "hackrf/html/*.html"),
        Book("mplayer-doc", DOCS + "mplayer/HTML/en/*.html", 2),
    ),
}
DULL = re.compile(
    r"licen[sc]e|copyright|bibliograph|credits|acknowledg|index|contents|change|release|authors|"
    r"appendix|references|copying|applicability|glossary|download|preamble|terms and|"
    r"warranty|colophon|"
    r"what.s new|faq|questions and answers|"
    r"^(description|notes|usage|examples?|introduction|initialization|performance|syntax|options|"
    r"compatibility|discussion|common issues|overview|basics|effects|installation|hooks)?$",
    re.IGNORECASE,
)
"""Headings that name no subject, and texts that have many or none."""


@dataclass(frozen=True)
class Section:
    """A subject: where from, its heading, its prose."""

    book: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """A sentence of a talk; `role` is speech, greeting, filler, question or advert."""

    text: str
    subject: int
    start: float = 0.0
    end: float = 0.0
    role: str = "speech"


@dataclass(frozen=True)
class Talk:
    name: str
    kind: str
    subjects: tuple[str, ...]
    sentences: tuple[Said, ...]


# Prose out of a page


SKIPPED = frozenset(
    "pre table ul ol dl script style nav footer header figure blockquote sup math svg"
    " programlisting screen itemizedlist orderedlist variablelist informaltable mediaobject"
    " caption indexterm sect1info sect2info sect3info bookinfo chapterinfo epigraph".split()
)
"""Elements whose text is no running prose."""
DEPTHS = {"book": 1, "article": 1, "chapter": 1, "sect1": 2, "sect2": 3, "sect3": 4, "sect4": 5}
"""The level of a title in an element of DocBook."""
PARAGRAPHS = frozenset(("p", "para"))
BLOCKS = PARAGRAPHS | {"div", "td", "hr", "section", "body", "dd", "li"}


class Reader(HTMLParser):
    """Sections of a page of HTML or DocBook: paragraphs alone, no lists, tables, code."""

    def __init__(self, level: int, docbook: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[str]]] = [("", [])]
        self._level, self._docbook, self._depth = level, docbook, 1
        self._skipped: list[str] = []
        self._heading: list[str] | None = None
        self._paragraph: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in SKIPPED:
            self._skipped.append(tag)
        self._depth = DEPTHS.get(tag, self._depth)
        if self._heading_level(tag):
            self.end_paragraph()
            self._heading = []
        elif tag in BLOCKS:
            self.end_paragraph()
            self._paragraph = [] if tag in PARAGRAPHS else None
        elif tag == "br":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._skipped:
            while self._skipped.pop() != tag:
                pass
        level = self._heading_level(tag)
        if level and self._heading is not None:
            title = _join(self._heading)
            if level <= self._level:
                self.found.append((title, []))
            elif not self.found[-1][0]:
                self.found[-1] = (title, self.found[-1][1])
            self._heading = None
        elif tag in BLOCKS:
            self.end_paragraph()

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        if self._heading is not None:
            self._heading.append(data)
        elif self._paragraph is not None:
            self._paragraph.append(data)

    def end_paragraph(self) -> None:
        if text := _join(self._paragraph or ()):
            self.found[-1][1].append(text)
        self._paragraph = None

    def _heading_level(self, tag: str) -> int:
        """How deep the heading is that this tag begins or ends; 0: it is no heading."""
        if self._docbook:
            return self._depth if tag == "title" else 0
        return int(tag[1]) if re.fullmatch("h[1-6]", tag) else 0


SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"”’')]))\s+(?=[\"“‘(]?[A-Z])")
ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|cf|vs|Mr|Dr|St|No|pp?|Vol|Fig|[Oo]p|cit|al|[A-Z])\.$")
MARKUP = re.compile(r"[_=<>{}|\\@#~^*¶§+]|://|--|\(\)|\w/\w|/\w|[a-z]\.[a-z]|\$|&\w+;|\[|\bcit\.")
NOTE = re.compile(r"\s*\[[\w ,]{1,12}\]")
NUMBER = re.compile(r"^(Chapter |Appendix )?[A-Z]?[\d.]*\d\.?\s+|[¶\uf0c1]|\s\(\d\)$")


def split(paragraph: str) -> list[str]:
    """The sentences of a paragraph."""
    sentences: list[str] = []
    for part in SENTENCE_END.split(NOTE.sub("", paragraph)):
        if sentences and ABBREVIATION.search(sentences[-1]):
            sentences[-1] += " " + part
        else:
            sentences.append(part)
    return sentences


def is_prose(sentence: str) -> bool:
    """A whole sentence that somebody could say: no code, paths or markup in it."""
    if not 5 <= len(sentence.split()) <= 45 or MARKUP.search(sentence):
        return False
    whole = sentence[0].isupper() and sentence.endswith((".", "!", "?", '."', ".”"))
    return whole and sum(letter.isalpha() for letter in sentence) > 0.7 * len(sentence)


def read_sections(book: Book) -> list[Section]:
    """Its sections with prose enough, in order; no sentence a second time."""
    seen: set[str] = set()
    sections: list[Section] = []
    for page in sorted(unpack(book).glob(book.pages)):
        for title, paragraphs in read_page(page, book.level):
            said = [s for p in paragraphs for s in split(p) if is_prose(s) and s not in seen]
            seen |= set(said)
            if len(said) >= LEAST and not DULL.search(title):
                sections.append(Section(book.package, title, tuple(said)))
    return sections


def read_page(page: Path, level: int) -> list[tuple[str, list[str]]]:
    docbook = page.suffix == ".docbook"
    reader = Reader(level, docbook)
    text = page.read_text(encoding="utf-8", errors="replace")
    reader.feed(re.sub(r"&(\w+);", _say_entity, text) if docbook else text)
    reader.end_paragraph()
    return [(NUMBER.sub("", title).strip(), paragraphs) for title, paragraphs in reader.found]


def _say_entity(found: re.Match[str]) -> str:
    """DocBook's entities stand for names: &kstars; is read KStars or so."""
    name = found[1]
    return found[0] if name in ("amp", "lt", "gt", "quot", "apos", "nbsp") else name.capitalize()


def _join(parts: Iterable[str]) -> str:
    return " ".join("".join(parts).split())


@cache
def unpack(book: Book) -> Path:
    """A folder with the book's pages, as in its package."""
    folder = CACHE / book.package
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        download = ["apt-get", "download", "-qq", book.package]
        subprocess.run(download, cwd=CACHE, check=True)
        file = next(CACHE.glob(f"{book.package}_*.deb"))
        extract_pages(file, folder, re.split(r"[*\[]", book.pages)[0])
        file.unlink()
    return folder


def extract_pages(package: Path, folder: Path, beginning: str) -> None:
    """Those of its pages whose paths begin so."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as files,
    ):
        for file in files:
            name = file.name.removeprefix("./")
            if file.isfile() and name.startswith(beginning) and name.endswith(PAGES):
                files.extract(file, folder, filter="data")


# Talks out of prose


def make_talks(name: str, easy: int = 24, hard: int = 24, chatty: int = 8) -> list[Talk]:
    """The talks of a set, the same each time."""
    dice = Random(SETS[name])  # noqa: S311 - a choice of texts, no secret
    books = [read_sections(book) for book in BOOKS[name]]
    rows = draw_easy(books, easy + chatty, dice)
    drawn = [("easy", row) for row in rows[:easy]]
    drawn += [("hard", row) for row in draw_hard(books, hard, dice)]
    drawn += [("chatty", row) for row in rows[easy:]]
    talks = []
    for number, (kind, sections) in enumerate(drawn):
        said = [Said(s, i) for i, section in enumerate(sections) for s in shorten(section, dice)]
        said = chat(said, CHAT[name], dice) if kind == "chatty" else said
        titles = tuple(section.title or section.book for section in sections)
        talks.append(Talk(f"{name}-{number:02}-{kind}", kind, titles, tuple(time_all(said))))
    return talks


def draw_easy(books: Sequence[Sequence[Section]], count: int, dice: Random) -> list[list[Section]]:
    """Each row has a section of each of some books; none comes again while others are left."""
    stacks: list[list[Section]] = []
    rows = []
    for _ in range(count):
        stacks = [stack for stack in stacks if stack]
        if len(stacks) < SUBJECTS[-1]:
            stacks = [dice.sample(book, len(book)) for book in books]
        rows.append([stack.pop() for stack in dice.sample(stacks, dice.choice(SUBJECTS))])
    return rows


def draw_hard(books: Sequence[Sequence[Section]], count: int, dice: Random) -> list[list[Section]]:
    """Rows of consecutive sections, none twice, from as many books as there are."""
    rows: list[list[list[Section]]] = []
    for book in books:
        row, start = [], 0
        while len(book) - start >= SUBJECTS[0]:
            end = start + dice.choice(SUBJECTS)
            row.append(list(book[start:end]))
            start = end
        rows.append([part for part in row if len(part) >= SUBJECTS[0]])
        dice.shuffle(rows[-1])
    turns = [row[turn] for turn in range(max(map(len, rows))) for row in rows if turn < len(row)]
    return turns[:count]


def shorten(section: Section, dice: Random) -> Sequence[str]:
    return section.sentences[: dice.randint(LEAST, MOST)]


def time_all(said: Sequence[Said]) -> Iterator[Said]:
    """Each begins where the one before ends."""
    start = 0.0
    for sentence in said:
        end = start + SECONDS_A_WORD * len(sentence.text.split())
        yield replace(sentence, start=round(start, 2), end=round(end, 2))
        start = end


# What people say besides


@dataclass(frozen=True)
class Chat:
    """One line of a field is one sentence; an empty line parts two adverts."""

    greetings: str
    fillers: str
    questions: str
    adverts: str
    endings: str


CHAT = {
    "dev": Chat(
        greetings="""Hello everybody and welcome back to the channel.
Thank you all so much for coming today.
Good morning, can everybody hear me in the back?
It is really great to be here with you.
Before we begin, I would like to thank the organisers for having me.""",
        fillers="""Um, so, let's get started.
Okay, so, yeah, let me just find the right slide.
Right, so, where was I?
All right, moving on.
Sorry, one second, my microphone is slipping.
You know, it is what it is, basically.
Anyway, I think you get the idea.
So, um, yeah, that is pretty much that.
Okay, cool, let's go on.
Let me just take a quick sip of water.""",
        questions="""Does that make sense so far?
Are there any questions up to this point?
Who of you has seen this before, can I see some hands?
So, what do you think happens next?
Is everybody still with me?""",
        adverts="""This video is brought to you by our sponsor, the meal box that saves you time.
They deliver fresh ingredients to your door every week, with recipes that take half an hour.
Use my code at checkout to get twenty percent off your first order.
The link is in the description below, so go and check it out.
And now, back to the video.

A quick word from today's sponsor, who makes this show possible.
With their app you can learn a new language in only ten minutes a day.
Sign up today and the first thirty days are completely free.
Click the link below to claim your discount before it runs out.""",
        endings="""If you liked this video, please subscribe and hit the bell.
Thanks for watching and see you next time.
Okay, that is all I have, thank you very much.""",
    ),
    "test": Chat(
        greetings="""Hi there, folks, and welcome to another episode.
Good evening, everyone, thanks for joining us tonight.
Hey, what's up, guys, glad you could make it.
Please take your seats, we are about to start.
First of all, a big thank you to everyone who made this event happen.""",
        fillers="""Uh, well, okay, here we go.
Hmm, let me think about how to put this.
So, yeah, I mean, you know what I mean.
Right, okay, next one, please.
Oops, that was the wrong button, sorry about that.
Well, um, I guess we will come back to that later.
Bear with me for a moment while this loads.
Okay, so, anyway, let's keep going.
Alright, alright, enough of that.
Uh, can somebody please close the door?""",
        questions="""Any questions before I go on?
Can you all see my screen?
Do you remember what I said at the beginning?
How many people in this room have tried it?
You know what I love about this?""",
        adverts="""Let's take a short break to talk about the company that supports this podcast.
Their mattress comes in a box and you can try it at home for a hundred nights.
Our listeners get fifty dollars off and free shipping with the promo code.
Visit their website today, terms and conditions apply.
All right, thanks to them, and let's return to our program.

This episode is sponsored by a password manager that I have been using for years.
It fills in your logins on every device, so you never have to remember them again.
Right now they are offering three months for free if you sign up through my link.
You will find it in the show notes, and it really helps us out.""",
        endings="""Don't forget to like, share and leave a comment down below.
We will be back next week with more, so stay tuned.
Alright, folks, that's a wrap, have a great day.""",
    ),
}


def chat(said: Sequence[Said], words: Chat, dice: Random) -> list[Said]:
    """Greetings first, an advert where the middle change of subject is, the rest between."""
    changes = [i for i, s in enumerate(said) if i and s.subject != said[i - 1].subject]
    middle = changes[len(changes) // 2]
    talk = say(words.greetings, 0, "greeting", dice, count=3)
    for number, sentence in enumerate(said):
        if number == middle:
            advert = dice.choice(words.adverts.split("\n\n"))
            talk += say(advert, sentence.subject - 1, "advert")
        talk.append(sentence)
        if dice.random() < 1 / 8:
            talk += say(words.fillers, sentence.subject, "filler", dice, count=1)
        if dice.random() < 1 / 16:
            talk += say(words.questions, sentence.subject, "question", dice, count=1)
    return talk + say(words.endings, said[-1].subject, "greeting")


def say(
    lines: str, subject: int, role: str, dice: Random | None = None, count: int = 0
) -> list[Said]:
    """All lines, or so many of them by chance."""
    chosen = dice.sample(lines.splitlines(), count) if dice else lines.splitlines()
    return [Said(line, subject, role=role) for line in chosen]


# Talks as captions


class Cue(NamedTuple):
    text: str
    start: float
    end: float


def make_cues(said: Sequence[Said], automatic: bool = False) -> list[Cue]:
    """Subtitles of ten words or so, cut anywhere; automatic ones have no capitals or signs."""
    words = [word for sentence in said for word in sentence.text.split()]
    if automatic:
        words = [strip_signs(word) for word in words]
    return [
        Cue(
            " ".join(filter(None, words[first : first + CUE_WORDS])),
            round(first * SECONDS_A_WORD, 2),
            round(min(first + CUE_WORDS, len(words)) * SECONDS_A_WORD, 2),
        )
        for first in range(0, len(words), CUE_WORDS)
    ]


def strip_signs(word: str) -> str:
    """As automatic captions have it: apostrophes and hyphens stay inside of words alone."""
    return re.sub(r"[^\w'’-]|(?<!\w)['’-]|['’-](?!\w)", "", word.lower())


def write_srt(said: Sequence[Said], path: Path) -> None:
    """The talk as a file of subtitles."""
    cues = (
        f"{number}\n{say_time(cue.start)} --> {say_time(cue.end)}\n{cue.text}\n"
        for number, cue in enumerate(make_cues(said), 1)
    )
    path.write_text("\n".join(cues), encoding="utf-8")


def say_time(seconds: float) -> str:
    """As subtitles write it: hours:minutes:seconds,thousandths."""
    minutes, thousandths = divmod(round(seconds * 1000), 60_000)
    return "{:02}:{:02}:{:02},{:03}".format(*divmod(minutes, 60), *divmod(thousandths, 1000))


def main() -> None:
    """Write both sets as JSON into a folder, as sentences and as automatic captions."""
    folder = Path(sys.argv[1])
    for name in SETS:
        talks = [asdict(talk) for talk in make_talks(name)]
        (folder / f"talks_{name}.json").write_text(json.dumps(talks), encoding="utf-8")
        for talk in talks:
            said = [Said(**sentence) for sentence in talk["sentences"]]
            talk["cues"] = [cue._asdict() for cue in make_cues(said, automatic=True)]
        (folder / f"talks_{name}_auto.json").write_text(json.dumps(talks), encoding="utf-8")


if __name__ == "__main__":
    main()
