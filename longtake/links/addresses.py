"""Which text is a link, which links may be loaded, and which addresses are private.

A link is untrusted: nothing but its scheme and host is believed, and nothing of it becomes a path.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit, urlunsplit

from longtake.errors import LinkError
from longtake.text.untrusted import one_line

SCHEMES = ("http", "https")
MOST_LETTERS = 4096
SHOWN = 120
NOBODYS = "192.0.2.1"
"""Of a network for examples (RFC 5737): where it can be taken, any can, and that tells nothing."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_link(source: str) -> bool:
    """Whether it is meant as a link, if a forbidden one; a file's name never is."""
    return bool(re.match(r"\s*[A-Za-z][\w+.-]*://", source))


class Link(str):
    """An address that may be loaded: `check_link` alone makes one."""

    __slots__ = ()


def check_link(link: str) -> Link:
    """The link as it is to be loaded; LinkError of kind `not_allowed` says what is wrong."""
    text = link.strip()
    if len(text) > MOST_LETTERS:
        raise _wrong(text, f"has {len(text):,} letters, and at most {MOST_LETTERS:,} are taken")
    if re.search(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\]", text):
        raise _wrong(text, "holds blanks, backslashes or characters that can't be seen")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(text, f"can't be read: {error}") from None
    if parts.scheme not in SCHEMES:
        raise _wrong(text, f"is of the kind {parts.scheme}:, and only http and https are loaded")
    if "@" in parts.netloc:
        raise _wrong(text, "holds a user's name or password")
    if not host or port == 0:
        raise _wrong(text, "names no host")
    return Link(urlunsplit(parts._replace(fragment="")))


def _wrong(link: str, why: str) -> LinkError:
    shown = re.sub(r"//[^/?#]*@", "//…@", one_line(link))  # whose password it may be
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return LinkError(
        f"the link {shown} {why}",
        "Paste the address of a page with a video, such as https://www.youtube.com/watch?v=…",
        "not_allowed",
    )


def tells_private(host: str) -> bool:
    """Whether the host of a link is private by its very spelling, such as 127.1 or localhost."""
    name = host.rstrip(".").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    if ":" in name:
        return is_private(name)
    try:
        return is_private(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, ValueError):
        return False  # a name: only a look-up tells


def is_of_this_machine(address: str) -> bool:
    """Whether a network card of this machine has the IP address: then a socket can take it.

    What a router puts before this machine it does not know.
    """
    return _can_bind(address) and not _can_bind(NOBODYS)


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True


def is_private(address: str) -> bool:
    """Whether an IP address is of this machine, of a private network, or of no use to the world.

    What is carried in IPv6 (mapped, 6to4, Teredo, NAT64) counts as the IPv4 address that it holds.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address):
        inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in NAT64:
            inside.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if any(part is not None and is_private(str(part)) for part in inside):
            return True
        if found.ipv4_mapped or found in NAT64:
            return False
    local = found.version == 6 and found.is_site_local  # fec0::/10, from before there were fc00::/7
    return not found.is_global or found.is_multicast or found.is_reserved or local
