"""The shapes of the simulated beats, as tables of waves.

A wave table is (W, 6): the time of the peak after the reference (s), the widths before and after
the peak (s), and the dipole x, y, z (mV). The times of P tables count from the peak of the P wave,
those of QRS and T tables from the R peak. Sizes and times are textbook values for an adult.
"""

from dataclasses import dataclass, replace

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.synthetic.roles import Role

_P = np.array([[-0.014, 0.016, 0.017, 0.03, 0.08, 0.06], [0.016, 0.017, 0.017, 0.08, 0.06, -0.07]])
_QRS = np.array(
    [
        [-0.026, 0.008, 0.008, -0.15, -0.05, 0.22],  # septum: small q in MLII, r in V1
        [0.000, 0.011, 0.011, 0.78, 0.78, -0.75],  # free walls: R in MLII, S in V1
        [0.028, 0.010, 0.011, -0.25, -0.12, -0.22],  # base
    ]
)
_T = np.array([[0.270, 0.058, 0.038, 0.24, 0.24, 0.20], [0.440, 0.030, 0.030, 0.02, 0.02, 0.02]])
_LBBB_QRS = np.array(
    [
        [-0.028, 0.018, 0.017, 0.55, 0.50, -0.55],
        [0.022, 0.020, 0.024, 0.75, 0.45, -0.95],
    ]
)
_LBBB_T = np.array(
    [[0.110, 0.045, 0.060, -0.12, -0.08, 0.20], [0.290, 0.062, 0.045, -0.30, -0.22, 0.38]]
)
# The right ventricle comes last: a broad S in MLII, an R' in V1.
_RBBB_LATE = np.array([[0.060, 0.017, 0.022, -0.42, -0.08, 0.85]])
_RBBB_T = np.array([[0.285, 0.058, 0.040, 0.26, 0.26, -0.20]])
# A beat that begins in a ventricle spreads slowly from muscle to muscle. Time and widths (s) of
# its 3 QRS waves and 2 ST-T waves.
_ECTOPIC_TIMES = np.array([[-0.042, 0.020, 0.022], [0.000, 0.026, 0.027], [0.050, 0.024, 0.030]])
_ECTOPIC_T_TIMES = np.array([[0.130, 0.045, 0.070], [0.300, 0.070, 0.050]])
# The direction in which a beat spreads from each place in the ventricles.
FOCI = np.array(
    [
        [0.25, 0.95, -0.70],  # outflow tract of the right ventricle: up in MLII, down in V1
        [-0.75, -0.45, 0.85],  # side wall of the left ventricle: down in MLII, up in V1
        [0.30, 0.85, 0.75],  # outflow tract of the left ventricle: up in both
        [0.65, -0.85, -0.75],  # apex of the right ventricle: down in both
        [0.70, 0.50, -0.80],  # septum of the right ventricle: up in MLII, down in V1
    ]
)


@dataclass(frozen=True)
class Shape:
    """The wave tables of one type of beat.

    Attributes:
        p: (W, 6), no rows where there is no P wave.
        qrs: (W, 6).
        t: (W, 6).
        spike_s: The time of the pacemaker's impulse after the R peak; NaN for none.
    """

    p: Floats
    qrs: Floats
    t: Floats
    spike_s: float = float("nan")


