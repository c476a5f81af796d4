"""The page in headless Chromium: no errors, not wider than its window, and nothing in it runs."""

import html
import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ecg_lightning.annotation.output.page_of import summary_of
from ecg_lightning.evaluation.evaluation import describe_evaluation
from ecg_lightning.report.page import render_page
from ecg_lightning.report.recording_page import recording_page
from ecg_lightning.report.recordings_index import recordings_index
from ecg_lightning.report.summary_rows import skipped_row, summary_row
from tests.helpers.annotated_text import annotations_of_text
from tests.helpers.evaluations import (
    HOSTILE,
    evaluation_of,
    hostile_evaluation,
    hostile_strip,
    strip_of,
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the page is not tested in a browser: no chromium is installed"
)

# Reads the page from outside, so that the page itself is not changed. A `srcdoc` frame has the
# origin of its parent. A window of headless Chromium is at least 500 px wide, a frame is not.
WRAPPER = """<!doctype html>
<iframe width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe>
<pre id="result"></pre><script>
addEventListener("load", () => setTimeout(() => {{
  const inner = document.querySelector("iframe").contentDocument, root = inner.documentElement;
  document.getElementById("result").textContent = JSON.stringify([
    root.scrollWidth, root.clientWidth, inner.title,
    inner.querySelectorAll("img,script,iframe").length,
    getComputedStyle(inner.querySelector("main")).maxWidth]);
}}, 200));
</script>"""


def dumped(folder: Path, text: str) -> tuple[str, str]:
    """The page's DOM after its scripts, if it has any, and the console's lines."""
    (folder / "page.html").write_text(text, encoding="utf-8")
    switches = [
        "--headless=new",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
    ]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        str(CHROMIUM),
        *switches,
        *sandbox,
        "--enable-logging=stderr",
        "--window-size=1400,1000",
        "--virtual-time-budget=2000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", str(folder / "page.html")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def measured(folder: Path, text: str, width: int = 1280) -> tuple[list[Any], str]:
    """What the wrapper reads, and the console's lines.

    It reads the widths of the page and of its window, the title, the number of elements that do not
    belong there, and a value of the style sheet.
    """
    dom, console = dumped(folder, WRAPPER.format(width=width, page=html.escape(text)))
    result = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert result, dom[-500:]
    return json.loads(html.unescape(result[1])), console


@cache
def one_run() -> str:
    return render_page(
        [
            {
                "run": "2026-11-22-120000-test-DeepConv1d",
                **describe_evaluation(evaluation_of(), strip_of, 0),
            }
        ]
    )


@cache
def hostile() -> str:
    return render_page(
        [{"run": HOSTILE, **describe_evaluation(hostile_evaluation(), hostile_strip, 0)}]
    )


def several() -> str:
    name = "2026-11-22-120000-test-DeepConv1d-with-a-name-that-does-not-end"
    content = {"run": name, **describe_evaluation(evaluation_of(), strip_of, 0)}
    return render_page([content] * 4).replace('<details class="run">', '<details class="run" open>')


@cache
def recording() -> str:
    """A recording with events of all sorts and long words."""
    text = "NNNVVVNNVVNSSSNNVNVNVNFQ" + "N" * 20
    annotations = annotations_of_text(text, unusable_s=((20.1, 22.3),), name="r" * 200)
    return recording_page(summary_of(annotations))


@cache
def recordings() -> str:
    row = summary_row(summary_of(annotations_of_text("NNNVVVNN")), "in/r.edf", "r.html")
    skipped = skipped_row("s", "in/" + "s" * 200, "in/s: expected an EDF file, " + "x" * 300)
    return recordings_index([row, {**row, "record": "r" * 200}, skipped])


def without_policy(text: str) -> str:
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)


