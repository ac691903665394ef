"""Drives that can't do all that a disk can, as network drives: made by the kernel, in a process."""

import ctypes
import errno
import os
import platform
import struct
import subprocess
import sys
from typing import Any

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBERS = {"x86_64": (0xC000003E, 9, 72), "aarch64": (0xC00000B7, 222, 25)}
"""By machine: its name for seccomp, and the numbers of `mmap` and `fcntl`."""
KNOWN = sys.platform == "linux" and platform.machine() in _NUMBERS


def refuse_shared_memory() -> None:
    """From here on no file can be mapped for all to write: as on most drives of the network."""
    _, mmap, _ = _NUMBERS[platform.machine()]
    flags = 16 + 8 * 3
    shared = [(_LOAD, 0, 0, flags), (_JUMP_BITS, 0, 1, 1), _fail(errno.ENODEV)]
    _install([(_JUMP_EQUAL, 0, len(shared), mmap), *shared])


def refuse_locks(first: int = 0) -> None:
    """From here on no file with that number or a higher one can be locked."""
    _, _, fcntl = _NUMBERS[platform.machine()]
    refuse = [
        (_LOAD, 0, 0, 16),
        (_JUMP_LEAST, 0, 4, first),
        (_LOAD, 0, 0, 16 + 8),
        (_JUMP_EQUAL, 1, 0, 6),  # F_SETLK
        (_JUMP_EQUAL, 0, 1, 7),  # F_SETLKW
        _fail(errno.ENOLCK),
    ]
    _install([(_JUMP_EQUAL, 0, len(refuse), fcntl), *refuse])


def next_file() -> int:
    """The number that the next file that is opened will have."""
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    return number


def run_there(program: str) -> list[str]:
    """The lines that a process of its own prints; what it raises is raised here."""
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")


def _fail(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | number)


def _install(rules: list[tuple[int, int, int, int]]) -> None:
    """Rules of seccomp, which see the number of each system call and what it is given."""
    machine = _NUMBERS[platform.machine()][0]
    whole = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, 0),
        *rules,
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in whole))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    kernel: Any = ctypes.CDLL(None, use_errno=True)
    program = Program(len(whole), ctypes.addressof(code))
    no_new_privileges, set_seccomp, with_filter = 38, 22, 2
    for given in (
        (no_new_privileges, 1, 0, 0, 0),
        (set_seccomp, with_filter, ctypes.byref(program), 0, 0),
    ):
        if kernel.prctl(*given):
            raise OSError(ctypes.get_errno(), "this kernel takes no rules")
