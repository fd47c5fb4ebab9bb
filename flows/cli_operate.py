"""The commands of daily use: services, and what a person does with runs."""

from typing import Annotated

import typer

from flows.terminal import output

app = typer.Typer()


@app.command()
def up(
    host: Annotated[
        str, typer.Option(help="Where the server listens; others than this machine need a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 4200,
    slots: Annotated[int, typer.Option(min=1, help="How many runs share this machine's GPUs.")] = 1,
    workers: Annotated[bool, typer.Option(help="Start this machine's workers, too.")] = True,
    notify: Annotated[str, typer.Option(help="A notification block, TYPE/NAME, to tell of failed runs.")] = "",
) -> None:
    """Start the Prefect server and this machine's workers, with pools, deployments and automations in place."""
    from flows.operate import up as services
    from tasks.home import Home

    asked = services.Asked(host=host, port=port, slots=slots, workers=workers, notify=notify)
    url = services.up(Home.here(), asked, output())
    output().print(f"\n{url}/deployments has a form for each deployment; `lance down` ends it all")


@app.command()
def down() -> None:
    """Stop what `lance up` started."""
    from flows.operate import up as services
    from tasks.home import Home

    services.down(Home.here(), output())
