"""What `compare` prints: rates by record, gross and average rates, and the matrix."""

from collections.abc import Mapping, Sequence

from ecg_lightning.cli.text_table import Layout, hidden_columns, table_lines, wrapped
from ecg_lightning.evaluation.beat_comparison import COLUMNS, ROWS, Counts
from ecg_lightning.evaluation.comparison import SEED, Comparison
from ecg_lightning.evaluation.comparison_rates import FRACTIONS, RATES, events, rates
from ecg_lightning.evaluation.confusion import Metric
from ecg_lightning.evaluation.intervals import RESAMPLES, Interval
from ecg_lightning.text import counted, duration, escaped

_HEADS = {
    "sensitivity": "Se",
    "positive_predictivity": "+P",
    "f1": "F1",
    "false_positive_rate": "FPR",
}
_NAMES = {name: f"{event} {_HEADS[rate]}" for name in RATES for event, rate in [name.split(".")]}
_OF_RECORDS = [name for name in RATES if not name.endswith(".f1")]
_MEANING = {"bxb": "e, j and n are S", "aami": "n is S, e and j are N"}
_NONE, _PAGE = "-", 80
_MATRIX = "Rows: beats of the reference; columns: test beats"
_OF_GROSS, _OF_AVERAGE = "95 % of gross", "95 % of average"
_INTERVALS = f"95 %: bootstrap over records, {RESAMPLES:,} resamples, seed {SEED}."
_AVERAGE = "Average: over the records that have the rate; - means: no such beats."

_Table = tuple[list[dict[str, str]], Layout]


def comparison_lines(
    comparison: Comparison, missing: Mapping[str, Sequence[str]], width: int | None
) -> list[str]:
    """Return the lines about a comparison.

    Args:
        comparison: The comparison.
        missing: Record -> the endings of the annotation files that it lacks.
        width: The cells of the terminal; None where lines may have any length.
    """
    several = len(comparison.records) > 1
    tables: list[_Table] = [*([_records(comparison)] if several else ()), _totals(comparison)]
    hidden = [name for rows, layout in tables for name in hidden_columns(rows, layout, width)]
    blocks = [
        _wrapped(_head(comparison), width),
        *(table_lines(rows, layout, width) for rows, layout in tables),
        [*_wrapped([_MATRIX], width), *_matrix(comparison.gross)],
        _wrapped([*(_notes(hidden) if several else ()), *_missing(missing)], width),
    ]
    return [line for block in blocks if block for line in ("", *block)][1:]


def _notes(hidden: Sequence[str]) -> list[str]:
    """What the columns mean that are shown, and which ones are hidden."""
    has_intervals = not {_OF_GROSS, _OF_AVERAGE} <= set(hidden)
    more = f"A wider terminal also shows: {', '.join(hidden)}."
    return [*([_INTERVALS] if has_intervals else ()), _AVERAGE, *([more] if hidden else ())]


def _wrapped(texts: Sequence[str], width: int | None) -> list[str]:
    return [line for text in texts for line in wrapped(text, width or _PAGE)]


def _head(comparison: Comparison) -> list[str]:
    settings = comparison.settings
    test, reference = (escaped(settings[name], 20) for name in ("test", "reference"))
    number = counted(len(comparison.records), "record")
    start_s, classes = settings["start_s"], settings["classes"]
    start = f"from {time_text(start_s)}" if start_s else "from the start"
    return [
        f"{test} against {reference}, {number}, {start}, rates in percent",
        f"Classes {classes}: {_MEANING[classes]}",
    ]


def time_text(seconds: float) -> str:
    """Return a time such as `5:00` or `12.5 s`."""
    return duration(seconds) if seconds == int(seconds) else f"{seconds:g} s"


def _records(comparison: Comparison) -> _Table:
    """A line for each record, in percent."""
    columns = [_NAMES[name] for name in _OF_RECORDS]
    rows = [{"record": "record", **{name: name for name in columns}}]
    for name, counts in zip(comparison.records, comparison.counts, strict=True):
        rows.append({"record": escaped(name, 60), **_shown(rates(counts))})
    rows.append({"record": "gross", **_shown(rates(comparison.gross))})
    rows.append({"record": "average", **_shown(comparison.average)})
    layout = Layout(
        ("record", *columns),
        right=columns,
        shortened={"record": 7},
        dropped=("VEB FPR", "VEB +P", "SVEB +P", "VEB Se", "SVEB Se"),
        cut_at_start=("record",),
    )
    return rows, layout


def _shown(values: Mapping[str, Metric]) -> dict[str, str]:
    return {_NAMES[name]: hundredths(values[name]) for name in _OF_RECORDS}


def _totals(comparison: Comparison) -> _Table:
    """A line for each rate: gross and average, with their intervals, in percent."""
    gross, average = rates(comparison.gross), comparison.average
    terms = events(comparison.gross)
    several = len(comparison.records) > 1
    columns = ("rate", "gross", *((_OF_GROSS, "average", _OF_AVERAGE) if several else ()), "counts")
    rows = [{name: name.partition(" of ")[0] for name in columns}]
    for name in RATES:
        part, whole = (sum(terms[term] for term in side) for side in FRACTIONS[name])
        cells = {
            "rate": _NAMES[name],
            "gross": hundredths(gross[name]),
            _OF_GROSS: _ends(comparison.intervals["gross"].get(name)),
            "average": hundredths(average[name]),
            _OF_AVERAGE: _ends(comparison.intervals["average"].get(name)),
            "counts": _NONE if gross[name] is None else f"{part}/{whole}",
        }
        rows.append({column: cells[column] for column in columns})
    return rows, Layout(columns, right=columns[1:], dropped=(_OF_AVERAGE, _OF_GROSS, "average"))


def _matrix(counts: Counts) -> list[str]:
    """The matrix; rows are classes of the reference, columns those of the test annotations."""
    rows = [{"": "", **{column: column for column in COLUMNS}}]
    for name, numbers in zip(ROWS, counts.matrix.tolist(), strict=True):
        cells = dict(zip(COLUMNS, map(str, numbers), strict=True))
        if name in "OX":
            cells |= {"o": "", "x": ""}
        rows.append({"": name, **cells})
    return table_lines(rows, Layout(("", *COLUMNS), right=COLUMNS))


def hundredths(share: Metric) -> str:
    """Return a share in percent as `97.42`; `-` for none. Only 1 itself is shown as 100.00.

    Example:
        >>> hundredths(0.97416), hundredths(0.99999), hundredths(None)
        ('97.42', '>99.99', '-')
    """
    if share is None:
        return _NONE
    if 0 < share < 0.00005:
        return "<0.01"
    return ">99.99" if 0.99995 <= share < 1 else f"{100 * share:.2f}"


def _ends(interval: Interval | None) -> str:
    if not interval or interval["low"] is None:
        return _NONE
    return f"{hundredths(interval['low'])} to {hundredths(interval['high'])}"


def _missing(missing: Mapping[str, Sequence[str]]) -> list[str]:
    """One text for each combination of missing files, with all its records."""
    records: dict[tuple[str, ...], list[str]] = {}
    for name, endings in missing.items():
        records.setdefault(tuple(endings), []).append(escaped(name, 60))
    return [
        f"Not compared, no .{escaped(' and no .'.join(endings), 60)}: {', '.join(names)}"
        for endings, names in records.items()
    ]
