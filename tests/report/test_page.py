"""The page, read by the standard library's HTML parser: what it says, that it is well formed, and that texts stay texts."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ecg_lightning.evaluation.evaluation import describe_evaluation
from ecg_lightning.palette import CLASS_COLOURS
from ecg_lightning.report.charts import HIGH, TOP, pr_chart, whisker
from ecg_lightning.report.markup import Html, column, element, joined
from ecg_lightning.report.page import MIXED, UNKNOWN, page, stylesheet
from ecg_lightning.report.strip import _range_mv, _trace, strip_svg
from ecg_lightning.report.tables import records_table
from ecg_lightning.report.verdict import independence
from ecg_lightning.text import clock, counted, percent, ratio
from tests.helpers.evaluations import (
    HOSTILE,
    SETTINGS,
    evaluation_of,
    hostile_evaluation,
    hostile_strip,
    strip_of,
)
from tests.helpers.paths import ROOT

VOID = {"meta", "link", "img", "br", "input"}


class Reader(HTMLParser):
    """Tags that are opened, texts, attributes, and any tag that does not close what was opened last."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def content_of(run: str = "run", **changes: Any) -> dict[str, Any]:
    """As `evaluation.json` gives it back."""
    return {
        "run": run,
        **json.loads(json.dumps(describe_evaluation(evaluation_of(**changes), strip_of, 0))),
    }


def test_the_page_is_well_formed_and_says_what_was_run() -> None:
    reader = Reader(page([content_of(epochs=12)]))
    assert reader.wrong == []
    for text in (
        "DeepConv1d on mitdb, test part",
        "256 samples at 360 Hz, annotations",
        "best.ckpt",
        "epochs 12",
        "seed 7",
        "aami",
    ):
        assert text in reader.text
    assert sum(tag == "h1" for tag, _ in reader.tags) == 1
    headings = [
        "Headline figures",
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


def test_figures_are_percentages_to_one_decimal_and_absent_ones_are_words() -> None:
    text = Reader(page([content_of()])).text
    assert "balanced accuracy 58.3 %" in text  # (1 + 1/3 + 1 + 0) / 4
    assert "accuracy 66.7 %" in text
    assert "paced, other 0 no such beats" in text
    assert "0.000 %" not in text


def test_matrix_cells_are_counts_and_row_percent() -> None:
    text = Reader(page([content_of()])).text
    assert (
        "true ↓ predicted → N S V F Q N 3 0 0 0 0 S 1 1 1 0 0 V 0 0 2 0 0 F 0 0 1 0 0 Q no such beats"
        in text
    )
    assert "S 33.3 33.3 33.3 0.0 0.0 V 0.0 0.0 100.0" in text


def test_one_record_that_decides_is_named() -> None:
    text = Reader(page([content_of()])).text
    assert (
        "Record b holds 2 of the 3 S beats (66.7 %). Without it: Se 33.3 → 0.0 %, F1 50.0 → 0.0 %"
        in text
    )
    assert "Record c holds 1 of the 1 F beats: all of them." in text
    even = content_of(records=np.array(list("abcabcabc")), labels=np.repeat([0, 1, 2], 3))
    assert "One record decides" not in Reader(page([even])).text


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({}, "apart", "Split patients."),
        ({"trained": SETTINGS}, "apart", "Split patients."),
        ({"shared_patients": ("201",)}, "mixed", "1 patient in both: 201."),
        (
            {"shared_patients": tuple("abcdefghij")},
            "mixed",
            "10 patients in both: a, b, c, d, e, f, g, h and others.",
        ),
        (
            {"split": "original"},
            "mixed",
            "The split original draws beats without regard to patients.",
        ),
        ({"split": "mixed"}, "mixed", "The split mixed draws beats without regard to patients."),
        (
            {"split": "all"},
            "unknown",
            "The split all tests on every record; the weights were trained elsewhere.",
        ),
        (
            {"trained": {"imported": {}}},
            "unknown",
            "not trained with this split: source, split, split_seed differ or are not known.",
        ),
        (
            {"trained": {"data": {**SETTINGS["data"], "split": "original"}}},
            "unknown",
            "not trained with this split: split differ",
        ),
    ],
)
def test_what_is_known_about_the_patients(changes: dict[str, Any], kind: str, reason: str) -> None:
    content = content_of(**changes)
    found, why = independence(content)
    assert found == kind
    assert reason in why
    text = Reader(page([content])).text
    assert (MIXED in text, UNKNOWN in text, "Patients apart: no patient" in text) == (
        kind == "mixed",
        kind == "unknown",
        kind == "apart",
    )
    assert reason in text


