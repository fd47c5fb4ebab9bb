"""A model's shape without loading it: from a folder's config.json and the headers of its safetensors, or the hub's."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import httpx

from tasks.engines.models import DEFAULT, header, settings, weights
from tasks.store.home import user_path


@dataclass(frozen=True)
class ModelShape:
    """What memory depends on, from a model's config.json; `parameters` in all."""

    parameters: float
    layers: int = 0
    hidden: int = 0
    intermediate: int = 0
    kv_width: int = 0  # key-value heads times their size
    vocabulary: int = 0
    context: int = 0  # tokens, as far as the model was made for; 0: not said


OF_THE_DEFAULT = ModelShape(
    134_515_008, layers=30, hidden=576, intermediate=1536, kv_width=192, vocabulary=49152, context=8192
)


def shape_of(model: str) -> ModelShape:
    """Raises ValueError where the model is neither a folder nor to be asked of the hub."""
    if model == DEFAULT:
        return OF_THE_DEFAULT
    folder = user_path(model)
    if folder.is_dir():
        counted = sum(prod(tensor["shape"]) for file in weights(folder) for tensor in header(file).values())
        return _shape(settings(folder / "config.json"), counted)
    try:
        from huggingface_hub import HfApi, constants, hf_hub_download

        httpx.head(constants.ENDPOINT, timeout=5)  # the library would try for half a minute where there is no network
        repository, _, revision = model.partition("@")
        config = Path(hf_hub_download(repository, "config.json", revision=revision or None))
        counted = sum(HfApi().get_safetensors_metadata(repository, revision=revision or None).parameter_count.values())
        return _shape(json.loads(config.read_text(encoding="utf-8")), counted)
    except Exception as error:  # no network, no such model, no right to it: whatever it is, it is said
        raise ValueError(
            f"memory and disk of {model}: the hub does not give its configuration ({type(error).__name__}); put its "
            "config.json and *.safetensors into a folder and give --model FOLDER"
        ) from None


def _shape(config: dict[str, Any], parameters: int) -> ModelShape:
    """Of a model that also sees or hears, that of its part for text. Raises ValueError for a size that is not said."""
    of_text = {**config, **(config.get("text_config") or {})}
    needed = ("num_attention_heads", "num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size")
    if missing := [name for name in needed if not isinstance(of_text.get(name), int)]:
        raise ValueError(f"memory and disk: config.json does not say {', '.join(missing)}")
    heads = of_text["num_attention_heads"]
    head = of_text.get("head_dim") or of_text["hidden_size"] // heads
    return ModelShape(
        parameters=parameters,
        layers=of_text["num_hidden_layers"],
        hidden=of_text["hidden_size"],
        intermediate=of_text["intermediate_size"],
        kv_width=(of_text.get("num_key_value_heads") or heads) * head,
        vocabulary=of_text["vocab_size"],
        context=of_text.get("max_position_embeddings") or 0,
    )
