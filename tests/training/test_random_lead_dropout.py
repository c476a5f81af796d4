"""A lead is taken away with its template, and the other one always stays."""

import numpy as np
import pytest
import torch

from ecg_lightning.errors import InputError
from ecg_lightning.training.callbacks.random_lead_dropout import RandomLeadDropout
from tests.helpers.batches import changed, plain_beats, sequences


def outcomes(
    before: torch.Tensor, after: torch.Tensor
) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """What happened to each sequence: `kept`, `second` or `first` lead gone; else an error."""
    found = []
    for old, new in zip(before, after, strict=True):
        second, first = old.clone(), old.clone()
        second[:, [1, 3]] = 0
        first[:, [0, 2]], first[:, [1, 3]] = old[:, [1, 3]], 0
        expected = {"kept": old, "second": second, "first": first}
        found.append(next(name for name, rows in expected.items() if torch.equal(new, rows)))
    return np.array(found)


def test_sequences_lose_one_lead_or_the_other_or_none() -> None:
    before = sequences(400, 8, padding=2, one_lead=0)
    found = outcomes(before, changed(RandomLeadDropout(0.3, 0.2), before))
    shares = {name: (found == name).mean() for name in ("kept", "second", "first")}
    assert shares == pytest.approx({"kept": 0.5, "second": 0.3, "first": 0.2}, abs=0.07)


def test_a_sequence_of_one_lead_stays() -> None:
    before = sequences(30, 8, padding=2, one_lead=30)
    assert torch.equal(changed(RandomLeadDropout(0.5, 0.5), before), before)
    swapped = before[:, :, [1, 0, 3, 2, 4]]  # the first lead is the missing one
    assert torch.equal(changed(RandomLeadDropout(0.5, 0.5), swapped), swapped)


def test_no_sequence_stays_with_both_leads_if_all_lose_one() -> None:
    before = sequences(60, 8, padding=2, one_lead=0)
    found = outcomes(before, changed(RandomLeadDropout(0.6, 0.4), before))
    assert set(found) == {"second", "first"}


def test_plain_beats_of_two_leads_lose_one() -> None:
    before = plain_beats(2000, 2)
    after = changed(RandomLeadDropout(0.25, 0.25), before)
    assert torch.equal(after[:, 1] == 0, (after[:, 1] == 0).all(-1, keepdim=True).expand(-1, 256))
    gone = (after[:, 1] == 0).all(-1)
    moved = (after[:, 0] == before[:, 1]).all(-1)
    assert float(gone.double().mean()) == pytest.approx(0.5, abs=0.04)
    assert float(moved.double().mean()) == pytest.approx(0.25, abs=0.03)
    assert bool(gone[moved].all())


def test_plain_beats_of_one_lead_are_refused() -> None:
    line = "RandomLeadDropout: expected beats of 2 leads, found 1; remove it from the callbacks"
    with pytest.raises(InputError, match=line):
        changed(RandomLeadDropout(), plain_beats(3))


@pytest.mark.parametrize("shares", [(0.7, 0.4), (-0.1, 0.0), (0.0, float("nan"))])
def test_shares_are_checked(shares: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        RandomLeadDropout(*shares)
