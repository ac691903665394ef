"""The page: paste a link or drop a file, watch it being understood, take the summary.

Draws what `runs` and the pipeline's files give; holds no logic of its own.
"""

from longtake.errors import UsageError

__all__ = ["serve"]


def serve(address: str, port: int) -> None:
    """Serve the page until it is stopped; UsageError where Streamlit is missing."""
    from importlib.util import find_spec

    from longtake.installation import say_extra_install

    if find_spec("streamlit") is None:
        raise UsageError(
            "the page needs Streamlit, which is not installed", say_extra_install("app")
        )
    _check_place(address, port)
    from longtake.web.server import serve

    serve(address, port)


def _check_place(address: str, port: int) -> None:
    """UsageError where nothing can be served there."""
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address, port))
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"nothing can be served at {address}, port {port}: {error}",
            "Is a page served there already? Else name another --port (0 to 65535) or --address.",
        ) from None
