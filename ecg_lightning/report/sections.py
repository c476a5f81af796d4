"""What the page says about one run, as plain values; `templates/run.j2` writes it as HTML."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ecg_lightning.classes import CLASS_MEANINGS
from ecg_lightning.nested import value_at
from ecg_lightning.records.notes import RecordNote, bounded, note_lines
from ecg_lightning.report.charts import Chart, Whisker, pr_chart, reliability_chart, whisker
from ecg_lightning.report.differences import Difference, difference_rows
from ecg_lightning.report.strip import Drawing, draw_strip, strip_label
from ecg_lightning.report.tables import (
    HEADLINES,
    Cell,
    ClassRow,
    ConfusionRow,
    RecordsTable,
    class_rows,
    confusion_rows,
    event_rows,
    headline,
    records_table,
)
from ecg_lightning.report.text_tables import FEW_RECORDS
from ecg_lightning.report.verdict import (
    Json,
    Verdict,
    independence,
    parts_text,
    source_text,
)
from ecg_lightning.text import clock, percent, percent_sign, ratio

DECISIVE_SHARE = 0.5  # of the beats of a class in one record: its metrics depend on this record
MOST_NOTES = 30  # lines about the records
MOST_SURE = 0.9999  # a probability that has been rounded to 1 is shown as >99.9 %


class Beats(NamedTuple):
    """The number of all beats, and of the beats of each class."""

    total: str
    by_class: Sequence[tuple[str, str]]


class Tile(NamedTuple):
    """A headline metric."""

    heading: str
    cell: Cell
    in_percent: bool
    whisker: Whisker


class Decisive(NamedTuple):
    """A record that holds most beats of a class; `without` says what changes without it."""

    record: str
    beats: str
    total: str
    name: str
    share: str
    without: str


class Intervals(NamedTuple):
    """From how many records the intervals come.

    Attributes:
        exist: Whether there are any.
        records: The number of records.
        few: Whether there are so few records that the intervals are uncertain.
        missing: The share of resamples without beats of a class, such as `S in 12 %`.
    """

    exist: bool
    records: int
    few: bool
    missing: str


class Curves(NamedTuple):
    """Both charts, the area under each class's curve, and the numbers below the second chart."""

    ranking: Chart
    areas: Sequence[tuple[str, str]]
    reliability: Chart
    ece: str
    brier: str


class Card(NamedTuple):
    """A confident mistake, with its strip where there are records to draw."""

    true: str
    predicted: str
    probability: str
    record: str
    where: str
    drawing: Drawing | None


class RunSections(NamedTuple):
    """All that the page says about one run.

    `notes` holds what was skipped, dropped or odd in the records, and `legend` each class and its
    meaning.
    """

    facts: Sequence[tuple[str, Any]]
    verdict: Verdict
    notes: Sequence[str]
    differences: Sequence[Difference]
    tiles: Sequence[Tile]
    decisive: Sequence[Decisive]
    intervals: Intervals
    classes: Sequence[ClassRow]
    events: Sequence[ClassRow]
    counts: Sequence[ConfusionRow]
    percents: Sequence[ConfusionRow]
    curves: Curves
    legend: Sequence[tuple[str, str]]
    records: RecordsTable
    gallery: Sequence[Card]


def run_sections(evaluation: Json) -> RunSections:
    """Return what the page says about a run.

    Args:
        evaluation: The content of `evaluation.json`.
    """
    metrics = evaluation["measures"]
    return RunSections(
        [(name, value) for name, value in _facts(evaluation).items() if value not in (None, "")],
        independence(evaluation),
        _notes(evaluation),
        difference_rows(evaluation.get("differences", ())),
        _tiles(metrics),
        list(_decisive(metrics)),
        _intervals(metrics),
        class_rows(metrics),
        event_rows(metrics),
        confusion_rows(metrics, as_percent=False),
        confusion_rows(metrics, as_percent=True),
        _curves(evaluation),
        [(name, CLASS_MEANINGS[name]) for name in metrics["classes"]],
        records_table(evaluation["per_record"], metrics["classes"]),
        [_card(mistake) for mistake in evaluation["gallery"]],
    )


def _notes(evaluation: Json) -> list[str]:
    """Lines about the records, the skipped ones first; earlier versions wrote none."""
    notes = [RecordNote(**note) for note in evaluation.get("notes", ())]
    notes.sort(key=lambda note: note.topic != "skipped")
    return bounded(note_lines(notes), MOST_NOTES)


