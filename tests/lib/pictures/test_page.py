# SPDX-License-Identifier: Apache-2.0
"""The page of deeplab.inspect: its numbers, and what a browser makes of them when the pointer moves."""

from __future__ import annotations

import base64
import json
import re
import shutil

import numpy as np
import pytest
from looks_made import layer, look

from lib.looking.bins import MovedBox, moved_bins, regular_bins
from lib.looking.places import points_of_cell, trace
from lib.pictures import page

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         "--disable-dev-shm-usage", "--window-size=1300,1000")  # fmt: skip


def whole_numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<i2")


def random_look():
    random = np.random.default_rng(3)
    return look(
        layer("active", random.normal(size=(9, 2, 1, 1)), name="first"),
        layer("modulated", random.normal(size=(9, 2, 6, 8)), 2 * random.random((9, 6, 8)), name="second"),
        layer("deformable", 2 * random.normal(size=(2, 9, 2, 6, 8)), sets=2, name="third"),
    )


def with_boxes():
    """A look at two boxes that overlap, the second less sure, whose parts two poolings move."""
    made, random = random_look(), np.random.default_rng(4)
    for name, roi in (("car 0.90", [20, 10, 59, 49]), ("bus 0.60", [40, 10, 99, 69])):
        bins = {pooling: (regular_bins(roi, 3), moved_bins(roi, random.normal(size=(2, 3, 3)), 0.1))
                for pooling in ("classes", "deltas")}  # fmt: skip
        made.boxes.append(MovedBox(name, np.array(roi, float), bins))
    return made


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text)[1])


def test_page_has_the_parts_of_every_box():
    made = with_boxes()
    assert data_of(page.build(random_look(), (0, 0)))["boxes"] == []
    stored = data_of(page.build(made, (0, 0)))["boxes"]
    assert [each["name"] for each in stored] == ["car 0.90", "bus 0.60"]
    assert stored[0]["box"] == [20, 10, 60, 50]  # its last pixel is 59, 49
    for one, box in zip(stored, made.boxes):
        assert list(one["bins"]) == ["classes", "deltas"]
        for name, pair in box.bins.items():
            assert np.abs(np.array(one["bins"][name]) - np.reshape(pair, (2, 9, 4))).max() <= 0.005


def test_stored_offsets_err_by_half_a_step():
    values = np.array([-3.0, 0.0, 0.12345, 2.5, np.nan, np.inf])
    step, text = page.quantised(values)
    assert step == pytest.approx(3 / 32767)
    stored = whole_numbers(text)
    assert np.abs(stored[:4] * step - values[:4]).max() <= step / 2 and stored[4:].tolist() == [page.UNKNOWN] * 2
    assert page.quantised(np.zeros(2))[0] == 1.0


def test_page_needs_nothing_from_outside():
    text = page.build(random_look(), (1, 2))
    assert not re.search(r"(src|href)\s*=|https?://|@import|url\(", re.sub(r"image\.src = source", "", text))
    assert "default-src 'none'" in text and page.PLACE not in text and len(text) < 150_000