@pytest.mark.parametrize(
    ("records", "split", "kind"),
    [
        (10, "patients", "nearly"),
        (9, "patients", "mixed"),
        (10, "original", "mixed"),
        (10, "mixed", "mixed"),
    ],
)
def test_one_patient_of_many_on_both_sides(records: int, split: str, kind: str) -> None:
    """As 201 of DS1 is 202 of DS2."""
    content = content_of(shared_patients=("201",), split=split)
    content["per_record"] = content["per_record"][:1] * records
    found, why = independence(content)
    assert found == kind
    assert "201" in why
    assert ("Patients apart but for those named here." in Reader(page([content])).text) == (
        kind == "nearly"
    )


def test_records_stand_by_their_errors_with_their_mistakes() -> None:
    matrices = {"few": [[5, 1], [0, 4]], "many": [[5, 0], [9, 4]], "none": [[3, 0], [0, 0]]}
    rows = [{"record": name, "confusion_matrix": matrix} for name, matrix in matrices.items()]
    reader = Reader(records_table(rows, ["N", "S"]))
    assert "many 18 9 S 9 50.0 S→N 9 few 10 1 N 1 90.0 N→S 1 none 3 0 100.0" in reader.text
    bars = [attributes["width"] for tag, attributes in reader.tags if tag == "rect"]
    assert bars == ["100.00%", "11.11%"]


def test_very_many_records_are_cut_with_a_word() -> None:
    rows = [{"record": str(k), "confusion_matrix": [[1, 1], [0, 0]]} for k in range(103)]
    reader = Reader(records_table(rows, ["N", "S"]))
    assert sum(tag == "tr" for tag, _ in reader.tags) == 101
    assert "3 further records with 3 wrong beats: see per_record.csv." in reader.text


def test_several_runs_stand_side_by_side() -> None:
    reader = Reader(
        page(
            [
                content_of("one"),
                content_of("two", shared_patients=("201",)),
                content_of("three", split="all"),
            ]
        )
    )
    assert reader.wrong == []
    assert "3 runs compared" in reader.text
    assert (
        "figure one two three patients apart mixed not known split patients patients all beats 9 9 9"
        in reader.text
    )
    assert "Patients mixed in some runs." in reader.text
    assert "not tested on the same beats" not in reader.text


def test_runs_on_other_beats_do_not_compare() -> None:
    other = content_of("two", labels=np.array([0, 0, 0, 1, 1, 2, 0, 2, 3]))
    assert (
        "The runs were not tested on the same beats"
        in Reader(page([content_of("one"), other])).text
    )


def test_no_run_is_no_page() -> None:
    with pytest.raises(ValueError, match="evaluations: expected at least one, got none"):
        page([])


def test_no_mistakes_and_no_strips() -> None:
    right = content_of(labels=evaluation_of().predictions)
    assert "No beat was classified wrongly." in Reader(page([right])).text
    content = {"run": "run", **describe_evaluation(evaluation_of(), None, 0)}
    reader = Reader(page([content]))
    assert "record b, position 2,600" in reader.text
    assert not any(attributes.get("class") == "strip" for _, attributes in reader.tags)


# --- texts from files stay texts --------------------------------------------------------------------------------------


def hostile_page(runs: int) -> str:
    return page(
        [{"run": HOSTILE, **describe_evaluation(hostile_evaluation(), hostile_strip, 0)}] * runs
    )


@pytest.mark.parametrize("runs", [1, 2])
def test_hostile_names_make_no_element_and_no_attribute(runs: int) -> None:
    text = hostile_page(runs)
    reader = Reader(text)
    assert reader.wrong == []
    assert not {tag for tag, _ in reader.tags} & {
        "img",
        "script",
        "link",
        "iframe",
        "object",
        "a",
        "form",
        "base",
    }
    attributes = {name for _, of_tag in reader.tags for name in of_tag}
    assert not {name for name in attributes if name.startswith("on")} | (
        attributes & {"style", "src", "href"}
    )
    assert HOSTILE in "".join(reader.texts)
    assert any(
        HOSTILE in (value or "") for _, of_tag in reader.tags for value in of_tag.values()
    )  # in an attribute, whole
    assert text.count("<style>") == text.count("</style>") == 1


def test_an_unescaped_name_would_be_seen() -> None:
    reader = Reader(page([content_of()]).replace("<footer>", f"<footer>{HOSTILE}"))
    assert {tag for tag, _ in reader.tags} & {"img", "script"}


