"""Numbers that compare the shape of each beat with its patient's template and its neighbours.

They are made by torch inside the network, so that augmentation on the device reaches them, and so
that an exported network needs the beats and templates alone.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

# Samples at 128 Hz of a window of 128 samples whose R peak is sample 54: -0.11 to +0.16 s,
# -0.28 to -0.08 s, +0.16 to +0.45 s, -0.2 to +0.25 s.
QRS, P_WAVE, T_WAVE, SLOPES = slice(40, 74), slice(18, 44), slice(74, 112), slice(28, 86)
_WHOLE = slice(None)
_STEEP = (0.15, 0.3, 0.5)  # of the steepest slope
_LITTLE = 1e-3
AROUND = 31  # beats in a local mean
T_DIFFERENCE = 10  # the place of the T wave's difference in the numbers of `_compared`
PER_LEAD = 31  # numbers of one lead
_LAGS = range(-10, 7)  # samples by which a P wave is looked for earlier and later
_BASELINE = slice(-6, None)  # of a template, after its T wave


def shape_numbers(
    beats: Tensor, templates: Tensor, rr_s: Tensor, is_beat: Tensor, causal: bool = False
) -> Tensor:
    """Return numbers that compare beats with their templates and with each other.

    Args:
        beats: (S, K, L, 128) K consecutive beats of each of S sequences.
        templates: (S, K, L, 128).
        rr_s: (S, K) the RR interval before each beat, in seconds.
        is_beat: (S, K, 1) 1 for a beat, 0 for what fills up the end of a shorter sequence.
        causal: Whether no beat is compared with later ones.

    Returns:
        (S, K, L PER_LEAD), finite.
    """
    compared = _compared(beats, templates)
    p_alike = compared[..., 1].transpose(1, 2)  # (S, L, K)
    deviation = p_alike - _local_mean(p_alike, is_beat.transpose(1, 2), causal)
    numbers = [
        compared,
        _neighbours(beats, is_beat, causal),
        deviation.transpose(1, 2)[..., None],
        _moved_p_wave(beats, templates),
        _hidden_p_wave(beats, templates, rr_s),
        _shifted(compared[..., T_DIFFERENCE, None], -1),
    ]
    return torch.cat(numbers, -1).flatten(2)


def _compared(beats: Tensor, templates: Tensor) -> Tensor:
    """(S, K, L, 22), the correlations of QRS and P wave first; see `T_DIFFERENCE`."""
    parts = {
        name: (beats[..., part], templates[..., part])
        for name, part in (("qrs", QRS), ("p", P_WAVE), ("t", T_WAVE), ("all", _WHOLE))
    }
    size = _energy(parts["qrs"][1]) + 1e-6
    slopes, usual = (x[..., SLOPES].diff(dim=-1).abs() for x in (beats, templates))
    numbers = [_correlation(*pair) for pair in parts.values()]
    numbers += [_log_ratio(_energy(beat), _energy(own)) for beat, own in parts.values()]
    numbers += [
        ((beat - own).square().sum(-1) / size + 1e-4).log()
        for beat, own in (parts["qrs"], parts["p"], parts["t"])
    ]
    numbers += [_width(slopes, share) - _width(usual, share) for share in _STEEP]
    numbers += [
        _log_ratio(slopes.amax(-1), usual.amax(-1)),
        _log_ratio(*map(_height, parts["qrs"])),
        _height(parts["p"][0]) - _height(parts["p"][1]),
        _height(parts["t"][0]) - _height(parts["t"][1]),
        parts["qrs"][0].sum(-1) / (parts["qrs"][1].abs().sum(-1) + _LITTLE),
        _height(parts["p"][1]),
        _height(parts["t"][1]),
        parts["p"][0].amax(-1) - parts["p"][0].mean(-1),
    ]
    return torch.stack(numbers, -1)


def _neighbours(beats: Tensor, is_beat: Tensor, causal: bool) -> Tensor:
    """(S, K, L, 3): correlation of the QRS with the beat before and after, of the P with before.

    The first beat is compared with itself, and so is the last; if causal, each one instead of the
    beat after it.
    """
    qrs, p_wave = _unit(beats[..., QRS]), _unit(beats[..., P_WAVE])
    with_previous = [(x * _shifted(x, -1)).sum(-1) for x in (qrs, p_wave)]
    has_next = torch.zeros_like(is_beat) if causal else _shifted(is_beat, 1)
    following = torch.where(has_next[..., None] > 0, _shifted(qrs, 1), qrs)
    with_next = (qrs * following).sum(-1)
    return torch.stack([with_previous[0], with_next, with_previous[1]], -1)


def _moved_p_wave(beats: Tensor, templates: Tensor) -> Tensor:
    """(S, K, L, 2): how well the template's P wave fits somewhere near its place, and where."""
    own, length = _unit(templates[..., P_WAVE]), P_WAVE.stop - P_WAVE.start
    region = _centred(beats[..., P_WAVE.start + _LAGS[0] : P_WAVE.stop + _LAGS[-1]])
    products = [(region[..., i : i + length] * own).sum(-1) for i in range(len(_LAGS))]
    means, squares = (
        F.avg_pool1d(x.flatten(0, -2)[:, None], length, 1).view(*x.shape[:-1], len(_LAGS))
        for x in (region, region**2)
    )
    energies = length * (squares - means**2).clamp(min=0) + 1e-6
    fits = torch.stack(products, -1) / energies.sqrt()
    lag = (fits.argmax(-1) + _LAGS[0]) / 10.0
    return torch.stack([fits.amax(-1), torch.where(fits.amax(-1) > 0, lag, -1.0)], -1)


