"""Which hosts a server answers to, and whether a request comes from a page of its own.

A browser sends what a foreign page asks for, too: to a name that was rebound to this machine, or
across origins. The Host and Origin headers tell.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which proxies say that the request is another's."""


def is_local_host(host: str) -> bool:
    """Whether a host's name means this machine: localhost, 127.0.0.0/8, ::1."""
    name = host.strip("[]").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def read_host(header: str) -> str:
    """The name in a Host header, without its port; empty where there is none."""
    return read_origin_host(f"//{header}")


def read_origin_host(origin: str) -> str:
    """The name in an Origin header; empty where there is none, or what is written is none."""
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def is_named(host: str, allowed: Sequence[str]) -> bool:
    """Whether one of these names means the host: `*`, the name itself, or `*.example.org`."""
    return any(
        name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:]))
        for name in map(str.casefold, allowed)
    )


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from a page of this server, or from none."""
    origin = headers.get("origin")
    if origin is None:
        return True
    with suppress(ValueError):  # brackets that hold no address
        return urlsplit(origin).netloc == headers.get("host")
    return False


def is_fetched_by_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page elsewhere wants this in it: a picture, a script, a frame.

    For those it sends no Origin. A link that somebody follows is none of them.
    """
    site, wanted_as = headers.get("sec-fetch-site"), headers.get("sec-fetch-dest")
    return site in ("cross-site", "same-site") and wanted_as != "document"
