"""A model's chat template, tokenizer and image processor: from requests to tensors, and back.

Knows nothing of weights and devices.
"""

import importlib.util
import io
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from longtake.engines.transformers.hub import Folder
from longtake.engines.transformers.library import call_library, first_words
from longtake.errors import EngineError, EngineRefused, UsageError
from longtake.inference.engine import Request
from longtake.installation import say_extra_install
from longtake.records import Frame
from longtake.text.untrusted import break_markers, one_line, whole_letters

USUAL_FRAME = (512, 288)


@dataclass(frozen=True)
class ChatPrompt:
    """A request rendered by the model's chat template, and its images in order."""

    text: str
    images: tuple[Any, ...] = ()


class Chat:
    """Renders, encodes and counts with a model's template, tokenizer and processor."""

    def __init__(self, processor: Any, sees: bool, name: str = "the model") -> None:
        self.sees = sees
        self._call = partial(call_library, name)
        """Takes the aim, for the message where it fails, and the work."""
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.end: int | None = self._tokenizer.eos_token_id
        """The token that ends a turn."""
        self.pad: int | None = self._tokenizer.pad_token_id
        """The token that fills up rows."""
        self._markers = _list_markers(processor, self._tokenizer)
        self._image_options = _one_tile(getattr(processor, "image_processor", None))
        self._frame_tokens: dict[tuple[int, int], int] = {}
        # Tokenizers keep padding as a state of their own: two threads must not set it at once.
        self._lock = threading.Lock()

    @property
    def template(self) -> str:
        """The chat template; empty where the model has none."""
        found = getattr(self._processor, "chat_template", None) or self._tokenizer.chat_template
        if isinstance(found, dict):
            found = found.get("default")
        return found or ""

    @property
    def square(self) -> int:
        """The side, in pixels, of the square that the processor makes of a frame; 0: it doesn't."""
        processor = getattr(self._processor, "image_processor", None)
        if most := getattr(processor, "max_image_size", None):
            return _edge(most, "longest_edge")
        size = getattr(processor, "size", None)
        height, width = _edge(size, "height"), _edge(size, "width")
        return height if height == width else 0

    def render(self, request: Request) -> ChatPrompt:
        """The request in the model's template."""
        images = tuple(self._open_image(frame) for frame in request.frames)
        system = self.clean(request.system).strip()
        if not system:
            return ChatPrompt(self._render(self._turns(request)), images)
        try:
            text = self._render(self._turns(request))
        except EngineError:
            text = ""  # some templates refuse a system turn, and some pass over it
        if system not in text:
            text = self._render(self._turns(_fold_system(request)))
        return ChatPrompt(text, images)

    def encode(self, prompts: Sequence[ChatPrompt]) -> dict[str, Any]:
        """The tensors of a batch, filled up on the left."""
        texts = [prompt.text for prompt in prompts]
        options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
        begin = self._tokenizer.bos_token
        if not self.sees or (begin and texts[0].startswith(begin)):
            options["add_special_tokens"] = False
        if not self.sees:
            options["return_token_type_ids"] = False
        elif prompts[0].images:
            options["images"] = [list(prompt.images) for prompt in prompts]
            options["images_kwargs"] = self._image_options
        with self._lock:
            return dict(
                self._call("read the request", lambda: self._processor(text=texts, **options))
            )

    def decode(self, tokens: list[int]) -> str:
        """The text of a reply, as the model wrote it."""
        text: str = self._call(
            "write its reply", lambda: self._tokenizer.decode(tokens, skip_special_tokens=True)
        )
        return text.strip()

    def count_tokens(self, text: str) -> int:
        """Tokens of the text as it is sent."""
        with self._lock:
            found = self._call(
                "count tokens",
                lambda: self._tokenizer(self.clean(text), add_special_tokens=False)["input_ids"],
            )
        return len(found)

    def frame_tokens(self, width: int, height: int) -> int:
        """What a frame of that size adds to a request; asked of the processor once a size."""
        if not self.sees:
            return 0
        if (width, height) not in self._frame_tokens:
            from PIL import Image

            bare = self.render(Request("", ("a",)))
            seen = ChatPrompt(
                self._render([_turn("user", [{"type": "image"}, {"type": "text", "text": "a"}])]),
                (Image.new("RGB", (width, height)),),
            )
            sizes = [self.encode([prompt])["input_ids"].shape[1] for prompt in (seen, bare)]
            self._frame_tokens[width, height] = sizes[0] - sizes[1]
        return self._frame_tokens[width, height]

    def clean(self, text: str) -> str:
        """The text without invalid Unicode, and with its special tokens broken up.

        What was read in a video may hold `<|im_end|>`: it is data, and stays text.
        """
        return break_markers(whole_letters(text), self._markers)

    def _turns(self, request: Request) -> list[dict[str, Any]]:
        """The chat; a turn's content is a list of parts for models that see, else a text."""
        texts = [[self.clean(text) for text in pair] for pair in request.examples]
        parts = [self.clean(part) if isinstance(part, str) else part for part in request.parts]
        if not self.sees:
            content: Any = "\n".join(part for part in parts if isinstance(part, str))
            shape: Callable[[str], Any] = str
        else:
            content, shape = _join_parts(parts), _as_parts
        turns = [_turn("system", shape(self.clean(request.system)))] if request.system else []
        for question, answer in texts:
            turns += [_turn("user", shape(question)), _turn("assistant", shape(answer))]
        return [*turns, _turn("user", content)]

    def _render(self, turns: list[dict[str, Any]]) -> str:
        # Thinking takes a reply's tokens before it begins; templates without the switch differ.
        known = {"enable_thinking": False} if "enable_thinking" in self.template else {}
        text: str = self._call(
            "put the request into its template",
            lambda: self._processor.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, **known
            ),
        )
        return text

    def _open_image(self, frame: Frame) -> Any:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(frame.jpeg)) as image:
                return image.convert("RGB")
        except Exception as error:  # Pillow's readers raise all kinds for broken files
            raise EngineRefused(
                f"the frame at {frame.time:g} s is no picture: {one_line(str(error))[:200]}"
            ) from None


