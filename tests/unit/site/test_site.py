"""The site's pages and forms without a browser: what they show, and who is let in."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from flows.site.access import FIELD
from flows.site.app import site
from flows.site.approvals import Approvals
from flows.site.differences import marked
from flows.site.picture import boxes, drawn
from flows.site.tables import PAGE_ROWS, Query, page_of
from tasks.evolution import lookup
from tasks.evolution.ledger import Iteration
from tasks.evolution.lineage import Lineage
from tasks.evolution.lookup import Awaited
from tasks.store import vetoes
from tasks.store.artifacts import Store
from tasks.store.home import Home
from tests.unit.report.test_frames import home as home  # a fixture

NAME, RUN = "tiny", "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def asking(home: Home) -> TestClient:
    return TestClient(site(home, "", Approvals(home)), base_url="http://127.0.0.1:4210", follow_redirects=False)


def links(page: str) -> list[str]:
    return re.findall(r'href="(/[^"]*)"', page)


def kind(address: str) -> str:
    """Without which row or table it is."""
    return re.sub(r"/row/[^/]+|/rows/.+", lambda found: found.group()[:5], address)


def test_every_link_from_the_list_on_leads_to_a_page(asking: TestClient) -> None:
    seen, open_ = dict[str, list[str]](), ["/"]
    while open_:
        address = open_.pop(0)
        alike = seen.setdefault(kind(address), [])
        if address in alike or len(alike) > 4:
            continue
        alike.append(address)
        answer = asking.get(address.replace("&amp;", "&"))
        assert answer.status_code == 200, (address, answer.text)
        open_ += links(answer.text)
    of_it = f"/evolutions/{NAME}"
    assert seen.keys() == {"/", of_it, f"{of_it}/1", f"{of_it}/report", f"{of_it}/1/rows", f"{of_it}/row/"}


def a_row(asking: TestClient) -> str:
    page = asking.get(f"/evolutions/{NAME}/1/rows/annotate/pairs").text
    return next(link for link in links(page) if "/row/" in link)


def test_a_veto_needs_a_reason_and_this_sites_own_form(asking: TestClient, home: Home) -> None:
    row = a_row(asking)
    page = asking.get(row).text
    token = re.findall(rf'name="{FIELD}" value="([^"]+)"', page)[0]
    for fields, status in (({}, 403), ({FIELD: "x", "why": "y"}, 403), ({FIELD: token, "why": " "}, 400)):
        assert asking.post(f"{row}/veto", data=fields).status_code == status
    stranger = TestClient(asking.app, base_url="http://127.0.0.1:4210")
    assert stranger.post(f"{row}/veto", data={FIELD: token, "why": "y"}).status_code == 403
    assert vetoes.read(home.vetoes(NAME)) == []
    done = asking.post(f"{row}/veto", data={FIELD: token, "why": "It is <b>wrong</b>."})
    assert done.status_code == 303
    (veto,) = vetoes.read(home.vetoes(NAME))
    assert veto.row == row.rpartition("/")[2] and veto.why == "It is <b>wrong</b>."
    again = asking.get(done.headers["location"]).text
    assert "It is vetoed." in again and "It is &lt;b&gt;wrong&lt;/b&gt;." in again
    home.vetoes(NAME).file.unlink()


@pytest.fixture
def waiting(home: Home) -> Iterator[Iteration]:
    """As while a run asks: the iteration is in no ledger yet."""
    ledger = lookup.ledger(home, NAME)
    (one,) = ledger.iterations
    ledger.model_copy(update={"iterations": []}).save(home.ledger(NAME))
    home.waiting(NAME).write(Awaited(run=RUN, iteration=one).model_dump_json())
    yield one
    home.waiting(NAME).remove()
    home.vetoes(NAME).file.unlink(missing_ok=True)
    ledger.save(home.ledger(NAME))


def test_what_waits_for_approval_is_shown_with_its_rows_and_a_form(asking: TestClient, waiting: Iteration) -> None:
    of_it = f"/evolutions/{NAME}"
    assert "waits for your approval" in asking.get("/").text and "waits for your approval" in asking.get(of_it).text
    page = asking.get(f"{of_it}/1").text
    assert 'value="approve"' in page and 'value="reject"' in page and 'value="veto"' not in page
    assert asking.get(row := a_row(asking)).status_code == 200
    token = re.findall(rf'name="{FIELD}" value="([^"]+)"', page)[0]
    assert asking.post(f"{row}/veto", data={FIELD: token, "why": "It is wrong."}).status_code == 303
    page = asking.get(f"{of_it}/1").text
    assert 'value="approve"' not in page and 'value="reject"' not in page, "it was made with a row that is vetoed"
    mark = re.findall(r'name="of" value="([^"]+)"', page)[0]
    for fields, says in (
        ({"decision": "approve"}, "this form is not of this page"),
        ({FIELD: token, "decision": "perhaps"}, "expected one of approve, reject, veto, found &#x27;perhaps&#x27;"),
        ({FIELD: token, "decision": "approve", "of": "another"}, "another candidate waits by now"),
        ({FIELD: token, "decision": "veto", "of": mark}, "no Prefect server is known here"),
    ):
        answer = asking.post(f"{of_it}/approval", data=fields)
        assert answer.status_code in (400, 403) and html.unescape(says) in answer.text


def test_what_does_not_wait_is_not_approved(asking: TestClient) -> None:
    row = a_row(asking)
    token = re.findall(rf'name="{FIELD}" value="([^"]+)"', asking.get(row).text)[0]
    answer = asking.post(f"/evolutions/{NAME}/approval", data={FIELD: token, "decision": "approve"})
    assert answer.status_code == 400 and "waits for no approval" in answer.text


def test_without_the_password_nothing_is_shown(home: Home) -> None:
    guarded = TestClient(site(home, "me:secret", Approvals(home)), base_url="http://127.0.0.1:4210")
    for path in ("/", f"/evolutions/{NAME}", f"/evolutions/{NAME}/1/rows/seeds/rows", "/nowhere"):
        answer = guarded.get(path)
        assert (answer.status_code, NAME in answer.text) == (401, False)
    assert guarded.post(f"/evolutions/{NAME}/row/x/veto").status_code == 401
    assert guarded.get("/", auth=("me", "wrong")).status_code == 401
    assert guarded.get("/", headers={"Authorization": "Basic !"}).status_code == 401
    assert NAME in guarded.get("/", auth=("me", "secret")).text


def test_another_name_for_this_address_is_refused(asking: TestClient) -> None:
    assert asking.get("/", headers={"Host": "rebound.example"}).status_code == 400
    assert asking.get("/", headers={"Host": "localhost:4210"}).status_code == 200


def test_no_script_runs_and_no_other_page_may_show_it(asking: TestClient) -> None:
    answer = asking.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/evolutions/nobody", "no evolution"),
        (f"/evolutions/{NAME}/7", "has no iteration"),
        (f"/evolutions/{NAME}/1/rows/seeds/none", "no table"),
        (f"/evolutions/{NAME}/1/rows/none/rows", "no table"),
        (f"/evolutions/{NAME}/row/sft-1", "no row"),
        (f"/evolutions/{NAME}/1/rows/seeds/rows?low=much", "expected a number"),
        ("/evolutions/..%2f..%2fetc", ""),
    ],
)
def test_what_is_not_there_is_said(asking: TestClient, path: str, says: str) -> None:
    answer = asking.get(path)
    assert answer.status_code == 404
    assert says in answer.text


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = 500
    columns = {
        "id": [f"seed-{n}" for n in range(rows)],
        "instruction": [f"Question number {n}?" if n % 10 else f"FRAGE {n}?" for n in range(rows)],
        "rule": ["too short" if n % 5 else "duplicate" for n in range(rows)],
        "score": [None if n == 7 else n / 50 for n in range(rows)],
        "parents": [[f"x-{n}"] for n in range(rows)],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def test_rows_are_searched_filtered_and_paged(table: Path) -> None:
    page = page_of(table, Query())
    assert (page.found, page.total, page.pages, len(page.rows)) == (500, 500, 10, PAGE_ROWS)
    assert page.facets == {"rule": {"duplicate": 100, "too short": 400}}
    last = page_of(table, Query(page=99))
    assert (last.number, last.rows[-1]["id"]) == (10, "seed-499")
    found = page_of(table, Query(text="frage", values={"rule": "duplicate"}, low=2.0, high=3.0))
    assert [row["id"] for row in found.rows] == [f"seed-{n}" for n in range(100, 151, 10)]
    assert page_of(table, Query(text="SEED-499")).found == 1
    assert page_of(table, Query(low=0)).found == 499, "a row without a score has none in any bounds"
    assert page_of(table, Query(text="[")).found == 0
    assert page_of(table, Query(values={"no_such": "x"})).found == 500


def test_what_differs_is_marked_and_what_is_markup_is_text() -> None:
    chosen, rejected = marked("The <b>red</b> house is old.", "The <b>blue</b> house is old & cold.")
    assert chosen == "The &lt;b&gt;<mark>red</mark>&lt;/b&gt; house is old."
    assert "<mark>blue</mark>" in rejected and "&amp;" in rejected and "<b>" not in rejected
    assert marked("a " * 4000, "b")[0] == "a " * 4000
    assert "<mark>" not in marked("Quite another text.", "None of these words is there, whatever one looks at.")[0]


def test_what_a_row_was_made_from_is_drawn_before_it(home: Home) -> None:
    lineage = Lineage(Store.of(home), lookup.ledger(home, NAME))
    (pair, *_) = Store.of(home).table_files(lineage.ledger.iterations[0].stages["annotate"])
    row = pq.read_table(pair, columns=["id"])["id"][0].as_py()
    found, whole = boxes(lineage, row)
    steps = {box.row: box.step for box in found}
    assert whole and steps[row] == 0 and min(steps.values()) < 0
    for box in found:
        assert all(steps[parent] < box.step for parent in box.parents if parent in steps), box
    text = drawn(found, row, "/x/{}")
    assert text.count("<rect") == len(found) and text.count("<a ") == len(found) - 1


def test_names_are_quoted_in_addresses(asking: TestClient) -> None:
    page = asking.get(f"/evolutions/{NAME}/1").text
    assert quote("review [seeds]", safe="") in page
