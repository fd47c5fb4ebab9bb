"""Starting models: the default one, a local folder, or a hub name. Safetensors only, no code, else refused."""

import contextlib
import json
import shutil
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tasks.engines.processes import launch
from tasks.engines.processes.job import Job
from tasks.engines.processes.progress import Progress
from tasks.engines.tokenizing.template import ChatTemplate
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.files import RECORD, sha256
from tasks.store.home import Home, user_path
from tasks.store.rows import digest

DEFAULT = "smollm2-135m-instruct"
REFUSED = {
    ".bin": "pickled weights, which run code when they are loaded",
    ".pt": "pickled weights, which run code when they are loaded",
    ".pth": "pickled weights, which run code when they are loaded",
    ".pkl": "a pickle, which runs code when it is loaded",
    ".py": "code, and none is run from a model",
    ".gguf": "a format that cannot be trained",
}
KEPT = (".safetensors", ".json", ".jinja", ".txt", ".model")  # weights, configuration, tokenizer
VERSION = 1
POINTER = b"version https://git-lfs"


def starting_model(name: str, store: Store, work: Path, on_progress: launch.Said) -> Ref:
    """The model as a verified artifact: converted, copied or fetched once. Raises ValueError with the reason."""
    if name == DEFAULT:
        spec, module = (
            Spec(stage="base-model", version=VERSION, inputs={"wheel": DEFAULT}),
            "tasks.engines.jobs.default_model",
        )
        given: dict[str, Any] = {}
    elif (folder := user_path(name)).is_dir():
        check_folder(folder)
        return _adopt(folder, store)
    elif Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ValueError(
            f"model {name!r}: expected {DEFAULT}, a folder with safetensors, or a hub name like owner/model"
        )
    else:
        repository, _, revision = name.partition("@")
        spec = Spec(stage="base-model", version=VERSION, inputs={"hub": name})
        module, given = "tasks.engines.jobs.hub_model", {"repository": repository, "revision": revision or "main"}
    found = store.find(spec)
    if found is None:
        job = Job(store=store.root, spec=spec, work=work / spec.fingerprint, given=given)
        launch.run(module, job, on_progress, env=launch.pip() if name == DEFAULT else launch.online())
        found = store.find(spec)
        assert found
        check_folder(store.folder(found))
    return found


def fetched_meanwhile(name: str, home: Home, progress: Progress) -> Callable[[], object]:
    """Begin to convert or fetch a starting model that is no local folder; what is returned waits for it.

    25 s for the default model, and the Prefect server takes as long to start. What is wrong with the model is said by
    whoever asks for it then. The thread is left alone when this process ends, and its child ends with that.
    """

    def fetch() -> None:
        with contextlib.suppress(Exception):
            if not user_path(name).is_dir():
                with progress.bar(f"model {name}") as bar:
                    starting_model(name, Store.of(home), home.work, bar.hear)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    return thread.join


