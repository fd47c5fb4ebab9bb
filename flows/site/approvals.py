"""What a person says of a candidate that waits for approval, told to the Prefect server whose run asks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from tasks.evolution.lookup import Awaited
from tasks.store.home import Home

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

DECISIONS = ("approve", "reject", "veto")  # flows/approval.py
TAKEN = "ACCEPT"
TRIES = 4  # a server on SQLite finds its database locked now and then


@dataclass(frozen=True)
class Approvals:
    """`api` says where the server is, http://HOST:PORT/api, or ""; `auth` is what its clients authenticate with."""

    home: Home
    api: Callable[[], str] = str
    auth: str = ""

    def answer(self, evolution: str, mark: str, decision: str, reason: str) -> None:
        """Resume the run that waits, with an answer to what has this mark (Awaited.mark).

        Raises ValueError where nothing waits, or something else, and where the answer is not taken.
        """
        waits, url = Awaited.of(self.home, evolution), self.api()
        if decision not in DECISIONS:
            raise ValueError(f"decision: expected one of {', '.join(DECISIONS)}, found {decision!r}")
        if not waits:
            raise ValueError(f"evolution {evolution!r} waits for no approval: it was answered or cancelled meanwhile")
        if mark != waits.mark:
            raise ValueError("another candidate waits by now: load the page again, and look at that one")
        if not url:
            raise ValueError(
                "no Prefect server is known here: serve this site with `lance up`, or set PREFECT_API_URL and start "
                "it anew"
            )
        from prefect.client.orchestration import SyncPrefectClient  # two seconds that no other page needs

        try:
            with SyncPrefectClient(url, auth_string=self.auth or None) as client:
                result = _resumed(client, UUID(waits.run), {"decision": decision, "why": reason, "rows": ""})
        except httpx.HTTPError as error:
            raise ValueError(f"the Prefect server at {url} does not answer as expected: {error}; try again") from error
        if result.status != TAKEN:
            why = getattr(result.details, "reason", None) or result.status
            raise ValueError(f"run {waits.run} did not take the answer: {why}")


def _resumed(client: "SyncPrefectClient", run: UUID, given: dict[str, Any]) -> Any:
    for left in reversed(range(TRIES)):
        try:
            return client.resume_flow_run(run, given)
        except httpx.HTTPStatusError as error:
            if not left or error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
        time.sleep(1)
    raise AssertionError("the last try returns or raises")
