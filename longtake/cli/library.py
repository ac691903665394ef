"""Commands over all videos that were gone through: search, and what the library holds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from longtake.cli.bars import note
from longtake.cli.flags import Command, take_settings, take_switch
from longtake.cli.front import Given, open_front, read_settings
from longtake.settings import list_group
from longtake.text.plurals import say_count
from longtake.timecode import parse_time

KINDS = {
    "seen": "what is described or detected",
    "said": "what is said",
    "read": "what stands written in the picture",
    "told": "what the summary tells",
    "action": "what a model of actions named",
}
OF_ASK = ("engine", "reconciler", "judge", "embedder", *list_group("asking", "engines"))
OF_SEARCH = ("embedder", *list_group("engines"))


class Time(click.ParamType[float]):
    """A time in a video, as people write it."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_time(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write 1:30, 1:02:03 or 90", param, ctx)


MOST = click.Option(
    ["most", "-n"],
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="N",
    help="how many moments",
)
JSON = take_switch("--json", "as_json", "print one JSON document")
QUIET = take_switch("-q/--quiet", "quiet", "print nothing but the result and errors")


@click.command(
    cls=Command,
    params=[
        click.Argument(
            ["query"], help='what you look for, in your words; "in quotes" word for word'
        ),
        click.Option(
            ["videos", "--in"],
            multiple=True,
            metavar="VIDEO",
            help="only this one: a file, a link, a name (may be given again)",
        ),
        *(take_switch(f"--{kind}", kind, f"only {about}") for kind, about in KINDS.items()),
        click.Option(
            ["--after"], type=Time(), default=0.0, help="from this time of a video on, as 1:30"
        ),
        click.Option(
            ["--before"], type=Time(), default=float("inf"), help="up to this time of a video"
        ),
        MOST,
        click.Option(["--thumbs"], metavar="DIR", help="write a picture of each moment there"),
        JSON,
        QUIET,
        *take_settings(OF_SEARCH),
    ],
)
def search(
    query: str, videos: Sequence[str], as_json: bool, quiet: bool, given: Given, **options: Any
) -> int:
    """Find moments in all videos that were gone through, by words and by meaning.

    \b
    longtake search "a red car at the lights"
    longtake search '"two thousand years"' --said --in talk.mp4
    """  # noqa: D301 - click's mark for lines that are not joined
    from longtake.library.say import moment_values, say_moments
    from longtake.library.thumbs import draw_thumbs
    from longtake.pipeline.search import Query

    kinds = tuple(kind for kind in KINDS if options[kind]) or tuple(KINDS)
    wanted = Query(query, kinds, options["after"], options["before"], options["most"])
    settings = read_settings(given, quiet=quiet)
    with open_front(quiet=quiet) as front:
        found = front.finish(front.session.search(wanted, settings, videos))
    for remark in () if quiet else found.remarks:
        note(f"note: {remark}")
    drawn = draw_thumbs(found.moments, Path(options["thumbs"])) if options["thumbs"] else {}
    if as_json:
        moments = [moment_values(moment, drawn) for moment in found.moments]
        print(json.dumps({"query": query, "moments": moments, "remarks": found.remarks}, indent=2))
        return 0
    print(say_moments(found.moments), end="")
    if not found.moments and not quiet:
        note("nothing was found")
    return 0


@click.command(
    cls=Command,
    params=[
        click.Argument(["question"], help="in your words"),
        click.Argument(["videos"], metavar="[VIDEO…]", nargs=-1, help="only these, else all"),
        MOST,
        JSON,
        QUIET,
        *take_settings(
            OF_ASK,
            {
                "engine": "who looks again at frames, and answers where no --reconciler is named",
                "reconciler": "who answers from what is known (default: auto)",
            },
        ),
    ],
)
def ask(
    question: str, videos: Sequence[str], most: int, as_json: bool, quiet: bool, given: Given
) -> int:
    """Answer a question from all videos that were gone through, with the times that prove it.

    \b
    longtake ask "who opens the door, and when?"
    longtake ask "what is it about?" talk.mp4
    """  # noqa: D301
    from longtake.library.say import say_answer, say_look, say_moments
    from longtake.pipeline.ask import answer_values
    from longtake.pipeline.search import Query

    settings = read_settings(given, quiet=quiet)
    with open_front(quiet=quiet) as front:
        found = front.finish(front.session.ask(Query(question, most=most), settings, videos))
    if as_json:
        print(json.dumps(answer_values(found), indent=2))
        return 0
    for said in () if quiet else (*map(say_look, found.looks), *found.remarks):
        note(f"note: {said}")
    print(say_answer(found.sentences) or say_moments(found.moments), end="")
    return 0


@click.group(cls=click.Group, invoke_without_command=True)
@click.option("as_json", "--json", is_flag=True, help="print one JSON document")
@click.pass_context
def library(context: click.Context, as_json: bool) -> int | None:
    """List the videos that can be searched; forget one, index anew."""
    from longtake.library.index import list_videos
    from longtake.library.say import say_videos, video_values
    from longtake.store import Store, store_path

    if context.invoked_subcommand:
        return None
    with Store(store_path()) as store:
        videos = list_videos(store)
    if as_json:
        print(json.dumps([video_values(video) for video in videos], indent=2))
    else:
        print(say_videos(videos), end="")
        if not videos:
            note("there is no video in the library yet: longtake talk.mp4")
    return 0


@library.command()
@click.argument("video", metavar="VIDEO", help="a file, a link, a name")
def forget(video: str) -> int:
    """Take a video out of the library; its descriptions stay in the store."""
    from longtake.library.index import forget_video
    from longtake.pipeline.search import find_video, say_unknown

    with open_front() as front:
        found = front.finish(find_video(front.session.store, video))
        if not found:
            raise say_unknown(front.session.store, video)
        forget_video(front.session.store, found.id)
    print(f"{found.name}: forgotten")
    return 0


@library.command(params=[*take_settings(OF_SEARCH)], cls=Command)
def rebuild(given: Given) -> int:
    """Make the indexes of words and of meaning anew from what is known of each video."""
    from longtake.library.index import list_videos

    settings = read_settings(given)
    with open_front() as front:
        front.finish(front.session.rebuild_library(settings))
        count = len(list_videos(front.session.store))
    print(f"{say_count(count, 'video')} {'is' if count == 1 else 'are'} indexed anew")
    return 0
