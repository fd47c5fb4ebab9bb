"""Whether a model can take another one's place in a server: the same architecture, tokenizer and chat format."""

import json
from pathlib import Path
from typing import Any

from tasks.engines.tokenizing.template import ChatTemplate

GENERATION = "generation_config.json"
OF_THE_WRITER = ("transformers_version", "_name_or_path", "dtype", "torch_dtype", "use_cache", "truncation", "padding")


def difference(one: Path, other: Path) -> str:
    """What is in the way, for a person; empty if nothing is. Raises OSError or ValueError for what is no model."""
    for name in ("config.json", "tokenizer.json"):
        if _of_the_model(one / name) != _of_the_model(other / name):
            return f"{other / name} is not that of {one}"
    if _ends(one) != _ends(other):
        return f"{other / GENERATION} has not the token ids of {one}"
    if ChatTemplate.of(one).source != ChatTemplate.of(other).source:
        return f"{other} has another chat template than {one}"
    return "" if _tensors(one) == _tensors(other) else f"{other} has other tensors than {one}"


def _of_the_model(file: Path) -> dict[str, Any]:
    """What is said there, without what who wrote it left beside."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: value for name, value in said.items() if name not in OF_THE_WRITER}


def _ends(folder: Path) -> dict[str, Any]:
    """What of the generation's defaults counts: an engine for runs takes no other from there."""
    said = _of_the_model(folder / GENERATION)
    return {name: ids for name, ids in said.items() if name.endswith("_token_id") and ids is not None}


def _tensors(folder: Path) -> dict[str, list[int]]:
    """Name and shape of each, whatever file it is in."""
    from safetensors import safe_open

    found: dict[str, list[int]] = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as opened:
            found |= {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118
    return found
