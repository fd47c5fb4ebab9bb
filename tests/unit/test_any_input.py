"""Whatever recipes, settings, checks, tasks, ledgers, records and addresses hold: an answer, or a refusal in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from flows.site.app import site
from flows.site.approvals import Approvals
from tasks.evaluate.benchmarks.own_task import OwnTask
from tasks.evolution import ledger as ledgers
from tasks.recipe import recipe as recipes
from tasks.recipe.recipe import Recipe
from tasks.recipe.values import Config
from tasks.store.artifacts import Spec, Store
from tasks.store.files import RECORD
from tasks.store.home import Home
from tasks.verify.checks.base import Finding, checks, verify
from tests.support.anything import anything
from tests.support.old_store import unpacked
from tests.support.rows import seed

TEXT = st.text("aB 1.-:{}[],&*!|>'\"#\n\0é中=_", max_size=8) | st.sampled_from(
    ["demo", "null", "~", "1e999", "2020-01-01"]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ANY = anything(PLAIN, TEXT)
quickly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


def keys(model: type[Config], above: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        found.append(f"{above}{name}")
        if isinstance(kind, type) and issubclass(kind, Config):
            found += keys(kind, f"{above}{name}.")
    return found


KEYS = st.sampled_from(keys(Recipe))


def refusal(work: Callable[[], object]) -> str | None:
    """In words; None where there was none."""
    try:
        work()
    except ValueError as error:
        return str(error)
    return None


@quickly
@given(st.lists(st.tuples(KEYS | TEXT, st.sampled_from(["=", "", "=="]), TEXT | ANY.map(json.dumps)), max_size=3))
def test_any_setting(given: list[tuple[str, str, str]]) -> None:
    asked = ["".join(parts) for parts in given]
    said = refusal(lambda: recipes.load("demo", asked))
    assert said is None or said.startswith(("--set", "demo", str(recipes.RECIPES))), said


@quickly
@given(
    st.dictionaries(KEYS.map(lambda key: key.partition(".")[0]) | TEXT, ANY, max_size=4) | ANY, st.binary(max_size=4)
)
def test_any_recipe(tmp_path: Path, values: Any, behind: bytes) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass") + behind)
    said = refusal(lambda: recipes.load(str(file)))
    assert said is None or "mine.yaml" in said or "recipe" in said, said


@quickly
@given(
    st.dictionaries(st.sampled_from(["task", "group", "include", "dataset_path", "dataset_kwargs", "doc_to_text"]), ANY)
)
def test_any_task_of_ones_own(tmp_path: Path, values: dict[str, Any]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    task = OwnTask(file)
    for look in (lambda: task.name, task.files, task.members, lambda: task.data_of("test"), task.dataset_kwargs):
        said = refusal(look)
        assert said is None or str(tmp_path) in said, said


CHECKS = {name: one for name, one in checks().items() if name != "function"}  # that one runs a person's code


@quickly
@given(st.sampled_from(sorted(CHECKS)), TEXT | st.just("One, two.\n- three\n- 4"), st.data())
def test_any_arguments_of_a_check(name: str, text: str, data: st.DataObject) -> None:
    taken = sorted(CHECKS[name].arguments)
    arguments = data.draw(st.dictionaries(st.sampled_from(taken) if taken else TEXT, ANY, max_size=3))
    found: list[Finding] = []
    said = refusal(lambda: found.append(verify(name, text, arguments)))
    assert said is None or name in said
    assert said or (found[0].outcome in ("pass", "fail", "cannot tell") and found[0].reason)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return unpacked(tmp_path_factory.mktemp("home"))


@quickly
@given(st.data())
def test_any_ledger(home: Home, tmp_path: Path, data: st.DataObject) -> None:
    """One with a value changed anywhere, or bytes."""
    document = Home(tmp_path).ledger("mine")
    text = home.ledger("tiny").read() or ""
    whole = json.loads(text)
    at = whole
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if data.draw(st.booleans()):
            at[key] = data.draw(ANY)
            break
        at = at[key]
    document.write(json.dumps(whole)[: data.draw(st.none() | st.integers(0, 500))])
    said = refusal(lambda: ledgers.read(document))
    assert said is None or "not a ledger that this version reads" in said


@quickly
@given(ANY | st.fixed_dictionaries({"files": ANY, "digest": ANY, "inputs": ANY, "version": ANY}), st.binary(max_size=2))
def test_any_record_is_no_artifact(tmp_path: Path, record: Any, behind: bytes) -> None:
    store, spec = Store(tmp_path / "store"), Spec(stage="seeds", version=1)
    with store.draft(spec) as draft:
        draft.table("rows", [seed()])
    made = store.find(spec)
    assert made
    (store.path(made) / RECORD).write_bytes(json.dumps(record).encode() + behind)
    assert store.find(spec) is None and store.find(made) is None
    assert list(store.of_stage("seeds", lambda known: bool(known["version"]))) == []
    assert list(store.altered()) == [store.path(made)]


@quickly
@given(
    st.lists(TEXT, max_size=5),
    st.dictionaries(st.sampled_from(["page", "low", "high", "text", "is-rule"]) | TEXT, TEXT),
)
def test_any_address_of_the_site(home: Home, parts: list[str], query: dict[str, str]) -> None:
    asking = TestClient(site(home, "", Approvals(home)), base_url="http://127.0.0.1:4210", follow_redirects=False)
    below = "/".join(quote(part, safe="") for part in parts)
    for path in ("/evolutions/tiny/1/rows/seeds/rows", f"/evolutions/{below}", f"/evolutions/tiny/{below}"):
        assert asking.get(path, params=query).status_code in (200, 307, 404), path
        assert asking.post(f"{path}/veto", data=query).status_code in (403, 404, 405), path
