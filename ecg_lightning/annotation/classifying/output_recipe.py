"""What `annotate` does with the output of a network, for programs without this one.

An exported network holds it. `tests/export/test_output_recipe.py` is a second program that follows
it.
"""

from dataclasses import asdict
from typing import Any

from ecg_lightning.annotation.classifying.classification import LEAST_QUALITY, MOST_SCALED
from ecg_lightning.models.prior_shift import CLOSE, ROUNDS, PriorShift

Step = dict[str, Any]
_POWER = "each p is raised to the power {power}, and each beat's are divided by their sum"
_OWN_SHARES = (
    "The beats are those of one sequence that have a signal, see the step no_signal; the others "
    "keep their p. If the mean of p[S] over these beats is below least_mean_s, nothing changes. "
    "Otherwise share[N] and share[S] begin as prior[N] and prior[S]. Round: q is p with q[N] = "
    "p[N] share[N] / prior[N] and q[S] = p[S] share[S] / prior[S], and the q of each beat are "
    "divided by their sum; where it is 0, q is p. count[N] is the sum of q[N] over the beats + "
    "strength prior[N], count[S] likewise. Then share[N] becomes (prior[N] + prior[S]) count[N] / "
    "(count[N] + count[S]), and share[S] likewise. The rounds end after the number of rounds, or "
    "as soon as no share has changed by as much as close. p becomes the q of the last shares."
)
_NO_SIGNAL = (
    "A beat has no signal if less than least_valid of the samples of its window are finite in the "
    "classified lead, which is the first one, or if this lead is constant in the window, or "
    "reaches most_scaled there when it is scaled. Its class is Q, and p[Q] is 1."
)


def output_recipe(
    gives_probabilities: bool,
    temperature: float,
    prior_shift: PriorShift | None = None,
    unsure_below: float | None = None,
) -> list[Step]:
    """Return the steps from the output of a network to classes, in their order, as JSON values.

    Each has a name, numbers, and a rule in words. p[c] is the probability of the class c.

    Args:
        gives_probabilities: Whether the output is probabilities, which the temperature has changed
            already; else logits.
        temperature: What logits are divided by.
        prior_shift: How shares of N and S are estimated; None: they are not.
        unsure_below: The probability below which a class is unsure; None: none is.
    """
    is_inside = gives_probabilities and prior_shift is None
    return [
        _probabilities(gives_probabilities, None if is_inside else temperature),
        *([] if prior_shift is None else [_own_shares(prior_shift)]),
        *([] if is_inside else [_temperature(temperature)]),
        _no_signal(),
        {"step": "class", "rule": "the class with the largest p; of equal ones the first"},
        *([] if unsure_below is None else [_unsure(unsure_below)]),
    ]


def _probabilities(gives_probabilities: bool, temperature: float | None) -> Step:
    """The probabilities of temperature 1; where it is None, those of the output as they are."""
    if not gives_probabilities:
        return {"step": "probabilities", "rule": "p is the softmax of the output"}
    if temperature is None:
        return {"step": "probabilities", "rule": "p is the output"}
    power = _POWER.format(power="temperature")
    rule = f"p is the output without its temperature: {power}"
    return {"step": "undo_temperature", "temperature": temperature, "rule": rule}


def _own_shares(settings: PriorShift) -> Step:
    numbers = {**asdict(settings), "prior": list(settings.prior)}
    return {"step": "own_shares", **numbers, "rounds": ROUNDS, "close": CLOSE, "rule": _OWN_SHARES}


def _temperature(temperature: float) -> Step:
    rule = _POWER.format(power="1 / temperature")
    return {"step": "temperature", "temperature": temperature, "rule": rule}


def _no_signal() -> Step:
    numbers = {"least_valid": LEAST_QUALITY, "most_scaled": MOST_SCALED}
    return {"step": "no_signal", **numbers, "class": "Q", "rule": _NO_SIGNAL}


def _unsure(limit: float) -> Step:
    rule = "unsure are the beats whose largest p is below this number, and those without a signal"
    return {"step": "unsure", "below": limit, "rule": rule}
