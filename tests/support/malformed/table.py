"""The table of malformed inputs: what is given, what is said, and the exit code.

A row of seeds that is left out ends nothing (0); what cannot be used ends the command (2).
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from flows.cli.main import main
from flows.plan.checks import Checks
from tasks.engines.models import check_folder
from tasks.recipe.data import ReadingConfig
from tasks.recipe.recipe import load
from tasks.seeds.reading import read
from tasks.store.home import ROOT
from tests.support.malformed import others, seeds

FILE = Path(__file__).with_name("messages.md")
Line = tuple[str, str, int]


def table(folder: Path) -> str:
    """As Markdown; FOLDER stands for where the inputs are, PROJECT for the checkout."""
    parts = {
        "Seeds: rows": _rows(folder),
        "Seeds: files": _files(folder),
        "Settings of a recipe": _settings(),
        "Recipes": _recipes(folder),
        "Models": _models(folder),
        "Benchmarks": _benchmarks(folder),
        "Commands": _commands(folder),
    }
    found = ["# What is said of malformed inputs", "", f"`python -m {__package__}` writes this file.", ""]
    for title, lines in parts.items():
        found += [f"## {title}", "", "| input | what is said | exit code |", "|---|---|---|"]
        for given, said, code in lines:
            placed = said.replace(str(folder), "FOLDER").replace(str(ROOT), "PROJECT")
            found.append(f"| {_cell(given)} | {_cell(placed)} | {code} |")
        found.append("")
    return "\n".join(found).rstrip() + "\n"


def _cell(text: str) -> str:
    shown = re.sub(r"[\ud800-\udfff\x00-\x08\x0b-\x1f]", "?", text)
    shown = shown if len(shown) < 700 else f"{shown[:700]}..."
    return " ".join(shown.split()).replace("|", "\\|")


def _read(file: Path) -> tuple[str, int]:
    try:
        found = read(file, ReadingConfig(), lambda count: None)
    except ValueError as error:
        return str(error), 2
    return "; ".join(f"{one.row}, {one.rule}: {one.detail}" for one in found.rejects) or "nothing", 0


def _rows(folder: Path) -> Iterator[Line]:
    inputs = {name: seeds.lines(row) for name, row in seeds.ROWS.items()} | seeds.LINES
    for name, content in inputs.items():
        (folder / "seeds.jsonl").write_bytes(content)
        yield name, *_read(folder / "seeds.jsonl")


def _files(folder: Path) -> Iterator[Line]:
    for name, content in seeds.FILES.items():
        (folder / name).write_bytes(content)
        yield name, *_read(folder / name)
    yield "none.jsonl", *_read(folder / "none.jsonl")
    (folder / "empty").mkdir()
    yield "empty/", *_read(folder / "empty")


def _refusal(what: object) -> tuple[str, int]:
    try:
        what()  # type: ignore[operator]
    except ValueError as error:
        return str(error), 2
    return "nothing", 0


def _settings() -> Iterator[Line]:
    """Those that the recipe takes are looked at as `lance plan` does."""
    for setting in others.SETTINGS:
        yield setting, *_planned("demo", setting)


def _planned(recipe: str, *settings: str) -> tuple[str, int]:
    try:
        found = Checks(load(recipe, list(settings))).problems
    except ValueError as error:
        return str(error), 2
    return "; ".join(found) or "nothing", 2 if found else 0


def _recipes(folder: Path) -> Iterator[Line]:
    for name, content in others.RECIPES.items():
        (folder / name).write_bytes(content)
        yield name, *_refusal(lambda name=name: load(str(folder / name)))


def _models(folder: Path) -> Iterator[Line]:
    for name, files in others.MODELS.items():
        model = folder / "models" / name
        model.mkdir(parents=True)
        for file, content in (others.WHOLE | files).items():
            if content is not None:
                (model / file).write_bytes(content)
        yield name, *_refusal(lambda model=model: check_folder(model))


def _benchmarks(folder: Path) -> Iterator[Line]:
    for name, files in others.BENCHMARKS.items():
        for file, content in files.items():
            (folder / file).write_bytes(content)
        yield name, *_planned("demo", f"evaluate.benchmarks=[{{task: '{folder / name}'}}]")


def _commands(folder: Path) -> Iterator[Line]:
    own = {"LANCE_HOME": str(folder / "home"), "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    for command in others.COMMANDS:
        said = io.StringIO()
        with (
            patch.dict(os.environ, own),
            patch.object(sys, "argv", ["lance", *command]),
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
        ):
            try:
                main()
            except SystemExit as stop:
                code = int(stop.code or 0)
        text = re.sub(r"[│╭╮╰╯─]+", " ", said.getvalue())
        of_plan = [line for line in text.splitlines() if line.startswith("problem")]
        # What is behind the usage, which begins with how the tests were started.
        yield "lance " + " ".join(command), " ".join(of_plan) or text.rpartition(" Error ")[2], code
