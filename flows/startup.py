"""What Python is told before anything else, on machines as people have them. To be imported first.

A `tasks.py` on PYTHONPATH, as Celery and Invoke have it, goes before what is installed: from here on ours goes first.
"""

import os
import sys
from locale import getpreferredencoding
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def utf8() -> None:
    """Start anew where the locale is another one: texts, paths and what processes tell each other are UTF-8."""
    if getpreferredencoding(False).lower() not in ("utf-8", "utf8"):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONUTF8": "1"})
