"""Makes the reply to a tool call: as text for who reads, as values for who computes, and pictures.

Our own words come first and last; between them, inside of a mark, what is from videos.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from longtake.errors import LongtakeError
from longtake.mcp.marks import NOTE, ToldList, cut_message, fence, take

MOST_PICTURE_BYTES = 600_000
"""Of all pictures of a reply together."""


@dataclass(frozen=True)
class ToolReply:
    """What a tool has to say.

    `said` are our own lines, `values` theirs; `data` and `lines` are from videos and tamed, as are
    the items of the sections. `start` is where the first section begins, `pager` what says of a
    number of items in that list how to go on.
    """

    said: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    sections: Sequence[ToldList] = ()
    pictures: Sequence[bytes] = ()
    start: int = 0
    after: Sequence[str] = ()
    failed: bool = False


def as_result(reply: ToolReply) -> CallToolResult:
    """The reply as the protocol has it; of each section as much as fits."""
    data: dict[str, Any] = dict(reply.data)
    lines = list(reply.lines)
    left: dict[str, int] = {}
    for section in reply.sections:
        taken = take(section, reply.start)
        rest = len(section.items) - reply.start - len(taken)
        if taken:
            data[section.name] = taken
            lines += [section.heading] if section.heading else []
            lines += [section.say(item) for item in taken]
        if rest > 0:
            left[section.name] = rest
    values = {**reply.values, **({"left_out": left} if left else {})}
    if data:
        values["from_video"] = {"note": NOTE, **data}
    said = [*reply.said, *([fence(lines)] if lines else []), *reply.after, *_say_left(left, values)]
    content: list[ContentBlock] = [TextContent(type="text", text="\n".join(said))]
    content += [as_image(picture) for picture in choose_pictures(reply.pictures)]
    return CallToolResult(content=content, structured_content=values, is_error=reply.failed)


def choose_pictures(pictures: Sequence[bytes]) -> list[bytes]:
    """The first ones, as many as a reply holds."""
    chosen: list[bytes] = []
    for picture in pictures:
        if sum(map(len, chosen)) + len(picture) > MOST_PICTURE_BYTES:
            break
        chosen.append(picture)
    return chosen


def as_image(jpeg: bytes) -> ImageContent:
    """A JPEG as image content."""
    return ImageContent(type="image", data=b64encode(jpeg).decode(), mime_type="image/jpeg")


def refuse(error: LongtakeError) -> CallToolResult:
    """The reply for what can't be, or may not: what is wrong, and what to do."""
    said = [f"error: {cut_message(error.message)}"]
    said += [f"hint: {cut_message(error.hint)}"] if error.hint else []
    return CallToolResult(content=[TextContent(type="text", text="\n".join(said))], is_error=True)


def _say_left(left: Mapping[str, int], values: Mapping[str, Any]) -> list[str]:
    if not left:
        return []
    counts = ", ".join(f"{count} {name}" for name, count in left.items())
    if cursor := values.get("next_cursor"):
        return [f'Left out here: {counts}. To go on, call again with cursor "{cursor}".']
    return [f"Left out here: {counts}."]