def check_folder(folder: Path) -> None:
    """Raise ValueError unless the folder is a model that can be loaded without running anything from it."""
    if (adapter := folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        base = settings(adapter).get("base_model_name_or_path") or "its base"
        raise ValueError(
            f"model {folder}: an adapter to {base}, and no model: merge it into that (peft's merge_and_unload) and "
            "give the folder where you save it"
        )
    _check_weights(folder)
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        values = settings(folder / name)
        if "auto_map" in values:
            raise ValueError(
                f"model {folder}: {name} has auto_map, which asks for remote code; none is run: give a model that "
                "transformers knows by itself"
            )
        if quantised := values.get("quantization_config"):
            named = quantised.get("quant_method") if isinstance(quantised, dict) else None
            how = named or "its quantization_config does not say how"
            raise ValueError(
                f"model {folder}: its weights are quantised ({how}), and what is learned cannot be added to such; give "
                "the model that they were made from"
            )
    _check_padding(folder)
    if problem := next(ChatTemplate.of(folder).problems(), None):
        raise ValueError(f"model {folder}: {problem}")


def _check_padding(folder: Path) -> None:
    """A pad token that was added to the tokenizer alone ends a training at its first batch."""
    config, tokenizer = settings(folder / "config.json"), settings(folder / "tokenizer_config.json")
    of_text = config.get("text_config")
    rows = config.get("vocab_size") or (of_text.get("vocab_size") if isinstance(of_text, dict) else None)
    token = tokenizer.get("pad_token")
    named = token.get("content") if isinstance(token, dict) else token
    if not isinstance(rows, int) or not isinstance(named, str):
        return
    try:
        number = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id(named)
    except Exception as error:  # the library has no kind of its own
        raise ValueError(f"model {folder}: tokenizer.json cannot be read: {error}; save the tokenizer again") from error
    if number is not None and number >= rows:
        raise ValueError(
            f"model {folder}: its pad token {named!r} is number {number}, and its embedding has {rows} rows: expected "
            "one that it has; set pad_token in tokenizer_config.json to the token that ends a text"
        )


def _check_weights(folder: Path) -> None:
    """One file or several, each of which its index names."""
    there = {file.name: file for file in weights(folder)}
    if not there:
        others = sorted(file for file in folder.glob("*") if file.suffix in REFUSED)
        found = f" ({others[0].name} is {REFUSED[others[0].suffix]})" if others else ""
        raise ValueError(
            f"model {folder}: no *.safetensors in it{found}; save it with save_pretrained(safe_serialization=True)"
        )
    for file in sorted(there.values()):
        header(file)
    for index in folder.glob("*.safetensors.index.json"):
        weight_map = settings(index).get("weight_map")
        if not isinstance(weight_map, dict):
            raise ValueError(f"model {folder}: {index.name} has no weight_map; fetch the model again")
        named = set(map(str, weight_map.values()))
        if missing := sorted(named - there.keys()):
            raise ValueError(
                f"model {folder}: {index.name} names {len(named)} files, of which {len(missing)} are missing "
                f"({missing[0]}); fetch the model again"
            )


def weights(folder: Path) -> list[Path]:
    """Its safetensors files, and not what macOS puts beside each one (`._model.safetensors`)."""
    return sorted(file for file in folder.glob("*.safetensors") if not file.name.startswith("."))


def header(file: Path) -> dict[str, dict[str, Any]]:
    """Of a safetensors file: dtype, shape and place of each tensor, by name. Raises ValueError where it is not whole.

    8 bytes of length, then JSON, then the tensors (the format's own README).
    """
    _check_fetched(file)
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > size - 8:
            raise _not_whole(file, f"{size:,} bytes, which are less than its header")
        try:
            found = json.loads(opened.read(length))
            tensors = {name: tensor for name, tensor in found.items() if name != "__metadata__"}
            ends = [tensor["data_offsets"][1] for tensor in tensors.values() if isinstance(tensor["shape"], list)]
            end = 8 + length + max(ends, default=0)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise _not_whole(file, f"no header of safetensors ({type(error).__name__}: {error})") from error
    if size != end:
        raise _not_whole(file, f"{size:,} bytes where its header says {end:,}")
    return tensors


def _not_whole(file: Path, found: str) -> ValueError:
    return ValueError(f"model {file.parent}: {file.name} is no whole safetensors file: {found}; fetch or save it again")


def settings(file: Path) -> dict[str, Any]:
    """What a file of a model's settings says. Raises ValueError."""
    if not file.is_file():
        raise ValueError(
            f"model {file.parent}: {file.name} is missing; save the model and its tokenizer into one folder"
        )
    _check_fetched(file)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model {file.parent}: {file.name} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"model {file.parent}: {file.name} has no JSON object in it; fetch or save it again")
    return values


def _check_fetched(file: Path) -> None:
    with file.open("rb") as opened:
        if opened.read(len(POINTER)) == POINTER:
            raise ValueError(
                f"model {file.parent}: {file.name} is a Git LFS pointer in place of the file; run `git lfs pull` in "
                "its repository"
            )


def _adopt(folder: Path, store: Store) -> Ref:
    """Copy a user's folder into the store, keyed by its content, so that a later change to it is another model."""
    there = (file.name for file in folder.iterdir() if file.suffix in KEPT and not file.name.startswith("."))
    names = sorted(name for name in there if name != RECORD)
    spec = Spec(
        stage="base-model", version=VERSION, inputs={"folder": digest({name: sha256(folder / name) for name in names})}
    )
    found = store.find(spec)
    if found is None:
        with store.draft(spec) as draft:
            for name in names:
                shutil.copyfile(folder / name, draft.path / name)
            draft.record["source"] = {"folder": str(folder.resolve())}
        found = store.find(spec)
    assert found
    return found
