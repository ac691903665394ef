"""The templates of the pages that a run leaves, and how they are filled: nothing unescaped.

Whatever is put into one is brought on one line and escaped by the template engine; only what is
made as markup (`Markup`) is not. Knows no page's content.
"""

import hashlib
from base64 import b64encode
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from longtake.report.phrases import say
from longtake.text.entity_marks import MARKED
from longtake.text.untrusted import one_line
from longtake.timecode import format_time


def fill(name: str, **values: Any) -> str:
    """The template of that name beside this file, with these values in it."""
    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: one_line(value) if type(value) is str else value,
        loader=FunctionLoader(_read),
    )
    environment.filters |= {"marked": _mark, "said": say, "time": format_time, "hash": _hash}
    return environment.get_template(name).render(values)


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _mark(text: str) -> Markup:
    """Escaped, with the marks of entities set apart."""
    safe = str(escape(one_line(text)))
    return Markup(MARKED.sub(r"<b class=mark>\1</b>", safe))  # noqa: S704 - escaped above


def _hash(style: Markup) -> str:
    """As a content security policy names the one style sheet that it lets in."""
    return f"sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}"
