"""Every error that a user can meet, as one tree. Anything else that escapes is a bug.

LongtakeError                  a message and a hint; carries the exit status of the command line
├── UsageError           (2)   a flag, a setting or a name that can't be right
├── SourceError          (2)   a source that can't be read as a video
├── FileChanged          (2)   a file that is another one than the run began with
├── LinkError          (2, 4)   a link that can't be right, or from which no video comes
├── OutputError          (2)   a file or the store can't be written or read
├── ModelError           (4)   a model can't be fetched, or is not the one in the table
└── EngineError          (4)   an engine gave no usable reply
    ├── EngineUnreachable      nothing answers there
    ├── EngineTimeout          no reply in time
    ├── EngineBusy             429, 503, 529: later may help
    ├── EngineFailed           the engine broke on this request (5xx, a crash inside)
    ├── EngineRefused          401, 403, 404, 400: asking again can't help
    ├── RequestTooLarge        more tokens or images than the model takes
    ├── OutOfMemory            the engine's memory did not suffice for this request
    └── BadReply               a reply came, but not with what was asked for
        └── OnlyThought        all its tokens went into thoughts
"""

BAD_LINKS = ("not_allowed", "private_address", "not_a_video", "too_long", "too_large", "playlist")
"""Kinds of links that asking again can't help."""


class LongtakeError(Exception):
    """What happened, with the value, and in `hint` what to do about it."""

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LongtakeError):
    """A flag, a setting or a name that can't be right."""

    exit_status = 2


class SourceError(LongtakeError):
    """A source that can't be read as a video."""

    exit_status = 2


class FileChanged(LongtakeError):
    """A file whose content is another one than the run began with: nothing more is read of it.

    No SourceError: it is no gap that a run goes on without.
    """

    exit_status = 2


class LinkError(LongtakeError):
    """A link from which no video comes; `kind` is one of `links.failures`."""

    exit_status = 4

    def __init__(self, message: str, hint: str = "", kind: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind
        if kind in BAD_LINKS:
            self.exit_status = 2


class OutputError(LongtakeError):
    """A file or the store can't be written or read."""

    exit_status = 2


class ModelError(LongtakeError):
    """A model can't be fetched, or what came is not the one in the table."""

    exit_status = 4


class EngineError(LongtakeError):
    """An engine gave no usable reply; `retry` says whether asking again can help.

    `tries` and what follows are what the replies took that could not be used.
    """

    exit_status = 4
    retry = False
    perhaps_too_much = False
    """Whether fewer frames may be what it wants: it refused the request, in no words known here."""
    of_one_server = False
    """Whether other servers of the engine go on well: then it is no reason to ask less at once."""
    tries = 1
    input_tokens = 0
    output_tokens = 0
    seconds = 0.0


class EngineUnreachable(EngineError):
    """Nothing answers at the engine's address."""

    retry = True


class EngineTimeout(EngineError):
    """No reply within the time that the settings give."""

    retry = True


class EngineBusy(EngineError):
    """The engine asks to come back later; after `retry_after` seconds, where it said so."""

    retry = True

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class EngineFailed(EngineError):
    """The engine broke while it worked on this request."""

    retry = True


class EngineRefused(EngineError):
    """The engine will not answer this, now or later: a key, a name or a parameter is wrong."""


class RequestTooLarge(EngineError):
    """The request holds more tokens or images than the model takes.

    `most_images` is how many it takes at once, where that was said; else 0.
    """

    def __init__(self, message: str, hint: str = "", most_images: int = 0) -> None:
        super().__init__(message, hint)
        self.most_images = most_images


class OutOfMemory(EngineError):
    """The engine's memory did not suffice; with less at once, or less in a request, it may."""


class BadReply(EngineError):
    """A reply came, but not with what was asked for: empty, cut short, or something else.

    `correction` is what to tell the model when it is asked again.
    """

    retry = True

    def __init__(self, message: str, hint: str = "", correction: str = "") -> None:
        super().__init__(message, hint)
        self.correction = correction


class OnlyThought(BadReply):
    """All tokens of a reply went into thoughts before its answer began: with more, one may come."""
