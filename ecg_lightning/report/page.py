"""One HTML page about one tested run, or about several next to each other.

The page fetches nothing and runs nothing: its Content-Security-Policy allows its own style sheet
and nothing else, and the templates escape every value.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

from ecg_lightning.evaluation.paired import PairedSummary
from ecg_lightning.palette import CLASS_COLOURS, readable_on
from ecg_lightning.report.rendering import render
from ecg_lightning.report.sections import RunSections, run_sections
from ecg_lightning.report.tables import runs_table
from ecg_lightning.report.text_tables import OTHER_BEATS, different_beats, paired_tables
from ecg_lightning.report.verdict import (
    HEADS,
    Json,
    independence,
    network_of,
    source_text,
    verdict_text,
)


class Entry(NamedTuple):
    """One of several runs that a page compares."""

    name: str
    title: str
    split: str
    run: RunSections


def render_page(evaluations: Sequence[Json], paired: PairedSummary | None = None) -> str:
    """Return the page as text.

    Args:
        evaluations: One or more contents of `evaluation.json`.
        paired: The comparison of two runs on the same beats, where it was asked for.

    Raises:
        ValueError: There are none.

    Example:
        >>> evaluation = read_evaluation(Path("runs/my-run"))  # doctest: +SKIP
        >>> render_page([evaluation])  # doctest: +SKIP
    """
    if not evaluations:
        raise ValueError("evaluations: expected at least one, got none")
    head = {**page_head(), "program": evaluations[0]["program"]}
    if len(evaluations) == 1:
        title, run = title_of(evaluations[0]), run_sections(evaluations[0])
        return render("single.j2", title=title, run=run, **head)
    title = f"{len(evaluations)} runs compared"
    return render("comparison.j2", title=title, **_comparison(evaluations, paired), **head)


def stylesheet(*more: str) -> str:
    """Return `report.css` with the classes' colours, which are those of all figures.

    Args:
        *more: Further style sheets of the package.
    """
    colours = "".join(
        f"--{name}:{colour};--on-{name}:{readable_on(colour)};"
        for name, colour in CLASS_COLOURS.items()
    )
    folder = resources.files("ecg_lightning.report")
    sheets = [(folder / name).read_text("utf-8") for name in ("report.css", *more)]
    return f":root{{{colours}}}\n{''.join(sheets)}"


def title_of(evaluation: Json) -> str:
    """Return `DeepConv1d on mitdb, test part`."""
    source = source_text(evaluation)
    return f"{network_of(evaluation)}{f' on {source}' if source else ''}, {evaluation['part']} part"


def page_head(*more: str) -> dict[str, str]:
    """Return the style sheet, with further ones, and the policy that allows it and nothing else."""
    style = stylesheet(*more)
    sha256 = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{sha256}'; base-uri 'none'; form-action 'none'"
    return {"style": style, "policy": policy}


def _comparison(evaluations: Sequence[Json], paired: PairedSummary | None) -> dict[str, Any]:
    verdicts = [independence(evaluation) for evaluation in evaluations]
    mixed = any(verdict.status == "mixed" for verdict in verdicts)
    return {
        "mixed": HEADS["mixed"] if mixed else "",
        "different_beats": OTHER_BEATS if different_beats(evaluations) else "",
        "paired": [] if paired is None else paired_tables(paired, evaluations, own_intervals=False),
        "table": runs_table(evaluations, [verdict_text(evaluation) for evaluation in evaluations]),
        "entries": [
            Entry(
                evaluation["run"],
                title_of(evaluation),
                evaluation["split"],
                run_sections(evaluation),
            )
            for evaluation in evaluations
        ],
    }
