"""Functions that a user could name in a check: one that is as it should be, and all kinds that are not."""

import os
import socket
import subprocess
import time
from pathlib import Path

from tasks.verify.checks.base import Finding


def rhymes(text: str, word: str = "day") -> tuple[bool, str]:
    last = text.split()[-1].strip(".")
    return last.endswith(word[-2:]), f"the last word is {last}"


def slow(text: str) -> bool:
    time.sleep(0.3)
    return len(text) % 2 == 0


def unsure(text: str) -> None:
    return None


def number(text: str) -> int:
    return 7


def wrong_arguments(text: str, word: str = "") -> bool:
    if not word:
        raise ValueError("expected a word, found none")
    return True


def fails(text: str) -> bool:
    raise KeyError("nothing there")


def reads_a_number(text: str) -> bool:
    return int(text) > 0


def fails_without_words(text: str) -> bool:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError

    raise Silent


def fails_with_half_a_character(text: str) -> bool:
    raise Exception("\ud800")


def is_a_model(text: str) -> bool:
    return bool(Finding.model_validate({"text": text}))


def says_half_a_character(text: str) -> tuple[bool, str]:
    return True, "\ud800"


def says_too_much(text: str) -> tuple[bool, str, str]:
    return True, "it", "does"


def leaves(text: str) -> bool:
    os._exit(0)


def loops(text: str) -> bool:
    while True:
        time.sleep(0.01)


def works_for_ever(text: str) -> bool:
    while True:
        pass


def forks(text: str) -> bool:
    while True:
        os.fork()


def forks_by_ctypes(text: str) -> bool:
    """Around Python's own audit: as compiled code would."""
    import ctypes

    libc = ctypes.CDLL(None)
    while True:
        libc.fork()


def eats_memory(text: str) -> bool:
    return bool(len(b"x" * 2**40))


def eats_memory_in_children(text: str) -> bool:
    import ctypes

    libc = ctypes.CDLL(None)
    for _ in range(6):
        libc.fork()
    kept = [bytearray(2**24) for _ in range(20)]
    time.sleep(60)
    return bool(kept)


def writes(text: str) -> bool:
    Path("note.txt").write_text(text)
    return True


def reads(text: str) -> bool:
    return bool(Path("/etc/passwd").read_text())


def connects(text: str) -> bool:
    socket.create_connection(("127.0.0.1", 80))
    return True


def starts_a_program(text: str) -> bool:
    return subprocess.run(["true"], check=False).returncode == 0


def says_much(text: str) -> tuple[bool, str]:
    return True, "x" * 2**20


def prints(text: str) -> bool:
    print("found\n{}")
    return True
