"""The commands about what came of an evolution: champion, report, comparison, export."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import AsJson, output

app = typer.Typer()


@app.command()
def champion(evolution: Annotated[str, typer.Argument(help="The evolution's name.")], as_json: AsJson = False) -> None:
    """Show an evolution's champion, the model to use, and those before it."""
    from flows.cli.champion import print_champion, read
    from tasks.store.home import Home

    found = read(Home.here(), evolution)
    if as_json:
        print(found.model_dump_json(indent=1))
    else:
        print_champion(found, output())


@app.command()
def rollback(
    evolution: Annotated[str, typer.Argument(help="The evolution's name.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept.")],
    to: Annotated[
        int | None,
        typer.Option(min=0, help="The iteration whose model becomes champion, 0 for M_0; default: the previous one."),
    ] = None,
) -> None:
    """Set the champion back. The next iteration starts from it, without the rows of later iterations."""
    from flows.cli.champion import print_champion, roll_back
    from tasks.store.home import Home

    print_champion(roll_back(Home.here(), evolution, to, why), output())


@app.command()
def serve(
    evolution: Annotated[str, typer.Argument(help="The evolution's name.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 8000,
    key: Annotated[
        str, typer.Option(envvar="LANCE_SERVE_KEY", help="API key that clients must send; default: a generated one.")
    ] = "",
    for_runs: Annotated[
        bool, typer.Option("--for-runs", help="As one of a recipe's engine.endpoints: runs load their models into it.")
    ] = False,
) -> None:
    """Serve the champion as an OpenAI-compatible endpoint until interrupted."""
    from flows.cli.champion import read, serve_champion
    from tasks.store.home import Home

    home = Home.here()
    try:
        serve_champion(home, read(home, evolution), port, key, for_runs, output())
    except KeyboardInterrupt:
        output().print("ended")


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="An evolution's name, or NAME/ITERATION for its first iterations only.")],
    out: Annotated[Path | None, typer.Option(help="The file; default: report.html beside the ledger.")] = None,
) -> None:
    """Write one HTML file on an evolution: verdicts, figures, funnels, pictures, sample rows."""
    from flows.report import html
    from tasks.evolution.lookup import find
    from tasks.store.home import Home

    found = find(Home.here(), run)
    file = out or found.home.evolution(found.ledger.name) / "report.html"
    html.write(found.home, found.ledger, found.iteration.number, file)
    output().print(str(file), soft_wrap=True)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Evolutions' names, or NAME/ITERATION.")],
    html: Annotated[Path | None, typer.Option(help="Also write it as one HTML file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show several candidates side by side: verdicts, figures with intervals, tokens, time."""
    import json

    from flows.cli.compare import Candidate, print_compared, write_html
    from tasks.evolution.lookup import find
    from tasks.store.home import Home

    candidates = [Candidate.of(find(Home.here(), run)) for run in runs]
    if html:
        write_html(candidates, html)
    if as_json:
        print(json.dumps([one.summary() for one in candidates], indent=1, ensure_ascii=False))
    else:
        print_compared(candidates, output())


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="An evolution's name (its champion), or NAME/ITERATION.")],
    model: Annotated[Path | None, typer.Option(help="Write weights, tokenizer and card into this folder.")] = None,
    adapter: Annotated[Path | None, typer.Option(help="Write a LoRA adapter for the starting model here.")] = None,
    data: Annotated[Path | None, typer.Option(help="Write what it was trained on, and a card, into this one.")] = None,
    push: Annotated[str | None, typer.Option(help="Also upload it to this repository of the hub: owner/name.")] = None,
) -> None:
    """Export a model (--model or --adapter) and its data (--data), each with a card; --push needs HF_TOKEN."""
    from flows.report import publish
    from tasks.evolution.lookup import find
    from tasks.store.home import Home

    if not (model or adapter or data):
        raise ValueError("say what to export: --model FOLDER, --adapter FOLDER, --data FOLDER, or several")
    if push and model and adapter:
        raise ValueError("--push uploads one model to a repository: give --model or --adapter, not both")
    of = find(Home.here(), run)
    found = publish.Export(of.home, of.ledger, of.iteration.number if "/" in run else None)
    kinds = (("model", model, found.model, "model"), ("adapter", adapter, found.adapter, "model"))
    for what, folder, write, kind in (*kinds, ("data", data, found.data, "dataset")):
        if folder is not None:
            write(folder)
            output().print(f"{what:<8} {folder}", soft_wrap=True)
            if push:
                output().print(f"pushed   {publish.push(folder, push, kind)}", soft_wrap=True)
