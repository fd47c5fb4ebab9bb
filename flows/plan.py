"""`lance plan`: everything about a recipe that can be known before it runs, and what stands in its way."""

import shutil

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.checks import Checks
from tasks import plan as forecast
from tasks.backends import platform
from tasks.backends.shape import shape_of
from tasks.home import Home
from tasks.recipes import Recipe

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Plan(BaseModel):
    """`problems` would end the run; `open` is what could not be found out here."""

    seeds: int
    work: list[dict[str, int | str]]
    texts: int
    new_tokens: int
    hours: float | None
    money: float | None
    memory_gib: dict[str, float]
    disk_gib: float | None
    problems: list[str]
    open: list[str]


def plan(
    recipe: Recipe, home: Home, *, tokens_per_second: float | None, price: float | None, gpu_memory_gib: float | None
) -> Plan:
    """`tokens_per_second` of all GPUs together, `price` for all of them an hour."""
    checks = Checks(recipe)
    problems, unknown, seeds = checks.problems, checks.open, checks.seeds
    work = forecast.work(recipe, seeds)
    new_tokens = sum(one.new_tokens for one in work)
    hours = None
    if tokens_per_second:
        hours = recipe.iterations * new_tokens / tokens_per_second / 3600
    else:
        unknown.append("hours: give --tokens-per-second (what `lance show` of a run on that machine says)")
    memory, disk = _sizes(recipe, home, gpu_memory_gib, problems, unknown)
    return Plan(
        seeds=seeds,
        work=[vars(one) for one in work],
        texts=sum(one.texts for one in work),
        new_tokens=new_tokens,
        hours=hours,
        money=hours * price if hours and price else None,
        memory_gib=memory,
        disk_gib=disk,
        problems=problems,
        open=unknown,
    )


def _sizes(
    recipe: Recipe, home: Home, gpu_memory_gib: float | None, problems: list[str], unknown: list[str]
) -> tuple[dict[str, float], float | None]:
    try:
        shape = shape_of(recipe.model)
    except ValueError as error:
        unknown.append(str(error))
        return {}, None
    # A plan with a GPU's memory is one for a GPU, wherever it is made.
    device = "cuda" if gpu_memory_gib else platform.detect().name
    dtype = recipe.engine.dtype if recipe.engine.dtype != "auto" else {"cpu": "float32", "cuda": "bfloat16"}[device]
    memory, disk = forecast.memory_gib(recipe, shape, BYTES[dtype]), forecast.disk_gib(recipe, shape)
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    if (free := shutil.disk_usage(existing).free / 2**30) < disk:
        problems.append(f"disk: {disk:.1f} GiB are needed, {free:.1f} GiB are free at {home.root}")
    for who in ("engine", "trainer"):
        parts = {part: size for part, size in memory.items() if part.startswith(who)}
        # Of the cache, one request at full length: with less than all of them vLLM lets some wait.
        needed = sum(size / (recipe.engine.in_flight if "cache" in part else 1) for part, size in parts.items())
        if gpu_memory_gib and needed > gpu_memory_gib:
            problems.append(f"{who}: {needed:.1f} GiB are needed, a GPU has {gpu_memory_gib:g}")
    return memory, disk


def print_plan(found: Plan, recipe: Recipe, console: Console) -> None:
    title = f"{recipe.name}: one iteration on {found.seeds} seeds, at most"
    table = Table("stage", "texts", "readings", "new tokens", title=title, title_justify="left", box=None)
    for one in found.work:
        table.add_row(escape(str(one["stage"])), *(f"{one[key]:,}" for key in ("texts", "readings", "new_tokens")))
    table.add_row("all", f"{found.texts:,}", "", f"{found.new_tokens:,}")
    console.print(table)
    for part, size in found.memory_gib.items():
        console.print(f"{size:10.2f} GiB  {part}")
    if found.disk_gib is not None:
        console.print(f"{found.disk_gib:10.2f} GiB  disk, for {recipe.iterations} iterations")
    if found.hours is not None:
        paid = f", {found.money:,.2f} at that price" if found.money is not None else ""
        console.print(
            f"{found.hours:10.1f} h    of writing, {recipe.iterations} iterations{paid}; reading and training on top"
        )
    for line in found.open:
        console.print(f"[yellow]open[/yellow]     {escape(line)}", soft_wrap=True)
    for line in found.problems:
        console.print(f"[red]problem[/red]  {escape(line)}", soft_wrap=True)
    if not found.problems:
        console.print("[green]nothing stands in its way[/green]")
