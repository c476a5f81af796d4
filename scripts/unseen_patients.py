"""Train and test the rows of docs/protocol.md: patients that the networks have never seen.

    python scripts/unseen_patients.py ROW --mitdb MITDB --svdb SVDB --output DIR
    python scripts/unseen_patients.py cv  --mitdb MITDB --svdb SVDB --output DIR [-- FIT ARGUMENTS]
    python scripts/unseen_patients.py tables --output DIR [--document docs/unseen-patients.md]

ROW is 1 to 5. It trains one network with each seed and keeps its predictions of the test side, on
the experts' beats or on those of our detector (`--beats detector`, after the experts'). No score is
computed: `tables` does that, for all that DIR holds, and each such look at a test side belongs into
the log of docs/protocol.md. Repeat a command to resume it: finished trainings are kept.

`cv` is for choices of the design: five folds by record inside DS1 and SVDB, with their scores.
Arguments after `--` go to `fit`; `--variant WORD` gives them folders of their own.

Each training runs in its own process on one core; `--jobs 2` runs two at once.
"""

import argparse
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import unseen_detector as detector
import unseen_training as training
import unseen_trees as trees
from documents import fill
from unseen_made_of import FINDING, MADE_OF, MADE_OF_FOUND, check_made_of
from unseen_plan import FOLDS, NETWORKS, ROWS, Databases, Unit, units_of
from unseen_predictions import Predicted
from unseen_results import results_of
from unseen_tables import cross_validation_text, tables_of, write_records
from unseen_training import (
    CAUSAL,
    DETECTOR,
    EXPERTS,
    Runner,
    checkpoint_of,
    in_own_process,
    predicted_by_network,
)

TREES = "LightGBM"
LOOK = "A look at test sides: add a line to the log of docs/protocol.md (date, commit, what, why)."
_ALONE = threading.Lock()  # work in this process, one unit at a time


def measure(
    units: Sequence[Unit],
    databases: Databases,
    output: Path,
    beats: str = "experts",
    more: Sequence[str] = (),
    jobs: int = 1,
    run: Runner = in_own_process,
) -> None:
    """Train units and keep their predictions; what is there already is kept.

    Args:
        units: What to train and test.
        databases: Where the records are.
        output: The folder of all results.
        beats: `experts`, or `detector` for the beats of our detector as well.
        more: Further arguments of `fit`.
        jobs: How many trainings run at once.
        run: Runs a command.
    """
    failed = threading.Event()

    def one(unit: Unit) -> None:
        if failed.is_set():
            return
        try:
            _kept(unit, databases, output, beats, more, run)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(one, unit) for unit in units]:
            future.result()


def _kept(
    unit: Unit, databases: Databases, output: Path, beats: str, more: Sequence[str], run: Runner
) -> None:
    experts = _experts(unit, databases, output, more, run)
    if beats == "detector":
        with _ALONE:
            _on_found_beats(unit, experts, databases, output)
    print(f"{unit.folder}: predictions are there", flush=True)


def _experts(
    unit: Unit, databases: Databases, output: Path, more: Sequence[str], run: Runner
) -> Predicted:
    folder = output / unit.folder
    path, is_trees = folder / EXPERTS, unit.network == TREES
    settings = (
        trees.settings_of(unit, databases)
        if is_trees
        else training.settings_of(unit, databases, more)
    )
    check_made_of(folder / MADE_OF, path, settings)
    if path.is_file():
        return Predicted.read(path)
    if is_trees:
        with _ALONE:
            predicted = trees.predicted_by_trees(unit, databases)
    else:
        predicted = predicted_by_network(unit, databases, output, more, run)
    predicted.write(path)
    return predicted


def _on_found_beats(unit: Unit, experts: Predicted, databases: Databases, output: Path) -> None:
    folder = output / unit.folder
    path = folder / DETECTOR
    check_made_of(folder / MADE_OF_FOUND, path, detector.settings_of(), FINDING)
    if not path.is_file():
        checkpoint = checkpoint_of(output, unit)
        detector.predicted_on_found_beats(checkpoint, experts, databases, unit.causal).write(path)


def write_tables(output: Path, document: Path | None) -> str:
    """Score all predictions below a folder; write tables.md, records.csv and the document."""
    results = list(results_of(output))
    tables = tables_of(results)
    write_records(output / "records.csv", results)
    text = "\n\n".join(f"## {name}\n\n{content}" for name, content in tables.items())
    (output / "tables.md").write_text(f"{text}\n", encoding="utf-8")
    if document:
        fill(document, tables)
    return f"{text}\n\n{LOOK}"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=[*ROWS, *FOLDS, "tables"], metavar="ROW|cv|tables")
    parser.add_argument("--mitdb", type=Path, help="folder of MIT-BIH")
    parser.add_argument("--svdb", type=Path, help="folder of SVDB")
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--network", default="PatientContext", choices=NETWORKS)
    parser.add_argument("--seeds", help="such as 0,1; default: those of the protocol")
    parser.add_argument("--causal", action="store_true", help="no beat sees later ones")
    parser.add_argument("--beats", default="experts", choices=["experts", "detector"])
    parser.add_argument("--variant", default="", help="a word for the arguments after --, for cv")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once; default: 1")
    parser.add_argument("--document", type=Path, help="document whose tables are replaced")
    own, more = _split(sys.argv[1:] if words is None else words)
    args = parser.parse_args(own, argparse.Namespace(more=more))
    if args.what != "tables" and not (args.mitdb and args.svdb):
        parser.error("name the folders: --mitdb and --svdb")
    if args.what != "cv" and (args.more or args.variant):
        parser.error("the rows are trained as the protocol says: --variant and -- are for cv")
    if args.more and not args.variant:
        parser.error("name the arguments after --: --variant WORD")
    if args.causal and args.network not in (*CAUSAL, TREES):
        parser.error(f"--causal: {args.network} sees no other beats")
    if args.beats == "detector" and args.network == TREES:
        parser.error("--beats detector: annotate has no LightGBM")
    return args


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and after `--`."""
    place = words.index("--") if "--" in words else len(words)
    return [*words[:place]], [*words[place + 1 :]]


def seeds_of(args: argparse.Namespace) -> list[int]:
    """Return the seeds that the command names, or those of the protocol."""
    if args.seeds:
        return [int(word) for word in args.seeds.split(",")]
    return list(NETWORKS[args.network])[: 1 if args.what in FOLDS else None]


def main(words: Sequence[str] | None = None) -> None:
    """Run a row, the cross-validation, or write the tables."""
    args = arguments(words)
    torch.set_num_threads(1)
    if args.what == "tables":
        print(write_tables(args.output, args.document))
        return
    databases = Databases(("mitdb", "svdb"), (args.mitdb, args.svdb))
    choice = (args.what, args.network, seeds_of(args), databases, args.causal, args.variant)
    units = units_of(*choice)
    measure(units, databases, args.output, args.beats, args.more, args.jobs)
    if args.what == "cv":
        print(cross_validation_text(args.output, units))


if __name__ == "__main__":
    main()
