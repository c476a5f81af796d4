"""The predictions below the folder of results, by row, network and seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from unseen_made_of import MADE_OF, MADE_OF_FOUND, version_of
from unseen_plan import FOLDS, NETWORKS
from unseen_predictions import Predicted
from unseen_scores import counts_of
from unseen_training import DETECTOR, EXPERTS

from ecg_lightning.arrays import Integers, Names

TITLES = {
    "1": "1: DS1 + SVDB → DS2",
    "2": "2: MIT-BIH's 44 → SVDB",
    "3": "3: DS2 + SVDB → DS1",
    "4": "4: DS1 → DS2",
    "5": "5: ten folds of all",
}

# How the shares of N and S are re-estimated, chosen by the cross-validation: as many beats with the
# shares of the training, and the mean probability of S that a record needs.
EM_STRENGTH, EM_LEAST_MEAN_S = 200.0, 0.2
CAUSAL = "-causal"
PLAIN = ("offline", "experts'")  # the form of most tables


@dataclass(frozen=True)
class Group:
    """All seeds of one network in one row.

    Attributes:
        row: The row of the protocol.
        title: The folder of the network, such as `PatientContext-causal`.
        folder: Its path.
        beats: `EXPERTS` or `DETECTOR`.
        em: Whether the shares of N and S are re-estimated in each record.
    """

    row: str
    title: str
    folder: Path
    beats: str = EXPERTS
    em: bool = False

    @property
    def network(self) -> str:
        """The name of the network."""
        return self.title.removesuffix(CAUSAL)

    @property
    def causal(self) -> bool:
        """Whether it sees no later beat."""
        return self.title.endswith(CAUSAL)

    @property
    def form(self) -> tuple[str, str]:
        """Its form, and whose beats it is tested on."""
        return (
            "causal" if self.causal else "offline",
            "experts'" if self.beats == EXPERTS else "detector's",
        )

    def seeds(self) -> list[Predicted]:
        """Return the predictions of each seed, with all of its folds; a part of them is none."""
        folders = sorted(self.folder.glob("seed*"), key=lambda path: int(path.name[4:]))
        for name in (MADE_OF, MADE_OF_FOUND) if self.beats == DETECTOR else (MADE_OF,):
            _check_one_version(self.folder, name)
        parts = [self._parts(folder) for folder in folders]
        return [Predicted.concatenated(own) for own in parts if own]

    def _parts(self, folder: Path) -> list[Predicted]:
        n_folds = FOLDS.get(self.row)
        folders = [folder / f"fold{fold}" for fold in range(n_folds)] if n_folds else [folder]
        paths = [one / self.beats for one in folders]
        if not all(path.is_file() for path in paths):
            return []
        return [self._read(path) for path in paths]

    def _read(self, path: Path) -> Predicted:
        predicted = Predicted.read(path)
        return predicted.with_own_shares(EM_STRENGTH, EM_LEAST_MEAN_S) if self.em else predicted


def _check_one_version(folder: Path, name: str) -> None:
    """Refuse a mean over trainings of different code or settings.

    Raises:
        SystemExit: The trainings of a folder were made by more than one version.
    """
    versions = {version_of(path) for path in folder.rglob(name)}
    if len(versions) > 1:
        raise SystemExit(
            f"{folder}: expected trainings of one version of the code and its settings, found "
            f"{len(versions)}; repeat the older ones in another --output"
        )


class Result(NamedTuple):
    """What the seeds of a group got right and wrong.

    Attributes:
        group: The group.
        records: (M,) the names of the tested records, sorted.
        counts: (R, M, 5, 5) of R seeds, see `Predicted.confusions`.
    """

    group: Group
    records: Names
    counts: Integers

    def without(self, records: Sequence[str]) -> Integers:
        """Return the counts (R, K, 5, 5) of all records but these."""
        return self.counts[:, ~np.isin(self.records, list(records))]


def results_of(output: Path) -> Iterator[Result]:
    """Return the results of all groups below a folder, in the order of tables.

    There is no causal re-estimation: it needs the whole record.
    """
    for row in TITLES:
        for network in NETWORKS:
            for title, file, em in _FORMS:
                name = title.format(network)
                group = Group(row, name, output / f"row{row}" / name, file, em)
                if seeds := group.seeds():
                    yield Result(group, *counts_of(seeds))


# The folder of a network, whose beats, and whether the shares are re-estimated.
_FORMS = (
    ("{}", EXPERTS, False),
    ("{}", EXPERTS, True),
    ("{}", DETECTOR, False),
    ("{}", DETECTOR, True),
    (f"{{}}{CAUSAL}", EXPERTS, False),
    (f"{{}}{CAUSAL}", DETECTOR, False),
)
