"""`lance plan`: everything about a recipe that can be known before it runs, and its problems."""

import shutil
from itertools import chain

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.plan.checks import Checks
from flows.plan.forecast import workload
from flows.plan.memory import disk_gib, memory_gib
from flows.plan.model_shape import shape_of
from flows.plan.workload import Rates
from tasks.engines.processes import platform
from tasks.recipe.recipe import Recipe
from tasks.store.home import Home

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Plan(BaseModel):
    """`problems` would end the run; `unknown` is what could not be found out here. `hours` are of all iterations."""

    seeds: int
    work: list[dict[str, int | str]]  # of the first iteration
    hours: dict[str, float]
    all_hours: float | None
    money: float | None
    memory_gib: dict[str, float]
    disk_gib: float | None
    problems: list[str]
    unknown: list[str]


def plan(recipe: Recipe, home: Home, *, rates: Rates | None, price: float | None, gpu_memory_gib: float | None) -> Plan:
    """`rates` and `price` (an hour) of all GPUs together."""
    checks = Checks(recipe)
    problems, unknown = checks.problems, checks.unknown
    numbers = range(1, recipe.iterations + 1)
    hours = rates.hours(list(chain(*(workload(recipe, checks.given, number) for number in numbers)))) if rates else {}
    if not rates:
        unknown.append("hours: give --tokens-per-second (what `lance show` of a run on that machine says)")
    memory, disk = _sizes(recipe, home, gpu_memory_gib, problems, unknown)
    return Plan(
        seeds=checks.given.seeds,
        work=[vars(one) for one in workload(recipe, checks.given)],
        hours=hours,
        all_hours=sum(hours.values()) if hours else None,
        money=sum(hours.values()) * price if hours and price else None,
        memory_gib=memory,
        disk_gib=disk,
        problems=problems,
        unknown=unknown,
    )


def _sizes(
    recipe: Recipe, home: Home, gpu_memory_gib: float | None, problems: list[str], unknown: list[str]
) -> tuple[dict[str, float], float | None]:
    try:
        shape = shape_of(recipe.model)
    except ValueError as error:
        unknown.append(str(error))
        return {}, None
    if 0 < shape.context < recipe.engine.context_tokens:
        problems.append(
            f"engine.context_tokens is {recipe.engine.context_tokens}, and the model is made for {shape.context} at "
            "most: lower it, and with it reading.max_words and what is written"
        )
    # A plan with a GPU's memory is one for a GPU, wherever it is made.
    device = platform.GPU if gpu_memory_gib else platform.detect()
    dtype, cuda = device.dtype(recipe.engine.dtype), device.name == "cuda"
    memory, disk = memory_gib(recipe, shape, BYTES[dtype], cuda), disk_gib(recipe, shape)
    existing = next(path for path in (home.root, *home.root.parents) if path.exists())
    if (free := shutil.disk_usage(existing).free / 2**30) < disk:
        problems.append(f"disk: {disk:.1f} GiB are needed, {free:.1f} GiB are free at {home.root}")
    for who in ("engine", "trainer"):
        parts = {part: size for part, size in memory.items() if part.startswith(who)}
        # Of the cache, one request at full length: with less than all of them vLLM lets some wait.
        needed = sum(size / (recipe.engine.at_once(cuda) if "cache" in part else 1) for part, size in parts.items())
        if gpu_memory_gib and needed > gpu_memory_gib:
            problems.append(f"{who}: {needed:.1f} GiB are needed, a GPU has {gpu_memory_gib:g}")
    return memory, disk


def print_plan(found: Plan, recipe: Recipe, console: Console) -> None:
    title = f"{recipe.name}: upper bounds for the first iteration on {found.seeds} seeds"
    columns = ("texts", "readings", "written_tokens", "read_tokens", "trained_tokens")
    table = Table("stage", title=title, title_justify="left", box=None)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for one in found.work:
        table.add_row(escape(str(one["stage"])), *(f"{one[column]:,}" if one[column] else "" for column in columns))
    table.add_row("all", *(f"{sum(int(one[column]) for one in found.work):,}" for column in columns))
    console.print(table)
    for part, size in found.memory_gib.items():
        console.print(f"{size:10.2f} GiB  {part}")
    if found.disk_gib is not None:
        console.print(f"{found.disk_gib:10.2f} GiB  disk, for {recipe.iterations} iterations")
    for kind, hours in found.hours.items():
        console.print(f"{hours:10.2f} h    {kind}")
    if found.all_hours is not None:
        paid = f", {found.money:,.2f} at that price" if found.money is not None else ""
        console.print(f"{found.all_hours:10.2f} h    in all, {recipe.iterations} iterations{paid}; start-ups on top")
    for line in found.unknown:
        console.print(f"[yellow]unknown[/yellow]  {escape(line)}", soft_wrap=True)
    for line in found.problems:
        console.print(f"[red]problem[/red]  {escape(line)}", soft_wrap=True)
    if not found.problems:
        console.print("[green]no problems found[/green]")