def test_the_policy_allows_the_style_sheet_alone() -> None:
    text = page([content_of()])
    style = re.search("<style>(.*)</style>", text, re.DOTALL)
    assert style
    sha256 = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for tag, attributes in Reader(text).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert (
        policy
        == f"default-src 'none'; style-src 'sha256-{sha256}'; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_nothing_is_fetched() -> None:
    text = page([content_of()])
    assert not re.search(r"https?:|//|url\(|@import", text.replace("<!doctype html>", ""))


def test_the_classes_have_the_colours_of_the_pictures() -> None:
    for name, colour in CLASS_COLOURS.items():
        assert f"--{name}:{colour};" in stylesheet()


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_shade_of_the_matrix_can_be_read(scheme: int) -> None:
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
    """Of sRGB, as WCAG 2 defines it."""
    return float(
        np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        @ (0.2126, 0.7152, 0.0722)
    )


# --- markup and numbers -----------------------------------------------------------------------------------------------


def test_elements_escape_texts_and_attributes_and_leave_markup() -> None:
    made = element(
        "td", "<b>", Html("<i></i>"), 3, class_="a\"'&", aria_label=None, tabindex=0, open=True
    )
    assert made == '<td class="a&quot;&#x27;&amp;" tabindex="0" open>&lt;b&gt;<i></i>3</td>'
    assert joined(["<", column("x")]) == '&lt;<th scope="col">x</th>'


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "no such beats"),
        (0, "0.0"),
        (1, "100.0"),
        (0.0004, "<0.1"),
        (0.9996, ">99.9"),
        (0.12345, "12.3"),
        (0.9994, "99.9"),
    ],
)
def test_percentages(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_other_numbers() -> None:
    assert (ratio(-0.05), ratio(None), ratio(0.61249)) == ("−0.050", "no such beats", "0.612")
    assert (counted(1, "beat"), counted(1234, "beat")) == ("1 beat", "1,234 beats")
    assert (clock(0), clock(59.96), clock(754.25), clock(60)) == (
        "0:00.0",
        "1:00.0",
        "12:34.3",
        "1:00.0",
    )


# --- strips -----------------------------------------------------------------------------------------------------------


def test_the_paper_has_lines_at_both_steps_and_square_boxes() -> None:
    strip = {
        "lead": "II",
        "fs_hz": 100.0,
        "start_s": 9.0,
        "time_s": 10.0,
        "signal": [0.0] * 200,
        "beats": [[10.0, "V"], [10.5, "N"]],
    }
    reader = Reader(strip_svg(strip, "V", "V", "label"))
    assert reader.wrong == []
    paths = {
        attributes["class"]: str(attributes["d"])
        for tag, attributes in reader.tags
        if tag == "path"
    }
    x = [int(number) for number in re.findall(r"M(\d+) 0v", paths["small"])]
    y = [int(number) for number in re.findall(r"M0 (\d+)h", paths["small"])]
    assert x == list(range(0, 1001, 20))  # 2 s at 500 a second, 0.04 s each
    assert y == list(range(0, 601, 20))  # 3 mV at 200 a mV, 0.1 mV each
    assert [int(number) for number in re.findall(r"M(\d+) 0v", paths["large"])] == list(
        range(0, 1001, 100)
    )
    assert paths["mark V"] == "M500 0V600"
    assert reader.text == "N V −1 s 0 +1 s −1 0 1 mV"


def test_a_trace_is_exact_and_breaks_where_samples_are_invalid() -> None:
    assert (
        _trace([0.0, 0.005, -0.01, None, None, 1.0, 1.0, None, 0.5], 500.0, 300)
        == "M0 300l1 -1 1 3M5 100l1 0M8 200h1"
    )
    assert _trace([None], 500.0, 0) == ""


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([], (-1.5, 1.5)),
        ([0.0], (-1.5, 1.5)),
        ([-0.2, 2.1], (-1.0, 2.5)),
        ([-1.0, 0.0, 3.0], (-1.5, 3.5)),
        ([0.0, 0.0, 50.0], (-0.5, 3.5)),
    ],
)
def test_the_papers_edges_lie_on_large_boxes_around_the_signal(
    values: list[float], edges: tuple[float, float]
) -> None:
    assert _range_mv(values) == edges


def test_a_whisker_stays_on_its_line() -> None:
    svg = whisker(-0.2, {"low": -0.4, "high": 1.0})
    assert 'x1="0.00%" x2="100.00%"' in svg
    assert 'cx="0.00%"' in svg
    assert "circle" not in whisker(None, None)


def test_an_older_run_without_settings_has_a_page() -> None:
    bare = describe_evaluation(replace(evaluation_of(), settings={}, checkpoint=None), None, 0)
    reader = Reader(page([{"run": "r", **bare}]))
    assert "Network, test part" in reader.text
    assert "None" not in reader.text


def test_the_style_sheet_lies_in_the_package() -> None:
    assert (ROOT / "ecg_lightning" / "report" / "report.css").is_file()


def test_letters_of_equal_points_do_not_overlap() -> None:
    curve = {"recall": [0.0, 1.0], "precision": [1.0, 0.9]}
    names = "NSVFQ"
    for sensitivity, precision in ((0.98, 1.0), (0.5, 0.0)):
        chart = str(
            pr_chart(dict.fromkeys(names, curve), dict.fromkeys(names, (sensitivity, precision)))
        )
        found = [
            (float(x), float(y))
            for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="9.0"', chart)
        ]
        assert len(found) == len(names)
        heights = sorted(y for _, y in found)
        assert all(below - above >= 18 for above, below in pairwise(heights))
        assert heights[0] >= TOP
        assert heights[-1] <= TOP + HIGH
