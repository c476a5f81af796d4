"""The page: what it says about one run and about several, and that it is well formed."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ecg_lightning.evaluation.evaluation import describe_evaluation
from ecg_lightning.palette import CLASS_COLOURS
from ecg_lightning.records.notes import RecordNote
from ecg_lightning.report.page import render_page, stylesheet
from tests.helpers.evaluations import content_of, evaluation_of
from tests.helpers.html_reader import Reader
from tests.helpers.paths import ROOT


def test_the_page_is_well_formed_and_says_what_was_run() -> None:
    reader = Reader(render_page([content_of(epochs=12)]))
    assert reader.wrong == []
    for text in (
        "DeepConv1d on mitdb, test part",
        "256 samples at 360 Hz, annotations",
        "best.ckpt",
        "epochs up to this checkpoint 12",
        "seed 7",
        "aami",
    ):
        assert text in reader.text
    assert sum(tag == "h1" for tag, _ in reader.tags) == 1
    headings = [
        "Headline metrics",
        "Classes",
        "Confusion matrix",
        "Curves",
        "Where the errors are",
        "The most confident mistakes",
    ]
    assert [heading for heading in headings if heading in reader.texts] == headings


def test_a_parser_sees_what_is_not_well_formed() -> None:
    assert Reader("<p><b></p>").wrong
    assert Reader("<p>").wrong


def test_metrics_are_percentages_to_one_decimal_and_missing_ones_are_words() -> None:
    text = Reader(render_page([content_of()])).text
    assert "balanced accuracy 58.3 %" in text  # (1 + 1/3 + 1 + 0) / 4
    assert "accuracy 66.7 %" in text
    assert "paced, other 0 no such beats" in text
    assert "0.000 %" not in text


def test_matrix_cells_are_counts_and_row_percent() -> None:
    text = Reader(render_page([content_of()])).text
    rows = "N 3 0 0 0 0 S 1 1 1 0 0 V 0 0 2 0 0 F 0 0 1 0 0 Q no such beats"
    assert f"true ↓ predicted → N S V F Q {rows}" in text
    assert "S 33.3 33.3 33.3 0.0 0.0 V 0.0 0.0 100.0" in text


def test_a_record_with_most_beats_of_a_class_is_named() -> None:
    text = Reader(render_page([content_of()])).text
    assert (
        "Record b holds 2 of the 3 S beats (66.7 %). Without it: Se 33.3 → 0.0 %, F1 50.0 → 0.0 %"
        in text
    )
    assert "Record c holds the only F beat." in text
    even = content_of(records=np.array(list("abcabcabc")), labels=np.repeat([0, 1, 2], 3))
    assert "Metrics that depend on one record" not in Reader(render_page([even])).text


def test_several_runs_are_compared_column_by_column() -> None:
    others = content_of("two", shared_patients=("201",)), content_of("three", split="all")
    reader = Reader(render_page([content_of("one"), *others]))
    assert reader.wrong == []
    assert "3 runs compared" in reader.text
    patients = "patients inter-patient mixed not known"
    facts = f"{patients} split patients patients all beats 9 9 9"
    assert f"metric one two three {facts}" in reader.text
    assert "Some runs mix patients." in reader.text
    assert "tested on different beats" not in reader.text


def test_runs_on_different_beats_are_not_compared() -> None:
    other = content_of("two", labels=np.array([0, 0, 0, 1, 1, 2, 0, 2, 3]))
    assert (
        "The runs were tested on different beats"
        in Reader(render_page([content_of("one"), other])).text
    )


def test_a_page_of_no_run_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluations: expected at least one, got none"):
        render_page([])


def test_a_page_without_mistakes_and_one_without_strips() -> None:
    right = content_of(labels=evaluation_of().predictions)
    assert "No beat was classified wrongly." in Reader(render_page([right])).text
    content = {"run": "run", **describe_evaluation(evaluation_of(), None, 0)}
    reader = Reader(render_page([content]))
    assert "record b, position 2,600" in reader.text
    assert not any(attributes.get("class") == "strip" for _, attributes in reader.tags)


def test_a_run_without_settings_has_a_page() -> None:
    bare = describe_evaluation(replace(evaluation_of(), settings={}, checkpoint=None), None, 0)
    reader = Reader(render_page([{"run": "r", **bare}]))
    assert "Network, test part" in reader.text
    assert "None" not in reader.text


def test_the_classes_have_the_colours_of_the_figures() -> None:
    for name, colour in CLASS_COLOURS.items():
        assert f"--{name}:{colour};" in stylesheet()


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_shade_of_the_confusion_is_readable(scheme: int) -> None:
    style = stylesheet()
    colours = {
        name: re.findall(rf"--{name}: (#[0-9a-f]+);", style)[scheme]
        for name in ("card", "shade", "ink")
    }
    card, shade, ink = (np.array(to_rgb(colours[name])) for name in ("card", "shade", "ink"))
    shades = re.findall(r"\.s(\d+) .*--shade\) (\d+)%, var\(--card\)\);(.*)}", style)
    assert [int(step) for step, _, _ in shades] == list(range(1, 21))
    for _, share, text in shades:
        mixed = card + (shade - card) * int(share) / 100
        dark, light = sorted((luminance(mixed), luminance(card if "color" in text else ink)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(rgb: Any) -> float:
    """The relative luminance of sRGB, as WCAG 2 defines it."""
    return float(
        np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        @ (0.2126, 0.7152, 0.0722)
    )


def test_templates_and_style_sheet_are_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["ecg_lightning"]
    package = ROOT / "ecg_lightning"
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    files = {path for path in (package / "report").rglob("*") if path.suffix in (".j2", ".css")}
    assert len(files) > 5
    assert files <= packaged


def test_a_page_needs_no_torch_no_lightning_and_no_matplotlib(tmp_path: Path) -> None:
    run = tmp_path / "evaluation.json"
    run.write_text(json.dumps(content_of()))
    heavy = ("torch", "lightning", "sklearn", "scipy", "matplotlib")
    code = f"""if True:
        import sys
        from pathlib import Path
        from ecg_lightning.report import write_report
        write_report([Path(sys.argv[1])], Path(sys.argv[2]))
        print([name for name in {heavy} if name in sys.modules])
    """
    command = [sys.executable, "-W", "ignore", "-c", code, str(run), str(tmp_path / "page.html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert (tmp_path / "page.html").is_file()


def test_what_is_wrong_with_records_is_said() -> None:
    notes = tuple(RecordNote(name, "signal", "the lead is <flat>") for name in "abcdef")
    notes += (RecordNote("s", "skipped", "skipped, no such file"),)
    notes += tuple(RecordNote("r", "dropped", f"fact {number}") for number in range(40))
    text = Reader(render_page([content_of(notes=notes)])).text
    assert (
        "What to know about the records record s: skipped, no such file "
        "records a, b, c, d and 2 more: the lead is <flat> record r: fact 0 " in text
    )
    assert "record r: fact 26 and 13 more" in text
    before = content_of()
    del before["notes"]  # as an earlier version wrote it
    assert "What to know about the records" not in Reader(render_page([before])).text


BOX = re.compile(
    r'<div class="box"><p class="caption">([^<]+)<span class="hint">[^<]+</span></p>\s*'
    r'<div class="scroll" tabindex="0" role="region" aria-label="([^"]+)"><table '
)


def test_every_table_scrolls_in_a_box_that_the_keyboard_reaches() -> None:
    """A region that scrolls has a name, a place in the order of tabs, and a hint to scroll."""
    for contents in ([content_of()], [content_of(), content_of()]):
        html = render_page(contents)
        tables = BOX.findall(html)
        assert len(tables) == html.count("<table") > 4
        assert all(caption == label for caption, label in tables)


def test_every_column_of_metrics_is_explained_in_words() -> None:
    """Titles of headings need a mouse; the list of meanings does not."""
    text = Reader(render_page([content_of()])).text
    for short in ("Se, sensitivity", "+P, positive predictivity", "FPR, false positive", "AP, AUC"):
        assert short in text
