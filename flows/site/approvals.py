"""What a person says of a candidate that waits for approval, told to the Prefect server whose run asks."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from tasks.evolution.lookup import Awaited
from tasks.store.home import Home

DECISIONS = ("approve", "reject", "veto")  # flows/approval.py
TAKEN = "ACCEPT"


@dataclass(frozen=True)
class Approvals:
    """`api` says where the server is, http://HOST:PORT/api, or ""; `auth` is what its clients authenticate with."""

    home: Home
    api: Callable[[], str] = str
    auth: str = ""

    def answer(self, evolution: str, decision: str, reason: str) -> None:
        """Resume the run that waits. Raises ValueError where none does, or the answer is not taken."""
        waits, url = Awaited.of(self.home, evolution), self.api()
        if decision not in DECISIONS:
            raise ValueError(f"decision: expected one of {', '.join(DECISIONS)}, found {decision!r}")
        if not waits:
            raise ValueError(f"evolution {evolution!r} waits for no approval: it was answered or cancelled meanwhile")
        if not url:
            raise ValueError(
                "no Prefect server is known here: serve this site with `lance up`, or set PREFECT_API_URL and start "
                "it anew"
            )
        from httpx import HTTPError
        from prefect.client.orchestration import SyncPrefectClient  # two seconds that no other page needs

        try:
            with SyncPrefectClient(url, auth_string=self.auth or None) as client:
                given = {"decision": decision, "why": reason, "rows": ""}
                result = client.resume_flow_run(UUID(waits.run), given)
        except HTTPError as error:
            raise ValueError(f"the Prefect server at {url} does not answer as expected: {error}; try again") from error
        if result.status != TAKEN:
            raise ValueError(
                f"run {waits.run} did not take the answer: {getattr(result.details, 'reason', None) or result.status}"
            )
