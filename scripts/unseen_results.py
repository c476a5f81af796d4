"""The predictions below the folder of results, by row, network and seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unseen_plan import FOLDS, NETWORKS
from unseen_predictions import Predicted
from unseen_training import DETECTOR, EXPERTS

# How the shares of N and S are re-estimated, chosen by the cross-validation: as many beats with the
# shares of the training, and the mean probability of S that a record needs.
EM_STRENGTH, EM_LEAST_MEAN_S = 200.0, 0.0
CAUSAL = "-causal"


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

    def seeds(self) -> list[Predicted]:
        """Return the predictions of each seed, with all of its folds; a part of them is none."""
        folders = sorted(self.folder.glob("seed*"), key=lambda path: int(path.name[4:]))
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


def groups_of(
    output: Path,
    rows: Sequence[str] = "12345",
    beats: Sequence[str] = (EXPERTS, DETECTOR),
    causal: Sequence[bool] = (False, True),
    em: Sequence[bool] = (False, True),
) -> Iterator[tuple[Group, list[Predicted]]]:
    """Return the groups below a folder that have predictions, and these, in the order of tables.

    There is no causal re-estimation: it needs the whole record.
    """
    for row in rows:
        for network in NETWORKS:
            for title in (f"{network}{CAUSAL if is_causal else ''}" for is_causal in causal):
                for file in beats:
                    for with_em in (one for one in em if not (one and title.endswith(CAUSAL))):
                        group = Group(row, title, output / f"row{row}" / title, file, with_em)
                        if seeds := group.seeds():
                            yield group, seeds
