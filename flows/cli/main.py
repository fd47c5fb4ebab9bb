"""The `lance` command line. Exit codes: 0 done, 2 bad input, 3 failed (try again), 4 budget spent, 130 interrupted."""

import json
import sys
from errno import EACCES, EROFS
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

import flows.startup as startup
from flows.cli import models as cli_models
from flows.cli import operate as cli_operate
from flows.cli import rows as cli_rows
from flows.cli.terminal import AsJson, output
from tasks.execution.budget import BudgetSpent
from tasks.recipe import recipe as recipes

app = typer.Typer(
    help="A language model that is its own data engineer: it reviews its seeds, writes and cleans data, trains on it, "
    "is measured, and is promoted or not.\n\nStart with `lance evolve demo`, then see `lance show smollm2-demo`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
BAD_INPUT, FAILED, BUDGET_SPENT, INTERRUPTED = 2, 3, 4, 130
Seeds = Annotated[str, typer.Option(help="A file or folder (JSONL, JSON, CSV, Parquet) or a dataset.")]
Model = Annotated[str, typer.Option(help="The starting model: a folder with safetensors or a hub name.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value of the recipe; may be repeated.")]
app.add_typer(cli_models.app)
app.add_typer(cli_operate.app)
app.add_typer(cli_rows.app)


@app.command()
def evolve(
    recipe: Annotated[str, typer.Argument(help="A recipe's name (deployments/recipes/NAME.yaml) or path.")],
    name: Annotated[str, typer.Option(help="The evolution's name; default: the recipe's.")] = "",
    seeds: Seeds = "",
    iterations: Annotated[
        int | None, typer.Option(min=1, help="How many in all; with --continue, how many more. Default: the recipe's.")
    ] = None,
    go_on: Annotated[bool, typer.Option("--continue", help="Add iterations to those that it has.")] = False,
    model: Model = "",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Evolve a model: review, split, write, clean, review, annotate, SFT, DPO, evaluate, gate.

    Iterations that already exist are read from the store; missing or altered artifacts are recomputed. To resume a
    killed run, give the same command again.
    """
    asked: dict[str, Any] = {"name": name, "seeds": seeds, "model": model, "iterations": iterations or 0}
    asked["settings"] = settings or []
    chosen = recipes.asked_for(recipe, **asked)
    from flows.operations.server import prefect_api
    from tasks.engines.models import fetched_meanwhile
    from tasks.engines.processes.progress import Progress
    from tasks.store.home import Home

    home = Home.here()
    Console(stderr=True, highlight=False).print(f"evolution [bold]{escape(chosen.name)}[/bold], kept in {home.root}")
    fetched = fetched_meanwhile(chosen.model, home, Progress())
    try:
        with prefect_api(home, Progress()):
            from flows.evolve import evolve as evolve_flow

            fetched()
            evolve_flow(recipe=recipe, **asked, go_on=go_on)
    except KeyboardInterrupt:
        _fail("interrupted; the same command continues", INTERRUPTED)
    _show(chosen.name, None, as_json)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="An evolution's name, or NAME/ITERATION.")],
    rows: Annotated[
        str | None, typer.Option(help="Print the rows of this stage, e.g. 'annotate' or 'clean [answers]'.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows of each table.")] = 10,
    reviewer: Annotated[bool, typer.Option("--reviewer", help="The reviewer's quality, by iteration.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an evolution: funnel, times, verdict, and where things are."""
    if reviewer and not as_json:
        from flows.cli.show import print_reviewer
        from tasks.evolution.lookup import find
        from tasks.store.home import Home

        print_reviewer(find(Home.here(), run), output())
    else:
        _show(run, rows, as_json, limit)


@app.command()
def whatif(
    run: Annotated[str, typer.Argument(help="An evolution's name, or NAME/ITERATION.")],
    settings: Annotated[list[str], typer.Option("--set", help="key=value: weights, thresholds, how many rows.")],
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of texts shown for each change.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Show what other weights or thresholds would change, from stored signals: no model is called."""
    from dataclasses import asdict

    from flows.cli.whatif import print_changes
    from tasks.engines.processes import platform
    from tasks.evolution.lookup import find
    from tasks.evolution.whatif import what_if
    from tasks.store import vetoes
    from tasks.store.home import Home

    of = find(Home.here(), run)
    recipe = recipes.changed(of.iteration.recipe, settings)
    vetoed = vetoes.read(of.home.vetoes(of.ledger.name))
    found = what_if(of.store, of.ledger, of.iteration, recipe, platform.detect(), vetoed)
    if as_json:
        print(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        print_changes(found, limit, output())


@app.command()
def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe's name or path.")],
    seeds: Seeds = "",
    model: Model = "",
    settings: Settings = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Tokens generated per second, by all engines together.")
    ] = None,
    read_tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Prompt tokens read per second; default: twice those generated.")
    ] = None,
    train_tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Tokens trained on per second; default: half of those generated.")
    ] = None,
    price_per_hour: Annotated[float | None, typer.Option(min=0, help="Price of one hour of all GPUs.")] = None,
    gpu_memory_gib: Annotated[float | None, typer.Option(min=0, help="Memory of one GPU.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a recipe without running it: requests, tokens, hours, memory, and what is wrong with it."""
    from flows.plan.estimate import plan as make_plan
    from flows.plan.estimate import print_plan
    from flows.plan.workload import Rates
    from tasks.store.home import Home

    chosen = recipes.asked_for(recipe, seeds=seeds, model=model, settings=settings or [])
    rates = Rates.of(tokens_per_second, read_tokens_per_second, train_tokens_per_second) if tokens_per_second else None
    found = make_plan(chosen, Home.here(), rates=rates, price=price_per_hour, gpu_memory_gib=gpu_memory_gib)
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        print_plan(found, chosen, output())
    if found.problems:
        raise typer.Exit(BAD_INPUT)


@app.command()
def explain(
    row: Annotated[str, typer.Argument(help="A row's id, e.g. pair-0123456789abcdef.")],
    evolution: Annotated[str | None, typer.Option(help="Search this evolution only.")] = None,
    descendants: Annotated[
        bool, typer.Option(help="Show what was made from the row, not what it was made from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Trace a row back to its seed, with its reviews and the checkpoints that were trained on it."""
    from flows.cli.explain import explain as explain_row
    from tasks.store.home import Home

    found = explain_row(Home.here(), row, evolution, backwards=not descendants)
    if as_json:
        print(json.dumps(found.summary(), indent=1, ensure_ascii=False))
    else:
        found.print(output())


@app.command()
def veto(
    evolution: Annotated[str, typer.Argument(help="The evolution's name.")],
    rows: Annotated[list[str], typer.Argument(help="Ids of rows: seeds, written texts, SFT rows, pairs.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
) -> None:
    """Take rows out of an evolution; what depends on them is recomputed at the next `lance evolve`."""
    from flows.cli.explain import veto as veto_rows
    from tasks.store.home import Home

    output().print(veto_rows(Home.here(), evolution, rows, why), soft_wrap=True)


@app.command()
def doctor(
    model: Annotated[str, typer.Option(help="Also look at the model in this folder.")] = "", as_json: AsJson = False
) -> None:
    """Check environments, engine, device, disk, memory and database: what works, what does not, and what to do."""
    from flows.cli.doctor import examine, table
    from tasks.engines.processes.progress import Progress

    findings = examine(Progress(), model)
    if as_json:
        print(json.dumps([finding.model_dump() for finding in findings], indent=1))
    else:
        output().print(table(findings))
    if not all(finding.works for finding in findings):
        raise typer.Exit(FAILED)


def _show(run: str, rows: str | None, as_json: bool, limit: int = 10) -> None:
    from flows.cli import show
    from tasks.evolution.lookup import find
    from tasks.store.home import Home

    found = find(Home.here(), run)
    if as_json:
        shown = show.rows(found, rows, limit) if rows else show.summary(found)
        print(json.dumps(shown, indent=1, ensure_ascii=False))
    elif rows:
        show.print_rows(found, rows, limit, output())
    else:
        show.print_summary(found, output())


def main() -> NoReturn:
    """Run the command; every error that a person can do something about is one message, without a traceback."""
    startup.utf8()
    try:
        app()
        sys.exit(0)
    except ValueError as error:
        _fail(str(error), BAD_INPUT)
    except BudgetSpent as spent:
        _fail(f"{spent}; finished stages are kept, and the same command with a larger budget continues", BUDGET_SPENT)
    except Exception as error:
        # Children, disks and servers fail, and their messages say how; anything else is our own bug and shows where.
        origin = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError) and origin not in ("tasks", "openai", "httpx", "httpcore", "prefect"):
            raise
        if isinstance(error, OSError) and error.errno in (EACCES, EROFS):
            error = OSError(f"{error}: set LANCE_HOME to a folder that can be written to, if this one is below it")
        _fail(f"{error}\nFinished stages are kept: the same command continues.", FAILED)


def _fail(message: str, code: int) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"[bold red]lance:[/bold red] {escape(message)}", soft_wrap=True)
    sys.exit(code)
