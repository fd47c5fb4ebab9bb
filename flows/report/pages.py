"""Pages and cards from templates/. What others wrote is text in a page, never markup."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tasks.evaluate.gate import MDE_NOTE, SHOWN
from tasks.store.files import sha256
from tasks.store.home import ROOT
from tasks.store.rows import digest

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html.j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.globals |= {"shown": SHOWN, "mde": MDE_NOTE}


def write(template: str, file: Path, **values: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(template, **values), encoding="utf-8")


def render(template: str, **values: Any) -> str:
    return TEMPLATES.get_template(template).render(**values)


def version() -> str:
    """Of code and templates: what others made before is made again."""
    files = [file for tree in ("flows", "tasks") for file in (ROOT / tree).rglob("*") if file.suffix in (".py", ".j2")]
    return digest({str(file.relative_to(ROOT)): sha256(file) for file in files})
