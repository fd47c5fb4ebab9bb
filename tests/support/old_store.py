"""A home as an earlier version left it: one iteration of the tiny recipe, without the weights."""

import tarfile
from pathlib import Path

from tasks.store.home import ROOT, Home


def unpacked(folder: Path) -> Home:
    with tarfile.open(ROOT / "tests/support/store_format_1.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return Home(folder)
