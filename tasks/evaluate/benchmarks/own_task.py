"""A user's own task of lm-evaluation-harness: its YAML with what that includes, and all files that scores depend on.

    task = OwnTask(Path("my_tasks/maths.yaml"))
    task.config         # as the harness merges it; functions by name
    task.files()        # {"maths.yaml": ..., "items.jsonl": ..., "rules.py": ...}

Read without the harness, and without importing the functions that it names.
"""

import contextlib
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from tasks.recipe.refusals import told
from tasks.store.home import ROOT

ENDINGS = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):
    """Reads `!function module.name` as a name."""


class Function(str):
    __slots__ = ()


_Loader.add_constructor("!function", lambda loader, node: Function(node.value))


Name = Annotated[str, Field(pattern=r"^[^\x00]+$")]
Names = Name | list[Name]


class Read(BaseModel):
    """What is read here of a task; all else is the harness's."""

    task: Name | list[Any] | None = None
    group: Name | None = None
    include: Names | None = None
    dataset_path: Name | None = None
    dataset_kwargs: dict[str, Any] | None = None

    @field_validator("dataset_kwargs")
    @classmethod
    def _names_files(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        TypeAdapter(Names | dict[str, Names] | None).validate_python((given or {}).get("data_files"))
        return given


@dataclass(frozen=True)
class OwnTask:
    file: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """Raises ValueError for what is no task or group in YAML."""
        if not isinstance(self._merged.get("task"), str) and not self.is_group:
            expected = "a task of lm-evaluation-harness with `task: NAME` in it, or a group"
            raise ValueError(f"{self.file}: expected {expected}")
        return self._merged

    @property
    def name(self) -> str:
        return str(self.config.get("group") or self.config["task"])

    @property
    def is_group(self) -> bool:
        return bool(self._merged.get("group"))

    def members(self) -> list[Path]:
        """Of a group: the other tasks in its folder, which it may name."""
        if not self.is_group:
            return []
        found = sorted(self.file.parent.rglob("*"), key=lambda path: (len(path.parts), path))  # the nearest first
        there = (path for path in found if path.suffix in ENDINGS)
        return [path for path in there if path.resolve() != self.file.resolve()]

    def data_of(self, split: str) -> list[Path]:
        """The files of a split that are here: relative to the task's own folder, or to the project."""
        given = self._data_files
        return self._here(given.get(split) if isinstance(given, dict) else given)

    def dataset_kwargs(self) -> dict[str, Any]:
        """With whole paths for the files that are here."""
        given = dict(self.config.get("dataset_kwargs") or {})
        return given | {"data_files": self._whole(self._data_files)} if self._data_files else given

    def files(self) -> dict[str, Path]:
        """By name below the task's folder: the YAML and what it includes, its data and the code beside it.

        So of a group's members; what else lies there may be no task.
        """
        folder = self.file.resolve().parent
        found = {path.resolve() for path in self._files()}
        for member in self.members():
            with contextlib.suppress(ValueError):
                found |= {path.resolve() for path in OwnTask(member)._files()}
        return {_below(path, folder): path for path in sorted(found)}

    def _files(self) -> Iterator[Path]:
        yield from (path for path, _ in self._parts)
        yield from self._here(self._data_files)
        folder = self.file.parent
        if (name := self._merged.get("dataset_path")) and (data := folder / str(name)).is_dir():
            yield from (path for path in data.rglob("*") if path.is_file())
        if any(isinstance(value, Function) for _, part in self._parts for value in _values(part)):
            yield from (path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)

    @cached_property
    def _parts(self) -> list[tuple[Path, dict[str, Any]]]:
        """What it includes, then itself: later keys win."""
        return _with_included(self.file, ())

    @cached_property
    def _merged(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for _, part in self._parts:
            merged |= {key: value for key, value in part.items() if key != "include"}
        return merged

    @property
    def _data_files(self) -> Any:
        return dict(self._merged.get("dataset_kwargs") or {}).get("data_files")

    def _whole(self, given: Any) -> Any:
        if isinstance(given, dict):
            return {key: self._whole(one) for key, one in given.items()}
        return [str(path.resolve()) for path in self._here(given)] or given

    def _here(self, given: Any) -> list[Path]:
        """Of a name, a pattern, or lists of them by split."""
        return sorted({path for name in _texts(given) for path in self._found(name)})

    def _found(self, name: str) -> list[Path]:
        for folder in (self.file.parent, ROOT):
            found = glob.glob(str(folder / name))  # noqa: PTH207  # an absolute one stays as it is
            if files := [path for one in found if (path := Path(one)).is_file()]:
                return files
        return []


def _with_included(file: Path, within: tuple[Path, ...]) -> list[tuple[Path, dict[str, Any]]]:
    if file in within:
        raise ValueError(f"{file}: it includes itself, by {', '.join(map(str, within))}")
    try:
        config = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        by = f", which {within[-1]} includes" if within else ""
        raise ValueError(f"{file}: no such file{by}") from None
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise ValueError(f"{file}: expected a task of lm-evaluation-harness in YAML: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{file}: expected a task of lm-evaluation-harness in YAML, found {type(config).__name__}")
    try:
        included = Read.model_validate(config).include or []
    except ValidationError as error:
        raise ValueError(told(error, str(file), Read)) from error
    names = included if isinstance(included, list) else [included]
    found = [one for name in names for one in _with_included(file.parent / name, (*within, file))]
    return [*found, (file, config)]


def _values(value: Any) -> Iterator[Any]:
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield one
        yield from _values(one)


def _texts(value: Any) -> Iterator[str]:
    yield from (one for one in [value, *_values(value)] if isinstance(one, str))


def _below(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
