"""The documents: tables that say what the code says, links that lead somewhere, one screen, no sentence twice."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from tasks.recipe.evaluation import Benchmark
from tasks.recipe.recipe import Recipe
from tasks.recipe.values import Config, Threshold
from tasks.store.home import ROOT

TRACKED = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in TRACKED.split()}
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def rooms(tree: str) -> Iterator[str]:
    """A row for each room below `flows` or `tasks`, from its door; what runs in the model environment is its room's."""
    for door in sorted((ROOT / tree).rglob("__init__.py")):
        if door.parent.name in (tree, "jobs"):
            continue
        said = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
        found = re.fullmatch(r".*?\n\nIn: (.*?)\. Out: (.*)", said, re.DOTALL)
        assert found, f"{door}: expected a line, then `In: ... . Out: ...`"
        room = door.parent.relative_to(ROOT / tree)
        yield f"| [{room}]({room}) | {cell(found[1])} | {cell(found[2]).rstrip('.')} |"


def keys(model: type[Config], above: str = "") -> Iterator[str]:
    """A row for each key of a recipe: its name, default and meaning."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Config) and kind is not Threshold:
            yield from keys(kind, f"{above}{name}.")
            continue
        assert field.description, f"{model.__name__}.{name} does not say what it is"
        default = "" if field.is_required() else shown(field.default)
        yield f"| `{above}{name}` | {cell(default)} | {cell(field.description)} |"
        if Benchmark in get_args(kind):
            yield from keys(Benchmark, f"{above}{name}[].")


def shown(value: Any) -> str:
    if value in (None, (), {}, ""):
        return "none"
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(map(shown, value))
        case dict():
            return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    return str(value)


def rows_of(document: str, *, linked: bool) -> list[str]:
    """Rows of the tables whose first cell is a link to a folder, or a recipe's key."""
    first = r"\| \[[a-z_/]+\]\([a-z_/]+\) \|" if linked else r"\| `[a-z_.\[\]]+` \|"
    return [line for line in DOCUMENTS[document].splitlines() if re.match(first, line)]


@pytest.mark.parametrize("tree", ["flows", "tasks"])
def test_the_rooms_are_what_their_doors_say(tree: str) -> None:
    assert sorted(rows_of(f"{tree}/README.md", linked=True)) == sorted(rooms(tree))


def test_the_keys_are_those_of_the_recipe_with_their_defaults_and_meanings() -> None:
    assert rows_of("deployments/README.md", linked=False) == list(keys(Recipe))


def test_the_readme_fits_one_screen() -> None:
    assert len(DOCUMENTS["README.md"].splitlines()) <= 120


def anchors(document: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_relative_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", DOCUMENTS[name])):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name}: no {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{name}: no heading for {link}"


def test_each_line_of_the_threat_model_has_its_test() -> None:
    (section,) = re.findall(r"## Security\n(.+?)\n## ", DOCUMENTS["infra/README.md"], re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    named = [re.findall(r"\[(test_\w+)\]\(([^)]+)\)", line) for line in lines]
    assert len(named) >= 10 and all(named)
    for name, path in (one for line in named for one in line):
        assert f"def {name}(" in (ROOT / "infra" / path).read_text(encoding="utf-8"), name


def test_no_sentence_stands_twice() -> None:
    counted: Counter[str] = Counter()
    for name, text in DOCUMENTS.items():
        prose = [line for line in CODE.sub("", text).splitlines() if not line.startswith(("|", "#"))]
        sentences = [" ".join(one.split()) for one in re.split(r"(?<=[.:?!])\s", "\n".join(prose))]
        counted.update(one for one in sentences if len(one.split()) >= 8 and Path(name).name != "CHANGELOG.md")
    assert [one for one, times in counted.items() if times > 1] == []
