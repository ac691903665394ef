"""What the page's player plays of a run, and what it says where that is not the video itself."""

from dataclasses import asdict, dataclass

from longtake.runs.folder import ENDED, Run
from longtake.runs.playing import Playing, find_copy, read_playing
from longtake.text.untrusted import one_line


@dataclass(frozen=True)
class Player:
    """The routes that are tried in turn, and what is said while none or the copy plays."""

    sources: tuple[str, ...]
    said: str = ""


def show_player(run: Run) -> dict[str, object]:
    """As the view takes it."""
    return asdict(find_player(run))


def find_player(run: Run) -> Player:
    """The video where it plays; else its copy, or how far that is, or why there is none."""
    playing = read_playing(run.folder)
    here = run.video is not None and run.video.is_file()
    copied = find_copy(run.folder) is not None
    last = playing.plays == "none" and not playing.error
    sources = [name for name, there in (("video", here and not last), ("copy", copied)) if there]
    return Player(tuple(sources), _say(run, playing, here, copied))


def _say(run: Run, playing: Playing, here: bool, copied: bool) -> str:
    if not here and not copied:
        ended = run.state in ENDED
        return "The video is not here (any more); its summary stays." if ended else ""
    if copied:
        return _say_copy(playing)
    if playing.error:
        said = one_line(playing.error).rstrip(".")
        return f"This browser can't play the file, and there is no copy that it could: {said}."
    if playing.plays == "all":
        return "This browser can't play the file. Its pictures stand in for it."
    return _say_making(run, playing)


def _say_copy(playing: Playing) -> str:
    smaller = f" of {playing.width} × {playing.height} pixels" if playing.width else " in MP4"
    said = f"What plays is a copy{smaller}: browsers don't play the file itself."
    return f"{said} {one_line(playing.remark)}".rstrip()


def _say_making(run: Run, playing: Playing) -> str:
    cant = "This browser can't play the file"
    if run.state in ENDED:
        return f"{cant}, and the copy that it could is not made yet: let the run go on."
    return f"{cant}; a copy that it can is being made: {round(100 * playing.part)} %"
