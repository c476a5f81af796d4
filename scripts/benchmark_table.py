"""The benchmark's result as GitHub Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark_rows import Goal, Row
from benchmark_turns import spread

HEAD = (
    "stage",
    "ours",
    "compared with",
    "ours measured",
    "theirs measured",
    "times as fast",
    "goal",
    "share of peak: ours",
    "theirs",
)
COUNTED = (
    "Operations counted: two for each product of a weight and a value that a direct convolution or "
    "dense layer makes, without padding, forward and backward. A convolution by Fourier transform "
    "makes fewer, so its share may exceed 100 %."
)
# Shown in units per second; the others are shown as times.
RATES = ("train", "train2d", "predict", "spectrograms", "pictures")


def markdown(result: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the table, and below it what a reader must know."""
    peaks = result["peaks_flops_per_s"]
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(row, peaks)) + " |" for row in rows]
    lines += ["", *_notes(result)]
    return "\n".join(lines)


def as_json(row: Row, peaks: Mapping[str, float]) -> dict[str, Any]:
    """Return all numbers of a row, with those of each round."""
    return {
        "stage": row.stage,
        "what": row.what,
        "ours": row.ours,
        "theirs": row.theirs,
        "unit": row.unit,
        "seconds": {name: row.seconds[name] for name in (row.ours, row.theirs) if name},
        "ratio": vars(row.ratio) if row.ratio else None,
        "goal": row.goal and vars(row.goal),
        "met": row.met,
        "flops_per_unit": row.flops,
        "share_of_peak": {name: share for name, share in _shares(row, peaks).items() if name},
    }


def _cells(row: Row, peaks: Mapping[str, float]) -> list[str]:
    shares = _shares(row, peaks)
    return [
        f"{row.stage}: {row.what}",
        row.ours,
        row.theirs or "–",
        _measured(row, row.ours),
        _measured(row, row.theirs),
        _ratio(row),
        _goal(row),
        *(
            f"{100 * shares[name]:.0f} %" if name in shares else "–"
            for name in (row.ours, row.theirs)
        ),
    ]


def _measured(row: Row, name: str | None) -> str:
    """Return the median and, in brackets, the quartiles."""
    if name is None:
        return "–"
    if row.stage in RATES:
        rates = spread([1 / seconds for seconds in row.seconds[name]])
        return f"{rates.median:,.0f} ({rates.low:,.0f}–{rates.high:,.0f}) {row.unit}s/s"
    times = spread(row.seconds[name])
    scale, unit = _scale(times.median)
    median, low, high = (f"{s * scale:.3g}" for s in (times.median, times.low, times.high))
    return f"{median} ({low}–{high}) {unit} a {row.unit}"


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return "–"
    if row.goal and row.goal.kind == "share":
        return f"takes {_share(row.goal, row.ratio.median)} of theirs"
    return f"{row.ratio.median:.2f} ({row.ratio.low:.2f}–{row.ratio.high:.2f})"


def _goal(row: Row) -> str:
    goal = row.goal
    if goal is None:
        return "–"
    limits = {
        "times": f"{goal.limit:g}" + (f", aim {goal.aim:g}" if goal.aim else ""),
        "share": f"at most {_share(goal, goal.limit)}",
        "seconds": f"at most {_time(goal.limit)} a {row.unit}",
    }
    return limits[goal.kind] + {True: " ✓", False: " ✗", None: ""}[row.met]


def _share(goal: Goal, share: float) -> str:
    return f"{share:.2f} ×" if goal.limit >= 1 else f"{100 * share:.2g} %"


def _time(seconds: float) -> str:
    scale, unit = _scale(seconds)
    return f"{seconds * scale:.3g} {unit}"


def _scale(seconds: float) -> tuple[float, str]:
    return next(
        ((scale, unit) for scale, unit in ((1, "s"), (1e3, "ms")) if seconds * scale >= 1),
        (1e6, "µs"),
    )


def _shares(row: Row, peaks: Mapping[str, float]) -> dict[str | None, float]:
    """Return operations per second, as of the direct method, over those of matrix products."""
    if row.flops is None:
        return {}
    types = {row.ours: row.float_type, **({row.theirs: "float32"} if row.theirs else {})}
    return {
        name: row.flops / spread(row.seconds[name]).median / peaks[float_type]
        for name, float_type in types.items()
    }


def _notes(result: Mapping[str, Any]) -> list[str]:
    """Return machine, versions, peaks, the sides' largest difference, and what was not measured."""
    peaks = ", ".join(
        f"{name} {value / 1e9:,.0f} GFLOP/s" for name, value in result["peaks_flops_per_s"].items()
    )
    versions = ", ".join(
        f"{name} {version}" for name, version in sorted(result["versions"].items())
    )
    cores, gpu = ", ".join(map(str, result["cores"])), f", {result['gpu']}" if result["gpu"] else ""
    lines = [
        f"{result['date']}, {result['cpu']}{gpu}; {result['threads']} threads on cores {cores}, "
        f"load {result['load']:.1f} at the start.",
        f"Medians, quartiles in brackets, of {result['rounds']} rounds in turns, each a quarter of "
        "a second, one call or one epoch, after one of warm-up; ratios are those of each round. "
        f"{versions}.",
        f"Peak: square matrix products, {peaks}. {COUNTED}",
    ]
    if result["checks"]:
        lines.append(
            "Largest difference between the sides: "
            + ", ".join(f"{name} {value:.1e}" for name, value in result["checks"].items())
        )
    return ["  \n".join(lines), *(f"- not measured: {line}" for line in result["skipped"])]
