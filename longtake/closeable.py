"""What is closed at the end of a `with`."""

from types import TracebackType
from typing import Self


class Closeable:
    """Something that holds files, processes or connections until it is closed."""

    def close(self) -> None:
        """Let go of what it holds; a second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
