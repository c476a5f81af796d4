"""TODO"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.palette import CLASS_COLOURS, readable_on
from ecg_lightning.report.charts import pr_chart, reliability_chart, whisker
from ecg_lightning.report.markup import Html, badge, element, joined
from ecg_lightning.report.strip import strip_label, strip_svg
from ecg_lightning.report.tables import (
    HEADLINES,
    classes_table,
    ec57_table,
    interval_text,
    matrix_table,
    records_table,
    runs_table,
    shown,
)
from ecg_lightning.report.verdict import Json, independence, look, network_of
from ecg_lightning.text import clock, percent, percent_sign, ratio

DECIDES = 0.5  # a record that holds this share of a class's beats decides its figures
FEW_RECORDS = 10
MOST_SURE = 0.9999  # a probability that has been rounded to 1 is shown as >99.9 %
USE = "For research only. Not a medical device, not for diagnosis."
MIXED = "Beats of the same patient are in training and test: these figures do not say how a new patient's beats are classified."
UNKNOWN = "Whether the network has seen these patients is not known: these figures may flatter it."
APART = "Patients apart: no patient of this part is in training or validation."
NEARLY = "Patients apart but for those named here."
MEANINGS = {
    "balanced accuracy": "The mean sensitivity of the classes that have beats. Normal beats, the most, count no more than the others.",
    "macro-F1": "The plain mean of the classes' F1; F1 is the harmonic mean of sensitivity and positive predictivity (+P).",
    "Cohen's kappa, MCC": "Agreement beyond chance, 1 at best. MCC is the correlation of true and predicted classes.",
    "jk index": "Half of kappa, plus an eighth of the sum of sensitivity and +P of SVEB and VEB; 1 at best.",
    "VEB, SVEB": "Ventricular and supraventricular ectopic beats by EC57: fusion and unclassifiable beats called VEB, and unclassifiable "
    "ones called SVEB, are not counted.",
    "95 % interval": "From 2,000 resamples of whole records, because beats of one record resemble each other. It says how much the figure "
    "depends on who was recorded.",
    "no such beats": "The class has no beats here, so that the figure does not exist. It is not 0.",
}


def page(evaluations: Sequence[Json]) -> str:
    """The page as text.

    Args:
        evaluations: One or more contents of `evaluation.json`.

    Raises:
        ValueError: There are none.

    Example:
        >>> page([read_evaluation(Path("runs/2026-11-22-120000-test-DeepConv1d"))])  # doctest: +SKIP
    """
    if not evaluations:
        raise ValueError("evaluations: expected at least one, got none")
    single = len(evaluations) == 1
    body = run_sections(evaluations[0]) if single else _comparison(evaluations)
    title = title_of(evaluations[0]) if single else f"{len(evaluations)} runs compared"
    foot = element(
        "footer", element("p", USE), element("p", f"Written by {evaluations[0]['program']}.")
    )
    main = element("main", element("h1", title), *body, foot)
    style = stylesheet()
    sha256 = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{sha256}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"{element('title', title)}\n<style>{style}</style>\n</head>\n<body>\n{main}\n</body>\n</html>\n"
    )


def stylesheet() -> str:
    """`report.css` with the classes' colours, those of all pictures."""
    colours = "".join(
        f"--{name}:{colour};--on-{name}:{readable_on(colour)};"
        for name, colour in CLASS_COLOURS.items()
    )
    return f":root{{{colours}}}\n" + resources.files("ecg_lightning.report").joinpath(
        "report.css"
    ).read_text("utf-8")


def title_of(evaluation: Json) -> str:
    """`DeepConv1d on mitdb, test part`."""
    source = look(evaluation["settings"], "data", "source")
    return f"{network_of(evaluation)}{f' on {source}' if source else ''}, {evaluation['part']} part"


def run_sections(evaluation: Json) -> list[Html]:
    """All about one run."""
    measures = evaluation["measures"]
    return [
        _what_was_run(evaluation),
        _verdict(evaluation),
        _section("Headline figures", _tiles(measures), *_notes(measures), _meanings()),
        _section("Classes", classes_table(measures), ec57_table(measures), *_left_out(measures)),
        _section(
            "Confusion matrix",
            element(
                "div", matrix_table(measures, False), matrix_table(measures, True), class_="pair"
            ),
        ),
        _curves(evaluation),
        _section(
            "Where the errors are",
            _legend(measures["classes"]),
            records_table(evaluation["per_record"], measures["classes"]),
        ),
        _gallery(evaluation["gallery"]),
    ]


def _section(title: str, *content: Html) -> Html:
    return element("section", element("h2", title), *content)


