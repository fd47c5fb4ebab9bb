"""The site's addresses. It is served on this machine alone unless `lance site --host` says otherwise."""

import math
from collections.abc import Awaitable, Callable
from functools import wraps

from anyio import to_thread
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from flows.report import html
from flows.site.access import COOKIE, Access, Forms
from flows.site.approvals import Approvals
from flows.site.tables import Query
from flows.site.views import Views, address
from tasks.evolution import lookup
from tasks.evolution.vetoes import add_vetoes
from tasks.store.home import Home

Answer = Callable[[Request], Awaitable[Response]]


def site(
    home: Home, password: str, approvals: Approvals, hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
) -> Starlette:
    """`hosts`: by which names it is asked; another one is a page that has its own name lead here."""
    pages = Pages(home, approvals)
    found = [
        ("/", pages.evolutions, "GET"),
        ("/evolutions/{name}", pages.evolution, "GET"),
        ("/evolutions/{name}/report", pages.report, "GET"),
        ("/evolutions/{name}/approval", pages.approval, "POST"),
        ("/evolutions/{name}/{number:int}", pages.iteration, "GET"),
        ("/evolutions/{name}/{number:int}/rows/{stage}/{table}", pages.rows, "GET"),
        ("/evolutions/{name}/row/{row}", pages.row, "GET"),
        ("/evolutions/{name}/row/{row}/veto", pages.veto, "POST"),
    ]
    return Starlette(
        routes=[Route(path, _told(endpoint), methods=[method]) for path, endpoint, method in found],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
            Middleware(Access, password=password),
        ],
    )


class Pages:
    def __init__(self, home: Home, approvals: Approvals):
        self.home, self.views, self.forms, self.approvals = home, Views(home), Forms(), approvals

    async def evolutions(self, request: Request) -> Response:
        return HTMLResponse(await to_thread.run_sync(self.views.evolutions))

    async def evolution(self, request: Request) -> Response:
        said = "The run has your answer." if "answered" in request.query_params else ""
        return HTMLResponse(await to_thread.run_sync(self.views.evolution, request.path_params["name"], said))

    async def report(self, request: Request) -> Response:
        """Written anew: what was written behind the last iteration may be older than the code."""
        ledger = lookup.find(self.home, request.path_params["name"]).ledger
        file = self.home.evolution(ledger.name) / "report.html"
        await to_thread.run_sync(html.write, self.home, ledger, len(ledger.iterations), file)
        return HTMLResponse(file.read_text(encoding="utf-8"))

    async def iteration(self, request: Request) -> Response:
        name, number = (request.path_params[part] for part in ("name", "number"))
        return await self._with_form(request, lambda form: self.views.iteration(name, number, form))

    async def approval(self, request: Request) -> Response:
        name, given = request.path_params["name"], await self.forms.read(request)
        asked = (name, given.get("of", ""), given.get("decision", ""), given.get("why", "").strip())
        await to_thread.run_sync(self.approvals.answer, *asked)
        return RedirectResponse(f"{address(name)}?answered", 303)

    async def rows(self, request: Request) -> Response:
        name, number, stage, table = (request.path_params[part] for part in ("name", "number", "stage", "table"))
        return HTMLResponse(await to_thread.run_sync(self.views.rows, name, number, stage, table, _query(request)))

    async def row(self, request: Request) -> Response:
        name, row = request.path_params["name"], request.path_params["row"]
        said = "It is vetoed." if "vetoed" in request.query_params else ""
        return await self._with_form(request, lambda form: self.views.row(name, row, form, said))

    async def veto(self, request: Request) -> Response:
        name, row = request.path_params["name"], request.path_params["row"]
        why = (await self.forms.read(request)).get("why", "").strip()
        if not why:
            raise ValueError("why: expected a reason, found none; it is kept with the row")
        done = len(lookup.ledger(self.home, name).iterations)
        ledger = lookup.with_awaited(self.home, name)
        await to_thread.run_sync(add_vetoes, self.home, ledger, [row], why, done + 1)
        return RedirectResponse(f"{address(name, 'row', row)}?vetoed", 303)

    async def _with_form(self, request: Request, page: Callable[[Markup], str]) -> Response:
        """A page whose forms have this browser's token."""
        browser = self.forms.browser(request)
        answer = HTMLResponse(await to_thread.run_sync(page, self.forms.field(browser)))
        answer.set_cookie(COOKIE, browser, httponly=True, samesite="strict")
        return answer


def _told(endpoint: Answer) -> Answer:
    """What a person can do something about, in words."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except PermissionError as error:
            return PlainTextResponse(str(error), 403)
        except ValueError as error:
            return PlainTextResponse(str(error), 400 if request.method == "POST" else 404)

    return answer


def _query(request: Request) -> Query:
    """Raises ValueError for what is no number."""
    given = request.query_params

    def number(name: str) -> float | None:
        try:
            found = float(given[name]) if given.get(name) else None
        except ValueError:
            found = math.inf
        if found is not None and not math.isfinite(found):
            raise ValueError(f"{name}: expected a number, found {given[name]!r}")
        return found

    return Query(
        text=given.get("text", ""),
        values={name.removeprefix("is-"): value for name, value in given.items() if name.startswith("is-") and value},
        low=number("low"),
        high=number("high"),
        page=int(number("page") or 1),
    )
