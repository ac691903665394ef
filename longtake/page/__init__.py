"""The page: paste a link or drop a file, watch it being understood, take the summary.

Draws what `runs` and the pipeline's files give; holds no logic of its own.
"""

__all__ = ["serve"]


def serve(address: str, port: int) -> None:
    """Serve the page until it is stopped; UsageError where Streamlit is missing."""
    from importlib.util import find_spec

    from longtake.errors import UsageError

    if find_spec("streamlit") is None:
        raise UsageError(
            "the page needs Streamlit, which is not installed", "pip install 'longtake[app]'"
        )
    from longtake.page.server import serve

    serve(address, port)