def _what_was_run(evaluation: Json) -> Html:
    settings, measures = evaluation["settings"], evaluation["measures"]
    beats = [
        joined([badge(name), f" {of_class['beats']:,} "])
        for name, of_class in measures["by_class"].items()
    ]
    cut = settings.get("beats") or settings.get("data") or {}
    window = (
        f"{cut['window_samples']} samples at {evaluation['fs_hz']:g} Hz"
        if look(cut, "window_samples")
        else f"{evaluation['fs_hz']:g} Hz"
    )
    facts: dict[str, Any] = {
        "run": evaluation["run"],
        "split": evaluation["split"],
        "records": f"{measures['records']:,}",
        "beats": joined(
            [element("strong", f"{measures['beats']:,}"), element("span", *beats, class_="counts")]
        ),
        "window": joined([window, f", {cut['segmentation']}" if look(cut, "segmentation") else ""]),
        "classes by": look(cut, "classes"),
        "checkpoint": evaluation["checkpoint"],
        "imported from": look(evaluation["trained"] or settings, "imported", "file"),
        "seed": settings.get("seed_everything"),
        "epochs": evaluation["epochs"],
    }
    rows = [
        element("div", element("dt", name), element("dd", value))
        for name, value in facts.items()
        if value not in (None, "")
    ]
    return element("dl", *rows, class_="facts")


def _verdict(evaluation: Json) -> Html:
    kind, reason = independence(evaluation)
    head = {"mixed": MIXED, "unknown": UNKNOWN, "nearly": NEARLY, "apart": APART}[kind]
    return element(
        "div", element("strong", head), " ", reason, class_=f"verdict {kind}", role="note"
    )


def _tiles(measures: Json) -> Html:
    tiles = []
    for name, (heading, in_percent) in HEADLINES.items():
        value, interval = measures["overall"][name], measures["intervals"].get(name)
        text = interval_text(interval, percent if in_percent else ratio)
        unit = element("span", " %", class_="unit") if in_percent and value is not None else ""
        main = element(
            "dd",
            element("span", shown(name, value), class_="number" if value is not None else "absent"),
            unit,
        )
        tiles.append(
            element(
                "div",
                element("dt", heading),
                main,
                element("dd", whisker(value, interval), element("small", text or "no interval")),
            )
        )
    return element("dl", *tiles, class_="tiles")


def _notes(measures: Json) -> Iterator[Html]:
    """Which records decide, and what the intervals rest on."""
    notes = [
        _decides(name, found, measures)
        for name, found in measures["influence"].items()
        if found and _is_decisive(found, measures["records"])
    ]
    if measures["intervals"]:
        yield element(
            "p",
            "Below each figure its 95\N{NO-BREAK SPACE}% interval, by drawing records anew.",
            class_="note",
        )
    if notes:
        yield element(
            "div", element("h3", "One record decides"), element("ul", *notes), class_="decides"
        )
    if measures["records"] == 1:
        yield element(
            "p", "One record has no spread over records: there are no intervals.", class_="note"
        )
    elif measures["records"] < FEW_RECORDS:
        yield element(
            "p",
            f"The intervals rest on {measures['records']} records only and are uncertain themselves.",
            class_="note",
        )


def _is_decisive(found: Json, records: int) -> bool:
    return records > 1 and found["beats"] >= DECIDES * found["total"]


def _decides(name: str, found: Json, measures: Json) -> Html:
    held = f" holds {found['beats']:,} of the {found['total']:,} "
    head = joined(["Record ", element("strong", found["record"]), held, badge(name), " beats"])
    if found["f1_without"] is None:
        return element("li", head, ": all of them.")
    of_class, overall = measures["by_class"][name], measures["overall"]
    changes = [
        _change("Se", of_class["sensitivity"], found["sensitivity_without"]),
        _change("F1", of_class["f1"], found["f1_without"]),
        _change("macro-F1 N S V", overall["macro_f1_nsv"], found["macro_f1_nsv_without"]),
    ]
    return element(
        "li",
        head,
        f" ({percent_sign(found['beats'] / found['total'])}). Without it: {', '.join(changes)}.",
    )


def _change(what: str, before: float | None, after: float | None) -> str:
    return f"{what} {percent(before)} \N{RIGHTWARDS ARROW} {percent_sign(after)}"


def _meanings() -> Html:
    entries = [
        element("div", element("dt", name), element("dd", text)) for name, text in MEANINGS.items()
    ]
    return element(
        "details",
        element("summary", "What the figures mean"),
        element("dl", *entries, class_="meanings"),
    )


