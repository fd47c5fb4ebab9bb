"""Prompt templates (Jinja, strict: an unknown or a missing variable raises), the principles, examples, canaries."""

import functools
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta

FOLDER = Path(__file__).parent
_environment = Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, keep_trailing_newline=False)


@functools.cache
def _variables(name: str) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(_environment.parse(source(name))))


def source(name: str) -> str:
    """The file's text: what its digest, part of a stage's fingerprint, is made from."""
    template = FOLDER / f"{name}.j2"
    return (template if template.exists() else FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def examples() -> list[tuple[str, str]]:
    """Pairs of an instruction and a better one."""
    return [(pair["instruction"], pair["better"]) for pair in yaml.safe_load(source("examples"))]


def canaries() -> list[tuple[str, str]]:
    """Texts that ask their reviewer for a better score, each with a harmless one of as many words."""
    return [(pair["attack"], pair["harmless"]) for pair in yaml.safe_load(source("canaries"))]


def render(name: str, **values: object) -> str:
    """The filled template; raises ValueError unless `values` are exactly the template's variables."""
    if set(values) != _variables(name):
        raise ValueError(f"prompt {name}: expected the variables {sorted(_variables(name))}, found {sorted(values)}")
    return _environment.get_template(f"{name}.j2").render(**values).strip()
