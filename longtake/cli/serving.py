"""Commands that serve until they are stopped: the page for people, HTTP and MCP for programs."""

import os
from collections.abc import Sequence
from typing import Any

import click

from longtake.cli.flags import Command, take_settings, take_switch
from longtake.cli.front import Given, read_settings
from longtake.errors import UsageError
from longtake.settings import GROUPS, list_group

OWN_MACHINE = "127.0.0.1"
OF_SERVING = list_group(*(group for group in GROUPS if group != "output"))
"""Settings that runs have where those who ask for them give no others."""
ROOT = click.Option(
    ["roots", "--root"],
    multiple=True,
    metavar="DIR",
    help="a folder whose files may be named (may be given again; default: none, links alone)",
)
WHO_MAY = [
    ROOT,
    click.Option(
        ["--token-file"],
        default="",
        metavar="FILE",
        help="who may come in: lines `run TOKEN` or `read TOKEN`; needed beyond this machine",
    ),
    click.Option(
        ["hosts", "--allow-host"],
        multiple=True,
        metavar="NAME",
        help="a name that it is called by, beside this machine's (may be given again)",
    ),
    click.Option(
        ["origins", "--allow-origin"],
        multiple=True,
        metavar="ORIGIN",
        help="a site whose pages may ask, as https://app.example (may be given again)",
    ),
]
"""Flags of who may ask for what; they come to `open_access` by these names."""


def _take_place(port: int) -> list[click.Parameter]:
    """Flags of where to listen."""
    return [
        click.Option(["--address"], default=OWN_MACHINE, show_default=True, help="where to listen"),
        click.Option(["--port"], type=int, default=port, show_default=True, help="where to listen"),
    ]


def _keep(given: Given) -> None:
    """Check the settings, and give them to all that this process starts."""
    read_settings(given)
    for name, value in given.items():
        os.environ[f"LONGTAKE_{name.upper()}"] = str(value)


@click.command(
    cls=Command,
    params=[
        *_take_place(8501),
        take_switch("--api", "api", "serve programs, too, as `longtake serve` does"),
        *WHO_MAY,
        *take_settings(OF_SERVING),
    ],
)
def app(address: str, port: int, api: bool, given: Given, **who: Any) -> int:
    """Serve the page: paste a link, watch it being understood, take the summary."""
    from longtake.web import serve

    if not api and any(who.values()):
        raise UsageError("who may ask, and for what, is only of programs", "Add --api.")
    _keep(given)
    if not api:
        serve(address, port)
        return 0
    from longtake.api import ending_streams, make_app
    from longtake.door.access import open_access
    from longtake.web.key import find_key

    access = open_access(address, **who, key=find_key())  # who opens the page may ask, too
    serve(address, port, make_app(access), ending_streams)
    return 0


@click.command(cls=Command, params=[*_take_place(8760), *WHO_MAY, *take_settings(OF_SERVING)])
def serve(address: str, port: int, given: Given, **who: Any) -> int:
    """Serve programs by HTTP: runs, their events and results, search.

    \b
    longtake serve --root ~/Videos
    curl -s http://127.0.0.1:8760/v1/runs --json '{"source": "/home/me/Videos/talk.mp4"}'
    """  # noqa: D301 - click's mark for lines that are not joined
    from longtake.api import serve
    from longtake.door.access import open_access

    _keep(given)
    serve(address, port, open_access(address, **who))
    return 0


@click.command(
    cls=Command,
    params=[
        take_switch("--http", "http", "serve by HTTP, at /mcp, in place of standard input"),
        *_take_place(8761),
        *WHO_MAY,
        *take_settings(OF_SERVING),
    ],
)
def mcp(http: bool, address: str, port: int, given: Given, **who: Any) -> int:
    """Serve assistants by the Model Context Protocol: on standard input and output, or by HTTP.

    \b
    longtake mcp --root ~/Videos        as the command of an assistant's configuration
    longtake mcp --http                 at http://127.0.0.1:8761/mcp
    """  # noqa: D301
    from longtake.door.access import Access, open_access
    from longtake.mcp import serve_http, serve_stdio

    _keep(given)
    if http:
        serve_http(address, port, open_access(address, **who))
        return 0
    _refuse_network(address, who)
    serve_stdio(Access(open_access(OWN_MACHINE, who["roots"]).roots))
    return 0


def _refuse_network(address: str, who: dict[str, Sequence[str]]) -> None:
    if address != OWN_MACHINE or who["token_file"] or who["hosts"] or who["origins"]:
        raise UsageError("who may come in by the network is only of --http", "Add --http.")
