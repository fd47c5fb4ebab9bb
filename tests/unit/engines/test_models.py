"""Starting models: safetensors without code, or refused with the reason."""

import json
import threading
from pathlib import Path

import pytest

from tasks.engines import models
from tasks.engines.models import check_folder, starting_model
from tasks.engines.processes.progress import Progress
from tasks.store.artifacts import Store
from tasks.store.home import Home

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
WITHOUT = {"model__safetensors": "-"}
POINTER = "version https://git-lfs.github.com/spec/v1\n"


def weights(header: str = "{}", values: str = "") -> str:
    """A safetensors file of ASCII alone."""
    return chr(len(header)) + "\0" * 7 + header + values


def folder(path: Path, **files: str) -> Path:
    """A folder that passes; `files` replace or add to it, `-` takes one out."""
    whole = {
        "model.safetensors": weights(),
        "config.json": json.dumps({"model_type": "llama"}),
        "tokenizer_config.json": json.dumps({"chat_template": TEMPLATE}),
        "tokenizer.json": "{}",
    }
    path.mkdir(exist_ok=True)
    for name, text in (whole | {key.replace("__", "."): value for key, value in files.items()}).items():
        if text != "-":
            (path / name).write_text(text)
    return path


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (WITHOUT | {"pytorch_model__bin": "x"}, r"no \*.safetensors in it \(pytorch_model.bin is pickled weights"),
        (WITHOUT | {"weights__pt": "x"}, "weights.pt is pickled weights"),
        (WITHOUT | {"model__gguf": "x"}, "model.gguf is a format that cannot be trained"),
        (
            {"config__json": "-", "adapter_config__json": json.dumps({"base_model_name_or_path": "owner/base"})},
            "an adapter to owner/base, and no model: merge it",
        ),
        ({"config__json": json.dumps({"auto_map": {}})}, "config.json has auto_map, which asks for remote code"),
        ({"config__json": json.dumps({"quantization_config": {"quant_method": "awq"}})}, r"are quantised \(awq\)"),
        ({"model__safetensors": POINTER}, "model.safetensors is a Git LFS pointer"),
        ({"tokenizer__json": POINTER}, "tokenizer.json is a Git LFS pointer"),
        ({"model__safetensors": ""}, "no whole safetensors file: 0 bytes, which are less than its header"),
        ({"model__safetensors": "<!DOCTYPE html><html>404</html>"}, "bytes, which are less than its header"),
        ({"model__safetensors": weights("[1]")}, r"no header of safetensors \(AttributeError"),
        ({"model__safetensors": weights('{"a": {"shape": [1]}}')}, r"no header of safetensors \(KeyError"),
        (
            {"model__safetensors": weights('{"a": {"shape": [2], "data_offsets": [0, 8]}}', "1234")},
            r"57 bytes where its header says 61; fetch or save it again",
        ),
        ({"model__safetensors__index__json": "{"}, "model.safetensors.index.json is not valid JSON"),
        ({"model__safetensors__index__json": "{}"}, "model.safetensors.index.json has no weight_map"),
        ({"config__json": "[]"}, "config.json has no JSON object in it"),
        ({"config__json": "-", "adapter_config__json": "{"}, "adapter_config.json is not valid JSON"),
        ({"config__json": json.dumps({"quantization_config": "fp8"})}, "are quantised"),
        (
            {"model__safetensors__index__json": json.dumps({"weight_map": {"a": "one.safetensors"}})},
            r"names 1 files, of which 1 are missing \(one.safetensors\)",
        ),
        ({"config__json": "{"}, "config.json is not valid JSON"),
        ({"config__json": "-"}, "config.json is missing"),
        ({"tokenizer_config__json": "-"}, "tokenizer_config.json is missing"),
        ({"model__safetensors": "-"}, r"no \*.safetensors"),
        ({"tokenizer_config__json": "{}"}, "no chat template"),
        ({"tokenizer_config__json": json.dumps({"chat_template": "x"})}, "leaves out what is said"),
    ],
)
def test_what_could_run_code_or_not_work_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_folder(folder(tmp_path / "model", **files))


def test_what_lies_beside_and_is_not_needed_is_left_there(tmp_path: Path) -> None:
    given = folder(tmp_path / "model", training_args__bin="x", modeling__py="import os", data__pkl="x")
    store = Store(tmp_path / "store")
    taken = store.record(starting_model(str(given), store, tmp_path, print))["files"]
    assert {"model.safetensors", "config.json"} <= taken.keys()
    assert not [name for name in taken if name.endswith((".bin", ".py", ".pkl"))]


def test_what_macos_puts_beside_a_file_is_no_part_of_the_model(tmp_path: Path) -> None:
    given = folder(tmp_path / "model")
    for name in ("._model.safetensors", "._config.json"):
        (given / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    check_folder(given)
    store = Store(tmp_path / "store")
    taken = store.record(starting_model(str(given), store, tmp_path, print))["files"]
    assert not [name for name in taken if name.startswith(".")]


@pytest.mark.parametrize("name", ["no-such-model", "./missing", "/missing/model", "a/b/c"])
def test_a_name_that_is_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="expected smollm2-135m-instruct, a folder with safetensors, or a hub name"):
        starting_model(name, Store(tmp_path), tmp_path, print)


def test_a_folder_is_taken_by_content(tmp_path: Path) -> None:
    store, given = Store(tmp_path / "store"), folder(tmp_path / "model")
    first = starting_model(str(given), store, tmp_path, print)
    assert starting_model(str(given), store, tmp_path, print) == first
    (given / "model.safetensors").write_text(weights('{"__metadata__": {}}'))
    other = starting_model(str(given), store, tmp_path, print)
    assert other.digest != first.digest
    assert store.find(first), "the model as it was is still there"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_model_is_fetched_meanwhile_unless_it_is_here_and_what_is_wrong_is_said_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    asked: list[str] = []

    def fetched(name: str, *_: object) -> None:
        go.wait(10)
        asked.append(name)
        raise ValueError("there is no such model")

    monkeypatch.setattr(models, "starting_model", fetched)
    wait = models.fetched_meanwhile("owner/model", Home(tmp_path), Progress(quiet=True))
    assert asked == []
    go.set()
    wait()
    models.fetched_meanwhile(str(tmp_path), Home(tmp_path), Progress(quiet=True))()
    assert asked == ["owner/model"]