def test_text_in_the_data_cannot_end_the_script():
    made = random_look()
    made.picture = "</script><b>x"
    assert "</script><b>" not in page.build(made, (0, 0))
    made.picture = "<!--<script>"  # a script that begins so ends at the next one's end
    assert "<!--<script>" not in (text := page.build(made, (0, 0))) and data_of(text)["picture"] == made.picture


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium; skipped where it, its driver (Debian: chromium, chromium-driver) or Selenium is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install .[notebooks]")
    found = [next((p for name in names if (p := shutil.which(name))), None)
             for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))]  # fmt: skip
    if None in found:
        pytest.skip("needs a browser and its driver (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    from selenium.webdriver.chrome.service import Service

    driver = webdriver.Chrome(options=options, service=Service(found[1]))
    yield driver
    driver.quit()


@pytest.fixture
def shown(browser, tmp_path):
    """shown(look, pixel) opens the page of a look; it must write nothing to the browser's log."""
    from selenium.webdriver.support.wait import WebDriverWait

    def open_page(made, pixel):
        path = tmp_path / "page.html"
        path.write_text(page.build(made, pixel), encoding="utf-8")
        browser.get(path.as_uri())
        WebDriverWait(browser, 60).until(lambda b: b.execute_script("return Boolean(window.inspector)"))
        return browser

    yield open_page
    assert browser.get_log("browser") == []


def points(browser) -> np.ndarray:
    """(n, 3): y, x, factor of what the page shows; NaN, which JSON lacks, comes as None."""
    rows = browser.execute_script("return inspector.state.points.map((p) => [...p.place, p.factor])")
    return np.array(rows, float)


def pixel(browser) -> tuple:
    return tuple(browser.execute_script("return inspector.state.pixel"))


def point_at(browser, made, place) -> None:
    """Moves the pointer to the middle of an image pixel."""
    from selenium.webdriver.common.action_chains import ActionChains

    stage = browser.find_element("id", "stage")
    margin = round(0.08 * made.image.shape[0])
    scale = stage.size["width"] / (made.image.shape[1] + 2 * margin)
    from_middle = [(part + 0.5 - side / 2) * scale for part, side in zip(place, made.image.shape[:2])]
    ActionChains(browser).move_to_element_with_offset(stage, round(from_middle[1]), round(from_middle[0])).perform()


def choose(browser, name: str, number: int) -> None:
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", name)).select_by_index(number)


def expected_of(one, place) -> np.ndarray:
    found = points_of_cell(one, one.geometry.cell_of_pixel(place))
    return np.column_stack([found.places, found.factor])


def test_points_under_the_pointer_are_those_of_the_arrays(shown):
    made = random_look()
    browser = shown(made, (40, 60))
    assert pixel(browser) == (40, 60)
    assert np.allclose(points(browser), expected_of(made.layers[2], (40, 60)), atol=0.01)
    for number, one in enumerate(made.layers):
        choose(browser, "layer", number)
        for place in ((0, 0), (50, 70), (95, 127)):
            point_at(browser, made, place)
            y, x = pixel(browser)
            assert abs(y - place[0]) <= 1 and abs(x - place[1]) <= 1
            assert np.allclose(points(browser), expected_of(one, (y, x)), atol=0.01), f"{one.name} at {(y, x)}"


def test_walk_through_three_layers_is_that_of_the_arrays(shown):
    made = random_look()
    browser = shown(made, (48, 64))
    choose(browser, "depth", 2)
    *_, last = trace(made.layers, (48, 64))
    inside = np.isfinite(last.places).all(-1)
    assert 300 < inside.sum() <= 729
    assert np.allclose(points(browser), np.column_stack([last.places, last.factor])[inside], atol=0.05)
    assert f"{inside.sum()} points through 3 layers" in browser.find_element("id", "readout").text


def test_the_surest_box_under_the_pixel_shows_its_parts(shown):
    made = with_boxes()
    browser = shown(made, (20, 50))  # in both
    assert "car 0.90: classes moves the parts" in told_of_box(browser)
    choose(browser, "parts", 1)
    still, moved = made.boxes[0].bins["deltas"]
    mean = np.hypot(*(moved - still)[..., :2].reshape(-1, 2).T).mean()
    assert f"car 0.90: deltas moves the parts of this box by {mean:.1f} px" in told_of_box(browser)
    left = f"const c = document.getElementById('stage'), m = {round(0.08 * 96)}, s = c.width / (128 + 2 * m);"
    look_up = left + "return [...c.getContext('2d').getImageData((20 + m) * s, (30 + m) * s, 1, 1).data]"
    assert np.allclose(browser.execute_script(look_up)[:3], [255, 210, 63], atol=20)  # the first box's left side
    point_at(browser, made, (60, 80))
    assert told_of_box(browser).startswith("bus 0.60: deltas")
    choose(browser, "parts", 2)
    assert told_of_box(browser) == "bus 0.60"
    point_at(browser, made, (90, 5))
    assert told_of_box(browser) == "No box was found here."


def told_of_box(browser) -> str:
    return browser.find_element("id", "box-readout").text


def test_keys_move_by_cells_and_a_click_holds_the_pixel(shown):
    from selenium.webdriver.common.keys import Keys

    made = random_look()
    browser = shown(made, (40, 60))
    stage = browser.find_element("id", "stage")
    stage.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert pixel(browser) == (56, 76)
    stage.send_keys(Keys.SHIFT + Keys.ARROW_LEFT)
    assert pixel(browser) == (56, 12)
    point_at(browser, made, (20, 30))
    browser.execute_script(
        "const stage = document.getElementById('stage'), box = stage.getBoundingClientRect();"
        "stage.dispatchEvent(new PointerEvent('pointerdown', {clientX: box.left + 99, clientY: box.top + 99}))"
    )
    held = pixel(browser)
    point_at(browser, made, (80, 100))
    assert pixel(browser) == held and "held" in browser.find_element("id", "readout").text


def test_a_finger_moves_the_pixel_and_never_holds_it(shown):
    browser = shown(random_look(), (40, 60))
    place = browser.execute_script(
        "const stage = document.getElementById('stage'), box = stage.getBoundingClientRect();"
        "for (const [kind, at] of [['pointerdown', 0.2], ['pointermove', 0.5]])"
        "  stage.dispatchEvent(new PointerEvent(kind, {pointerType: 'touch',"
        "    clientX: box.left + at * box.width, clientY: box.top + at * box.height}));"
        "return [inspector.state.held, ...inspector.state.pixel]"
    )
    assert place == [False, 48, 64]


def test_classes_of_the_pixel_are_told_and_its_star_is_drawn(shown):
    from lib.data.labels import CLASS_NAMES

    made = random_look()
    browser = shown(made, (70, 33))
    for name, ids in (("truth", made.truth), ("prediction", made.prediction)):
        assert browser.find_element("id", f"{name}-name").text.endswith(CLASS_NAMES[ids[70, 33]])
    colour = browser.execute_script(
        "const c = document.getElementById('stage'), m = Math.round(0.08 * 96), s = c.width / (128 + 2 * m);"
        "return [...c.getContext('2d').getImageData((33.5 + m) * s, (70.5 + m) * s, 1, 1).data]"
    )
    assert colour == [255, 210, 63, 255]


def test_page_of_a_diverged_or_plain_network_opens(shown):
    made = look(layer("deformable", np.nan))
    made.truth = None
    browser = shown(made, (0, 0))
    assert not browser.find_element("id", "truth-figure").is_displayed()
    made.layers = []
    browser = shown(made, (0, 0))
    assert "no layer" in browser.find_element("id", "readout").text
    assert not browser.find_element("id", "parts-label").is_displayed()