def _left_out(measures: Json) -> Iterator[Html]:
    """A note on intervals from resamples that did not all have such beats."""
    shares = {
        name: measures["intervals"].get(f"{name}.sensitivity", {}).get("left_out", 0)
        for name in measures["classes"]
    }
    some = [f"{name} in {percent_sign(share)}" for name, share in shares.items() if 0 < share < 1]
    if some:
        yield element(
            "p",
            f"Of the resamples behind the intervals some have no beats of a class and are left out: {', '.join(some)}.",
            class_="note",
        )


def _curves(evaluation: Json) -> Html:
    measures = evaluation["measures"]
    of_class = measures["by_class"]
    points = {
        name: (figures["sensitivity"], figures["positive_predictivity"])
        for name, figures in of_class.items()
    }
    areas = [
        element("li", badge(name), f" {percent(figures['average_precision'])}")
        for name, figures in of_class.items()
    ]
    ranking = element(
        "figure",
        element("h3", "Precision and recall"),
        pr_chart(evaluation["curves"], points),
        element(
            "figcaption",
            "A letter's line leads to what the predictions reach as they are. Area under the curve, in percent:",
            element("ul", *areas, class_="legend"),
        ),
    )
    sure = element(
        "figure",
        element("h3", "Reliability"),
        reliability_chart(measures["reliability"]),
        element(
            "figcaption",
            "On the dashed line a probability means what it says; below it the network is too sure. The larger a point, the more beats. "
            f"Expected calibration error {percent_sign(measures['ece'])}, Brier score {ratio(measures['brier'])} (0 is best, 2 worst).",
        ),
    )
    return _section("Curves", element("div", ranking, sure, class_="pair"))


def _legend(names: Sequence[str]) -> Html:
    return element(
        "ul",
        *(element("li", badge(name), f" {CLASS_MEANINGS[name]}") for name in names),
        class_="legend",
    )


def _gallery(mistakes: Sequence[Json]) -> Html:
    if not mistakes:
        return _section(
            "The most confident mistakes", element("p", "No beat was classified wrongly.")
        )
    intro = element(
        "p",
        "The wrong classes that got the highest probability, at most two of a kind from one record: true class \N{RIGHTWARDS ARROW} "
        "predicted class, its probability. Paper at 25 mm/s and 10 mm/mV: small boxes are 0.04 s by 0.1 mV, large ones 0.2 s by 0.5 mV. "
        "Above each beat stands the record's own annotation.",
        class_="note",
    )
    return _section(
        "The most confident mistakes",
        intro,
        element("div", *map(_card, mistakes), class_="gallery"),
    )


def _card(mistake: Json) -> Html:
    strip = mistake["strip"]
    picture = (
        [strip_svg(strip, mistake["symbol"], mistake["class"], strip_label(mistake))]
        if strip
        else []
    )
    where = (
        f", {strip['lead']}, at {clock(strip['time_s'])}\N{NO-BREAK SPACE}min"
        if strip
        else f", position {mistake['sample']:,}"
    )
    sure = percent_sign(min(mistake["probability"], MOST_SURE))
    kind = element(
        "strong",
        badge(mistake["class"]),
        " \N{RIGHTWARDS ARROW} ",
        badge(mistake["predicted"]),
        f" {sure}",
    )
    return element(
        "figure",
        element("figcaption", kind, element("span", "record ", mistake["record"], where)),
        *picture,
    )


def _comparison(evaluations: Sequence[Json]) -> Iterator[Html]:
    verdicts = [
        {"unknown": "not known"}.get(kind, kind)
        for kind in (independence(evaluation)[0] for evaluation in evaluations)
    ]
    if "mixed" in verdicts:
        yield element(
            "div",
            element("strong", "Patients mixed in some runs."),
            " ",
            MIXED,
            class_="verdict mixed",
            role="note",
        )
    if len({_beats_of(evaluation) for evaluation in evaluations}) > 1:
        different = (
            "The runs were not tested on the same beats: their figures do not compare directly."
        )
        yield element("div", element("strong", different), class_="verdict unknown", role="note")
    yield _section("Side by side", runs_table(evaluations, verdicts), _meanings())
    for evaluation in evaluations:
        head = element(
            "summary",
            element("strong", evaluation["run"]),
            f" {title_of(evaluation)}, split {evaluation['split']}",
        )
        yield element("details", head, *run_sections(evaluation), class_="run")


def _beats_of(evaluation: Json) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Which records, and how many beats of each class: the same for the same beats."""
    return tuple(
        (row["record"], tuple(map(sum, row["confusion_matrix"])))
        for row in evaluation["per_record"]
    )