@pytest.mark.parametrize("make", [one_run, several, hostile, recording, recordings])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_not_wider_than_its_window(tmp_path: Path, make: Any, width: int) -> None:
    (page_px, window_px, _, _, max_width), console = measured(tmp_path, make(), width)
    assert window_px == width
    assert page_px <= width
    assert max_width == "1180px"  # the policy lets the style sheet in
    assert console == ""


def test_a_page_that_is_too_wide_is_detected(tmp_path: Path) -> None:
    wide = one_run().replace("<footer>", '<footer><svg width="500" height="9"></svg>')
    (page_px, *_), _ = measured(tmp_path, wide, 360)
    assert page_px > 360


def test_the_page_loads_without_a_console_line(tmp_path: Path) -> None:
    dom, console = dumped(tmp_path, one_run())
    assert console == ""
    assert "The most confident mistakes" in dom


@pytest.mark.parametrize("guard", ["with the policy", "by escaping alone"])
def test_hostile_names_run_nothing(tmp_path: Path, guard: str) -> None:
    text = hostile() if guard == "with the policy" else without_policy(hostile())
    (_, _, title, foreign, _), console = measured(tmp_path, text)
    assert HOSTILE in title  # the payload shown, not "pwn"
    assert (foreign, console) == (0, "")


def test_the_policy_alone_stops_an_unescaped_name(tmp_path: Path) -> None:
    broken = one_run().replace("<footer>", f"<footer>{HOSTILE}")
    (_, _, title, foreign, _), console = measured(tmp_path, broken)
    assert title == "DeepConv1d on mitdb, test part"
    assert foreign > 0
    assert "Content Security Policy" in console


def test_without_escaping_and_policy_it_runs(tmp_path: Path) -> None:
    broken = without_policy(one_run().replace("<footer>", f"<footer>{HOSTILE}"))
    (_, _, title, _, _), _ = measured(tmp_path, broken)
    assert title == "pwn"


def test_long_names_do_not_widen_the_page_on_a_phone(tmp_path: Path) -> None:
    content = describe_evaluation(evaluation_of(checkpoint="c" * 300), strip_of, 0)
    content["per_record"][0]["record"] = content["gallery"][0]["record"] = content["measures"][
        "influence"
    ]["S"]["record"] = "r" * 300
    (page_px, *_), _ = measured(tmp_path, render_page([{"run": "n" * 300, **content}]), 360)
    assert page_px <= 360


# Of each frame's tables: whether it is wider than its box, and whether the hint to scroll shows.
TABLES = """<!doctype html>
{frames}
<pre id="result"></pre><script>
const visible = hint => getComputedStyle(hint).visibility == "visible" && hint.offsetHeight > 0;
addEventListener("load", () => setTimeout(() => {{
  document.getElementById("result").textContent = JSON.stringify(
    [...document.querySelectorAll("iframe")].map(frame =>
      [...frame.contentDocument.querySelectorAll("table")].map(table => {{
        const scroll = table.parentElement;
        return [scroll.scrollWidth > scroll.clientWidth,
          visible(scroll.parentElement.querySelector(".hint"))];
      }})));
}}, 400));
</script>"""
FRAME = '<iframe width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe>'


def test_a_table_has_a_hint_to_scroll_exactly_where_it_is_cut(tmp_path: Path) -> None:
    """The hint follows the table's own width, so a wide window shows none that is not needed."""
    pages = [make() for make in (one_run, several, recordings, recording)]
    frames = [
        FRAME.format(width=width, page=html.escape(page)) for width in (390, 1280) for page in pages
    ]
    dom, _ = dumped(tmp_path, TABLES.format(frames="\n".join(frames)))
    result = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert result, dom[-500:]
    on_pages = json.loads(result[1])
    assert all(hint == cut for tables in on_pages for cut, hint in tables)
    cuts = [[cut for cut, _ in tables] for tables in on_pages]
    assert all(any(cut) for cut in cuts[:3])  # on a phone
    assert not any(cuts[4])  # one run, in a wide window
    assert not all(cut for page in cuts[:4] for cut in page)
