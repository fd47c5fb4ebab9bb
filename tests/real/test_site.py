"""The site in a real browser: legible, usable with the keyboard alone, and nothing in it that axe-core objects to."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tasks.engines.processes.ports import free_port
from tasks.evolution.ledger import Ledger
from tasks.evolution.lookup import Awaited
from tasks.store import vetoes
from tasks.store.home import ROOT, Home
from tests.real.test_export import ledger_of, two_iterations
from tests.real.test_report import CONTRAST, SIZES
from tests.support.evolution import LANCE
from tests.support.old_store import unpacked
from tests.support.processes import wait_until

AXE = files("axe_core_python").joinpath("axe.min.js")
RUN_AXE = "const done = arguments[arguments.length - 1]; axe.run().then(found => done(found.violations));"
NAME = "tiny"


@dataclass(frozen=True)
class Shown:
    """A site, and addresses of one page of each kind."""

    home: Home
    url: str
    pages: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("site")
    home, port = unpacked(folder), free_port()
    two: Ledger = ledger_of(*two_iterations(home)).model_copy(update={"name": "two"})
    two.save(home.ledger("two"))
    first, second = two.iterations
    two.model_copy(update={"name": "asks", "iterations": [first]}).save(home.ledger("asks"))
    home.waiting("asks").write(Awaited(run=str(UUID(int=1)), iteration=second).model_dump_json())
    process = subprocess.Popen(
        [*LANCE, "site", "--port", str(port)], env=os.environ | {"LANCE_HOME": str(folder)}, cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(url).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_until(answers, 60, "the site answers", every_s=0.2)
        of_it, pairs = f"/evolutions/{NAME}", f"/evolutions/{NAME}/1/rows/annotate/pairs"
        row = next(part for part in httpx.get(url + pairs).text.split('"') if part.startswith(f"{of_it}/row/"))
        pages = {
            "list": "/",
            "evolution": "/evolutions/two",
            "iteration": f"{of_it}/1",
            "rows": f"{of_it}/1/rows/seeds/rows",
            "pairs": pairs,
            "row": row,
            "report": f"{of_it}/report",
            "waiting": "/evolutions/asks/2",
        }
        yield Shown(home, url, pages)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]} {size[1]}")
def sized(request: pytest.FixtureRequest, browser: Any) -> Any:
    width, scheme = request.param
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    return browser


@pytest.mark.parametrize("page", ["list", "evolution", "iteration", "rows", "pairs", "row", "waiting"])
def test_each_page_is_legible_and_for_everybody(sized: Any, shown: Shown, page: str, tmp_path: Path) -> None:
    sized.get(shown.url + shown.pages[page])
    sized.save_screenshot(str(tmp_path / f"{page}.png"))
    wide, window = sized.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window
    assert [one for one in sized.get_log("browser") if "favicon" not in one["message"]] == []
    assert sized.execute_script(CONTRAST) == []
    sized.execute_script(AXE.read_text(encoding="utf-8"))
    found = sized.execute_async_script(RUN_AXE)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_from_the_list_to_a_veto_with_the_keyboard_alone(browser: Any, shown: Shown) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> None:
        ActionChains(browser).send_keys(*keys).perform()

    def tab_to(what: str) -> None:
        """The first place with that text, label or name."""
        for _ in range(150):
            press(Keys.TAB)
            here = browser.switch_to.active_element
            told = (here.text, here.get_attribute("aria-label"), here.get_attribute("name"))
            if any(one and one.lower().startswith(what) for one in told):
                return
        raise AssertionError(f"no {what!r} is reached")

    browser.get(shown.url)
    for link in (NAME, "iteration 1", "annotate: pairs", "pair-"):
        before = browser.current_url
        tab_to(link)
        press(Keys.ENTER)
        wait_until(lambda before=before: browser.current_url != before, 20, link)  # type: ignore[misc]
        wait_until(lambda: browser.execute_script("return document.readyState") == "complete", 20, "it is there")
    row = browser.current_url.rpartition("/")[2]
    tab_to("why")
    press("It is wrong.", Keys.ENTER)
    wait_until(lambda: "It is vetoed" in browser.page_source, 10, "the page says so")
    (veto,) = vetoes.read(shown.home.vetoes(NAME))
    assert (veto.row, veto.why) == (row, "It is wrong.")