def draw_shapes(role: Role, rng: np.random.Generator) -> dict[str, Shape]:
    """Draw one patient's shapes: symbol to shape, with `V0`, `V1`, … for the ventricular foci."""
    axis = _rotation(rng.normal(0, 0.22), rng.normal(0, 0.15))
    size = rng.uniform(0.85, 1.35)
    p = _vary(_P, rng, axis, rng.uniform(0.9, 1.4))
    qrs, t = _vary(_QRS, rng, axis, size), _vary(_T, rng, axis, size)
    late = _vary(_RBBB_LATE, rng, axis, size)
    rbbb = Shape(
        p, np.concatenate([qrs * [1, 1, 1, 1, 1, 0.6], late]), _vary(_RBBB_T, rng, axis, size)
    )
    lbbb = Shape(p, _vary(_LBBB_QRS, rng, axis, size), _vary(_LBBB_T, rng, axis, size))
    base = {"N": Shape(p, qrs, t), "L": lbbb, "R": rbbb}[role.conducted]
    ectopic_p = _vary(
        _P, rng, _rotation(rng.choice([-1, 1]) * rng.uniform(0.7, 2.2), 0.3), rng.uniform(0.8, 1.4)
    )
    shapes = {"N": base, "A": replace(base, p=ectopic_p), "a": replace(rbbb, p=ectopic_p)}
    shapes["J"] = replace(base, p=p * [1, 1, 1, 1, -1, 1])  # the atria are driven from below
    for number, focus in enumerate(role.foci):
        shapes[f"V{number}"] = _ectopic(FOCI[focus], rng)
    shapes["/"] = replace(_ectopic(FOCI[role.pacing_site], rng), spike_s=-0.070)
    return shapes


def blend(conducted: Shape, other: Shape, share: float) -> Shape:
    """Return the shape of a beat with two origins.

    Args:
        conducted: The shape of a beat from the sinus node alone.
        other: The shape of a beat from the other origin alone.
        share: The share of the other origin, in [0, 1].
    """
    if len(other.p):  # an atrial focus on the way to the sinus node: only the P wave differs
        return replace(other, p=_mix(conducted.p, other.p, share))
    # Where the two fronts meet, the slow spread of the ectopic one ends early.
    slower, faster = 1 + share, 0.5 + 0.5 * share
    qrs = _mix(
        conducted.qrs * [1, slower, slower, 1, 1, 1],
        other.qrs * [faster, faster, faster, 1, 1, 1],
        share,
    )
    return Shape(conducted.p, qrs, _mix(conducted.t, other.t, share), other.spike_s)


def _ectopic(direction: Floats, rng: np.random.Generator) -> Shape:
    """A beat that begins in a ventricle: wide, in one main direction, with ST and T against it."""
    size = rng.uniform(0.95, 1.5)
    stretch = rng.uniform(0.9, 1.15)
    main = direction * size * rng.lognormal(0, 0.12, 3)
    turn = [main @ _rotation(rng.normal(0, 0.5), rng.normal(0, 0.4)) for _ in range(2)]
    dipoles = np.stack([0.30 * turn[0], main, 0.40 * turn[1]])
    back = np.stack([-0.12 * main, -rng.uniform(0.30, 0.45) * main])
    qrs, t = np.hstack([_ECTOPIC_TIMES * stretch, dipoles]), np.hstack([_ECTOPIC_T_TIMES, back])
    return Shape(np.empty((0, 6)), qrs, t)


def _rotation(frontal: float, horizontal: float) -> Floats:
    """A rotation of the dipole (3, 3), first in the frontal plane; angles in radians."""
    (c, s), (d, e) = (np.cos(frontal), np.sin(frontal)), (np.cos(horizontal), np.sin(horizontal))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array(
        [[d, 0, -e], [0, 1, 0], [e, 0, d]]
    )
    return np.asarray(turn, dtype=np.float64)


def _vary(waves: Floats, rng: np.random.Generator, axis: Floats, size: float) -> Floats:
    """One patient's version of a wave table."""
    times = waves[:, :3] * rng.lognormal(0, 0.06, (len(waves), 3))
    dipoles = size * rng.lognormal(0, 0.15, (len(waves), 1)) * waves[:, 3:] @ axis.T
    return np.hstack([times, dipoles])


def _mix(a: Floats, b: Floats, share: float) -> Floats:
    return np.concatenate([a * [1, 1, 1, *[1 - share] * 3], b * [1, 1, 1, *[share] * 3]])
