"""Any parameters for a deployment's run: the server takes what the flow takes, and refuses the others in words."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prefect.flows import load_flow_from_entrypoint

from tasks.store.home import ROOT
from tests.operations.served import Served
from tests.support.anything import anything

NEVER = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}
TEXT = st.text("aB 1./-:{}[],'\"é中=_", max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ANY = anything(PLAIN, TEXT)
TRIED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=80)


@pytest.mark.parametrize("flow", ["evolve", "evaluate", "export", "answer", "train"])
def test_what_the_server_takes_the_flow_takes(served: Served, flow: str) -> None:
    found = served.api.get(f"/deployments/name/{flow}/{flow}").raise_for_status().json()
    own: Any = load_flow_from_entrypoint(str(ROOT / found["entrypoint"]), use_placeholder_flow=False)
    known = st.sampled_from(sorted(found["parameter_openapi_schema"]["properties"]))
    taken: list[str] = []

    @TRIED
    @given(st.dictionaries(known | TEXT, ANY, max_size=4))
    def asked_for(parameters: dict[str, Any]) -> None:
        asked = {"parameters": parameters, "state": NEVER}
        answer = served.api.post(f"/deployments/{found['id']}/create_flow_run", json=asked)
        if answer.status_code == 201:
            taken.append(answer.json()["id"])
            own.validate_parameters({**found["parameters"], **parameters})
        else:
            assert answer.status_code in (409, 422) and answer.json(), (parameters, answer.text)

    try:
        asked_for()
    finally:
        for run in taken:
            served.api.delete(f"/flow_runs/{run}").raise_for_status()