def _hidden_p_wave(beats: Tensor, templates: Tensor, rr_s: Tensor) -> Tensor:
    """(S, K, L, 2): the energy before the QRS without the T wave of the beat before, and its P.

    In a premature beat the P wave lies in the T wave of the beat before. That is taken for the
    template's, so the first number is the energy of what is left, over that of the template's P
    wave, and the second what subtracting the template's P wave changes.
    """
    places = (128 * rr_s).round().long()[..., None] + torch.arange(
        P_WAVE.start, P_WAVE.stop, device=rr_s.device
    )
    inside = (places < templates.shape[-1])[:, :, None]
    places = places.clamp(0, templates.shape[-1] - 1)[:, :, None].expand(
        -1, -1, templates.shape[2], -1
    )
    tail = templates.gather(-1, places) - templates[..., _BASELINE].mean(-1, keepdim=True)
    tail = _centred(torch.where(inside, tail, 0.0))
    left, own = _centred(beats[..., P_WAVE]) - tail, _centred(templates[..., P_WAVE])
    energy, without_own, usual = (
        (x.square().sum(-1) + _LITTLE).log() for x in (left, left - own, own)
    )
    return torch.stack([energy - usual, without_own - energy], -1)


def _shifted(x: Tensor, beats: int) -> Tensor:
    """What lies so many beats later, the last beat or the first at the ends.

    Rows are selected, not joined: exporters then accept sequences of any length.
    """
    places = torch.arange(x.shape[1], device=x.device) + beats
    return x.index_select(1, places.clamp(min=0).clamp(max=x.shape[1] - 1))


def _local_mean(x: Tensor, is_beat: Tensor, causal: bool) -> Tensor:
    """The mean of (S, L, K) over AROUND beats, fewer at the ends; 0 where there are none.

    If causal, they end with the beat.
    """
    around = (AROUND - 1, 0) if causal else (AROUND // 2, AROUND // 2)
    sums, counts = (
        F.avg_pool1d(F.pad(values, around), AROUND, 1) * AROUND for values in (x * is_beat, is_beat)
    )
    return sums / counts.clamp(min=1)


def _unit(x: Tensor) -> Tensor:
    centred = _centred(x)
    return centred / (centred.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def _correlation(beat: Tensor, own: Tensor) -> Tensor:
    return (_unit(beat) * _unit(own)).sum(-1)


def _energy(x: Tensor) -> Tensor:
    return _centred(x).square().sum(-1)


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _height(x: Tensor) -> Tensor:
    return x.amax(-1) - x.amin(-1)


def _log_ratio(value: Tensor, base: Tensor) -> Tensor:
    return ((value + _LITTLE) / (base + _LITTLE)).log()


def _width(slopes: Tensor, share: float) -> Tensor:
    """The seconds for which a slope exceeds a share of the steepest one."""
    return (slopes > share * slopes.amax(-1, keepdim=True)).sum(-1) / 128.0
