"""The commands of daily use: services, and what a person does with runs."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.cli.terminal import AsJson, output

app = typer.Typer()
RUN = typer.Argument(help="An evolution's name (its newest run), or the beginning of a run's id.")


@app.command()
def up(
    host: Annotated[
        str, typer.Option(help="Address the server listens on; non-local ones need a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port the server listens on.")] = 4200,
    site_port: Annotated[int, typer.Option(min=1, max=65535, help="Port the site of results listens on.")] = 4210,
    server: Annotated[
        str, typer.Option(help="Work for a server that runs elsewhere, http://HOST:PORT, instead of starting one.")
    ] = "",
    slots: Annotated[int, typer.Option(min=1, help="How many runs share this machine's GPUs.")] = 1,
    workers: Annotated[bool, typer.Option(help="Also start this machine's workers.")] = True,
    notify: Annotated[str, typer.Option(help="A notification block, TYPE/NAME, to tell of failed runs.")] = "",
    pool: Annotated[
        str | None,
        typer.Option(help="Work pool of all deployments from now on; '': those of deployments/prefect.yaml."),
    ] = None,
) -> None:
    """Start a Prefect server, the site of results and this machine's workers; deploy what runs there."""
    from flows.operations import up as services
    from tasks.store.home import Home

    asked = services.Asked(
        host=host,
        port=port,
        site_port=site_port,
        server=server,
        slots=slots,
        workers=workers,
        notify=notify,
        pool=pool,
    )
    url = services.up(Home.here(), asked, output())
    ends = "ends this machine's workers" if server else "ends it all"
    output().print(f"\n{url}/deployments has a form for each deployment; `lance down` {ends}", soft_wrap=True)
    if server:
        output().print(f"for `lance runs` and the others: export PREFECT_API_URL={url}/api", soft_wrap=True)


@app.command()
def site(
    host: Annotated[str, typer.Option(help="Address to listen on; non-local ones need a password.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.")] = 4210,
) -> None:
    """Show results in a browser until Ctrl-C: evolutions, verdicts, rows, lineage; veto and approve there."""
    from flows.operations.server import known_address
    from flows.site.serve import serve
    from tasks.store.home import Home

    home = Home.here()
    serve(home, host, port, lambda: known_address(home), output())


@app.command()
def work(
    server: Annotated[str, typer.Option(help="The Prefect server, http://HOST:PORT.")],
    pool: Annotated[str, typer.Option(help="Work pool to take runs of.")] = "lance-gpu",
    idle_minutes: Annotated[float, typer.Option(min=0.1, help="End once no run has come for so long.")] = 10.0,
) -> None:
    """Take runs of a pool, one at a time, and end when none comes: a job of a batch system.

    SIGTERM hands a run back, so that another job goes on with it, and ends with exit code 75.
    """
    from flows.operations import pilot
    from tasks.store.home import Home

    raise typer.Exit(pilot.work(Home.here(), server, pool, 60 * idle_minutes, lambda text: output().print(text)))


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of runs, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs: state, iteration, stage, verdict, age."""
    from flows.operations.server import client_of
    from tasks.store.home import Home

    home = Home.here()
    with client_of(home) as client:
        from flows.operations import runs as known

        found = known.runs(client, home, limit)
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
        return
    table = Table("run", "flow", "evolution", "state", "iteration", "stage", "verdict", "age", box=None)
    for one in found:
        iteration = "" if one.iteration is None else str(one.iteration)
        told = (one.flow, one.evolution, one.state, iteration, one.stage, one.verdict, one.age)
        table.add_row(str(one.id)[:8], *(escape(cell) for cell in told))
    output().print(table if found else "no runs yet")


@app.command()
def logs(
    run: Annotated[str, RUN],
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing until the run ends.")] = False,
) -> None:
    """Print a run's log. The output of its engine and trainers is in files under `logs` and `work` in LANCE_HOME."""
    from flows.operations.server import client_of
    from tasks.store.home import Home

    home = Home.here()
    with client_of(home) as client:
        from flows.operations import runs as known

        for line in known.logs(client, home, known.find(client, home, run), follow):
            output().print(line, markup=False, soft_wrap=True)


@app.command()
def cancel(run: Annotated[str, RUN]) -> None:
    """Cancel a run. Finished stages are kept."""
    from flows.operations.server import client_of
    from tasks.store.home import Home

    home = Home.here()
    with client_of(home) as client:
        from flows.operations import runs as known

        output().print(known.cancel(client, home, known.find(client, home, run)))


@app.command()
def rerun(
    run: Annotated[str, RUN],
    from_stage: Annotated[
        str, typer.Option("--from", help="Redo this stage (a label such as dpo) of its last iteration.")
    ] = "",
) -> None:
    """Rerun what failed; finished stages are cached. With --from, redo that stage and what depends on it."""
    from flows.operations.server import client_of
    from tasks.store.home import Home

    home = Home.here()
    with client_of(home) as client:
        from flows.operations import rerun as again
        from flows.operations import runs as known

        done = again.rerun(client, home, known.find(client, home, run), from_stage)
        if isinstance(done, str):
            output().print(done, soft_wrap=True)
        else:
            from flows.evolve import evolve

            evolve(**done)


@app.command()
def reap() -> None:
    """End engine and training processes whose run has ended."""
    from flows.operations import reap as orphaned
    from tasks.store.home import Home

    found = orphaned.orphans(Home.here())
    for line in orphaned.reap(found):
        output().print(f"ended {line}", markup=False, soft_wrap=True)
    if not found:
        output().print("no orphaned process")


@app.command()
def gc(
    older_than_days: Annotated[float, typer.Option(min=0, help="Artifacts younger than this are kept.")] = 7.0,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only list what would be deleted.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read every file, and name artifacts that changed.")] = False,
) -> None:
    """Delete artifacts that no iteration and no champion needs."""
    from tasks.evolution import garbage
    from tasks.store.artifacts import Store
    from tasks.store.home import Home

    for folder in Store(Home.here().store).altered() if verify else ():
        output().print(f"altered: {folder}; it counts as missing, and the next run makes it again", soft_wrap=True)
    with garbage.collecting(Home.here(), older_than_days * 24 * 3600) as found:
        table = Table("stage", "artifacts", "GiB", box=None)
        for stage in sorted({one.stage for one in found}):
            own = [one.gib for one in found if one.stage == stage]
            table.add_row(stage, str(len(own)), f"{sum(own):.2f}")
        output().print(table if found else "nothing to delete")
        if found and yes:
            garbage.remove(found)
        if found:
            output().print(
                f"{'deleted' if yes else 'would be deleted with --yes'}: {sum(one.gib for one in found):.2f} GiB"
            )


@app.command()
def down() -> None:
    """Stop what `lance up` started."""
    from flows.operations import up as services
    from tasks.store.home import Home

    services.down(Home.here(), output())
