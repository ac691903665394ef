"""The page: paste a link or drop a file, watch it being understood, take the summary.

Draws what `runs` and the pipeline's files give; holds no logic of its own.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from longtake.errors import UsageError

__all__ = ["serve"]


def serve(
    address: str,
    port: int,
    beside: Any = None,
    during: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Serve the page until it is stopped; UsageError where Streamlit is missing.

    `beside` is an ASGI app for programs, which has the paths that begin with /v1/, and /metrics;
    `during` opens what it needs as long as the server stands.
    """
    from importlib.util import find_spec

    from longtake.door.place import check_place
    from longtake.installation import say_extra_install

    if find_spec("streamlit") is None:
        raise UsageError(
            "the page needs Streamlit, which is not installed", say_extra_install("app")
        )
    check_place(address, port)
    from longtake.web.server import serve

    serve(address, port, beside, during)
