"""Who may ask what: the tokens of a server, and the hosts, origins and folders that it allows."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from longtake.door.hosts import is_local_host
from longtake.errors import UsageError

Right = Literal["read", "run"]
"""To look at runs and search; or also to start, stop and delete."""
LEAST_LETTERS = 16
"""Of a token: fewer can be guessed."""
OWN = "own"
"""Who asks where no token is needed: the machine's own user."""


@dataclass(frozen=True)
class Token:
    """What a program shows to come in, by its SHA-256, and what it may do then."""

    name: str
    right: Right
    digest: bytes = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Who asks, and what it may do."""

    name: str
    right: Right

    @property
    def may_run(self) -> bool:
        """Whether it may start, stop and delete runs."""
        return self.right == "run"


@dataclass(frozen=True)
class Access:
    """What a server allows, beside what comes from this machine itself.

    `roots` are the folders whose files may be named, `hosts` the names that it is called by,
    `origins` the sites whose pages may ask.
    """

    roots: tuple[Path, ...] = ()
    tokens: tuple[Token, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def find_caller(self, shown: str) -> Caller | None:
        """Whose token it is, all compared in the same time; None where it is nobody's."""
        if not self.tokens:
            return Caller(OWN, "run")
        digest = hashlib.sha256(shown.encode("utf-8", "replace")).digest()
        found = [t for t in self.tokens if secrets.compare_digest(t.digest, digest)]
        return Caller(found[0].name, found[0].right) if found else None


def read_caller(scope: Any) -> Caller:
    """Who the gate let in, of a request's ASGI scope."""
    caller: Caller = scope["longtake.caller"]
    return caller


def open_access(
    address: str,
    roots: Sequence[str] = (),
    token_file: str = "",
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
    key: str = "",
) -> Access:
    """What the owner's flags allow; UsageError where an address of a network has no token.

    Without a file of tokens, a `key` is the owner's token.
    """
    own = (Token(OWN, "run", hashlib.sha256(key.encode()).digest()),) if key else ()
    tokens = read_tokens(Path(token_file)) if token_file else own
    if not tokens and (hosts or not is_local_host(address)):
        where = address if not is_local_host(address) else ", ".join(hosts)
        raise UsageError(
            f"others could come in at {where} without a token",
            "Name a file of tokens with --token-file, or listen at 127.0.0.1 alone.",
        )
    return Access(
        tuple(_check_root(root) for root in roots),
        tokens,
        tuple(host.casefold() for host in hosts),
        tuple(_check_origin(origin) for origin in origins),
    )


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a file: a line each, `read TOKEN` or `run TOKEN`, perhaps with a name behind.

    UsageError for a file that others can read, or that says something else; no token is shown.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(
                f"others can read the tokens in {path}", f"Make it yours alone: chmod 600 {path}"
            )
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the tokens in {path} can't be read: {error}", "Name a file.") from error
    written = [(n, line.split()) for n, line in enumerate(lines, 1)]
    tokens = tuple(
        _read_token(parts, f"{path}, line {n}")
        for n, parts in written
        if parts and not parts[0].startswith("#")
    )
    if not tokens:
        raise UsageError(f"there is no token in {path}", "Write one: run TOKEN")
    if len({token.digest for token in tokens}) < len(tokens):
        raise UsageError(f"a token stands twice in {path}", "Give each line one of its own.")
    return tokens


def _read_token(parts: Sequence[str], place: str) -> Token:
    right, token, name = [*parts, "", ""][:3]
    if right not in ("read", "run") or len(parts) > 3:
        raise UsageError(f"{place} is no token", "Write `read TOKEN` or `run TOKEN`, and a name.")
    if len(token) < LEAST_LETTERS or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UsageError(
            f"the token in {place} has {len(token)} letters, or some that no header holds",
            f"Take {LEAST_LETTERS} or more: python3 -c 'import secrets;"
            " print(secrets.token_urlsafe())'",
        )
    if name == OWN:
        raise UsageError(
            f"the name in {place} is that of this machine's own user", "Take another name."
        )
    digest = hashlib.sha256(token.encode()).digest()
    return Token(name or digest.hex()[:8], "run" if right == "run" else "read", digest)


def _check_root(root: str) -> Path:
    path = Path(root).expanduser().resolve()
    if not path.is_dir():
        raise UsageError(f"there is no folder {root!r}", "Name one whose videos may be read.")
    return path


def _check_origin(origin: str) -> str:
    if not re.fullmatch(r"https?://[^/\s*]+", origin):
        raise UsageError(
            f"{origin!r} is no origin", "Write scheme, host and port, as https://app.example:8443."
        )
    return origin.casefold()