def _facts(evaluation: Json) -> dict[str, Any]:
    settings, metrics = evaluation["settings"], evaluation["measures"]
    cut = settings.get("beats") or settings.get("data") or {}
    by_class = metrics["by_class"].items()
    return {
        "run": evaluation["run"],
        "source": source_text(evaluation),
        "split": evaluation["split"],
        "parts": parts_text(evaluation),
        "records": f"{metrics['records']:,}",
        "patients": _patients(evaluation),
        "beats": Beats(
            f"{metrics['beats']:,}",
            [(name, f"{class_metrics['beats']:,}") for name, class_metrics in by_class],
        ),
        "window": _window(cut, evaluation["fs_hz"]),
        "class map": value_at(cut, "classes"),
        "checkpoint": evaluation["checkpoint"],
        "imported from": value_at(evaluation["trained"] or settings, "imported", "file"),
        "seed": settings.get("seed_everything"),
        "epochs up to this checkpoint": evaluation["epochs"],
    }


def _patients(evaluation: Json) -> str:
    """The number of known patients in this part; "" in files of earlier versions."""
    counts = value_at(evaluation, "patients") or {}
    if not counts.get("tested"):
        return ""
    return f"{counts['tested']:,}{' known' if counts['unknown'] else ''}"


def _window(cut: Json, fs_hz: float) -> str:
    samples = f"{cut['window_samples']} samples at " if value_at(cut, "window_samples") else ""
    by = f", {cut['segmentation']}" if value_at(cut, "segmentation") else ""
    return f"{samples}{fs_hz:g} Hz{by}"


def _tiles(metrics: Json) -> list[Tile]:
    return [
        Tile(
            heading,
            headline(metrics, name),
            in_percent,
            whisker(metrics["overall"][name], metrics["intervals"].get(name)),
        )
        for name, (heading, in_percent) in HEADLINES.items()
    ]


def _decisive(metrics: Json) -> Iterator[Decisive]:
    for name, influence in metrics["influence"].items():
        if influence and _is_decisive(influence, metrics["records"]):
            beats, total = influence["beats"], influence["total"]
            yield Decisive(
                influence["record"],
                f"{beats:,}",
                f"{total:,}",
                name,
                percent_sign(beats / total),
                _without(name, influence, metrics),
            )


def _is_decisive(influence: Json, records: int) -> bool:
    return records > 1 and influence["beats"] >= DECISIVE_SHARE * influence["total"]


def _without(name: str, influence: Json, metrics: Json) -> str:
    if influence["f1_without"] is None:
        return ""
    class_metrics, overall = metrics["by_class"][name], metrics["overall"]
    changes = [
        _change("Se", class_metrics["sensitivity"], influence["sensitivity_without"]),
        _change("F1", class_metrics["f1"], influence["f1_without"]),
        _change("macro-F1 N S V", overall["macro_f1_nsv"], influence["macro_f1_nsv_without"]),
    ]
    return ", ".join(changes)


def _change(what: str, before: float | None, after: float | None) -> str:
    return f"{what} {percent(before)} \N{RIGHTWARDS ARROW} {percent_sign(after)}"


def _intervals(metrics: Json) -> Intervals:
    shares = {
        name: metrics["intervals"].get(f"{name}.sensitivity", {}).get("left_out", 0)
        for name in metrics["classes"]
    }
    missing = [
        f"{name} in {percent_sign(share)}" for name, share in shares.items() if 0 < share < 1
    ]
    records = metrics["records"]
    return Intervals(bool(metrics["intervals"]), records, records < FEW_RECORDS, ", ".join(missing))


def _curves(evaluation: Json) -> Curves:
    metrics = evaluation["measures"]
    by_class = metrics["by_class"].items()
    points = {
        name: (class_metrics["sensitivity"], class_metrics["positive_predictivity"])
        for name, class_metrics in by_class
    }
    return Curves(
        pr_chart(evaluation["curves"], points),
        [(name, percent(class_metrics["average_precision"])) for name, class_metrics in by_class],
        reliability_chart(metrics["reliability"]),
        percent_sign(metrics["ece"]),
        ratio(metrics["brier"]),
    )


def _card(mistake: Json) -> Card:
    strip, label = mistake["strip"], ""
    where = f", position {mistake['sample']:,}"
    if strip:
        where = f", {strip['lead']}, at {clock(strip['time_s'])}\N{NO-BREAK SPACE}min"
        label = strip_label(mistake)
    return Card(
        mistake["class"],
        mistake["predicted"],
        percent_sign(min(mistake["probability"], MOST_SURE)),
        mistake["record"],
        where,
        draw_strip(strip, mistake["symbol"], mistake["class"], label) if strip else None,
    )