def open_chat(folder: Folder, sees: bool) -> "Chat":
    """Its processor or tokenizer, tried on a frame; UsageError where it can't be made."""
    import transformers

    kind = transformers.AutoProcessor if sees else transformers.AutoTokenizer
    try:
        processor = kind.from_pretrained(
            folder.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # whatever a stranger's file brings about
        raise _processor_error(folder, error) from None
    chat = Chat(processor, sees, folder.name)
    if not chat.template:
        raise UsageError(
            f"{folder.name} has no chat template, so it can't be asked",
            "Name a model that is made for chats; their names often end in -Instruct or -it.",
        )
    try:
        chat.frame_tokens(*USUAL_FRAME)
    except EngineError as error:
        raise UsageError(f"{folder.name} can't be asked: {error.message}") from None
    return chat


def _processor_error(folder: Folder, error: Exception) -> UsageError:
    said = first_words(error, folder.path)
    if not importlib.util.find_spec("torchvision") and re.search(
        r"torchvision|video ?processor", said, re.IGNORECASE
    ):
        return UsageError(
            f"{folder.name} needs the package 'torchvision', which is not installed: {said}",
            f"Install the one that goes with your PyTorch: {say_extra_install('transformers')}",
        )
    return UsageError(
        f"transformers can't make what reads for {folder.name}: {said}",
        "Its tokenizer or processor files may be missing or broken; fetch the model again.",
    )


def _one_tile(processor: Any) -> dict[str, Any]:
    """Processor options that keep a frame in one tile, as these families do with a video's."""
    options: dict[str, Any] = {}
    for name in ("do_image_splitting", "crop_to_patches", "do_pan_and_scan"):
        if hasattr(processor, name):
            options[name] = False
    most = getattr(processor, "max_image_size", None)
    if "do_image_splitting" in options and most:
        # Else a frame is made as large as all tiles together first, and small again.
        options["size"] = {"longest_edge": _edge(most, "longest_edge")}
    return options


def _edge(size: Any, name: str) -> int:
    """A side of a processor's size, which is a dictionary or something like it."""
    value = size.get(name) if isinstance(size, dict) else getattr(size, name, None)
    return int(value or 0)


def _list_markers(processor: Any, tokenizer: Any) -> tuple[str, ...]:
    """The special tokens as text: the template's, and those that stand for media."""
    special = [str(token) for token in tokenizer.all_special_tokens]
    special += [t.content for t in tokenizer.added_tokens_decoder.values() if t.special]
    for name in ("image_token", "video_token", "audio_token", "boi_token", "eoi_token"):
        special.append(str(getattr(processor, name, None) or ""))
    # One letter can't be a marker: it would be gone from every text.
    return tuple(sorted({marker for marker in special if len(marker) > 1}))


def _turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def _as_parts(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]


def _join_parts(parts: Sequence[str | Frame]) -> list[dict[str, Any]]:
    """Text and images as templates take them; each text begins on a line of its own."""
    content: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Frame):
            content.append({"type": "image"})
        elif content and content[-1]["type"] == "text":
            # Templates put parts end to end, and some trim each.
            content[-1] = {"type": "text", "text": f"{content[-1]['text']}\n{part}"}
        else:
            content.append({"type": "text", "text": f"\n{part}" if content else part})
    return content


def _fold_system(request: Request) -> Request:
    """The system prompt at the head of the first question, for templates without such a turn."""
    system = f"{request.system}\n\n"
    if request.examples:
        (question, answer), *rest = request.examples
        return replace(request, system="", examples=((system + question, answer), *rest))
    first, *others = request.parts
    head = (system + first,) if isinstance(first, str) else (system, first)
    return replace(request, system="", parts=(*head, *others))
