"""The simulated patients: their leads, wave shapes and rhythms."""

from dataclasses import dataclass, replace

import numpy as np

from ecg_lightning.arrays import Floats

LEADS = ("MLII", "V1")
# MLII points to the feet and left, V1 to the front and right.
LEAD_DIRECTIONS = np.array([[0.50, 0.87, 0.00], [-0.35, 0.00, 0.75]])
# A wave table is (W, 6): peak after the reference (s), width before and after the peak (s), dipole x, y, z (mV). P
# tables refer to the P wave's peak, QRS and T tables to the R peak. Sizes and times are textbook values for an adult.
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
# Beats from within a ventricle spread slowly from muscle to muscle: peak and widths (s) of 3 QRS and 2 ST-T waves.
_ECTOPIC_TIMES = np.array([[-0.042, 0.020, 0.022], [0.000, 0.026, 0.027], [0.050, 0.024, 0.030]])
_ECTOPIC_T_TIMES = np.array([[0.130, 0.045, 0.070], [0.300, 0.070, 0.050]])
# The direction in which a beat from each place spreads.
_FOCI = np.array(
    [
        [0.25, 0.95, -0.70],  # right ventricle's outflow tract: up in MLII, down in V1
        [-0.75, -0.45, 0.85],  # left ventricle's side wall: down in MLII, up in V1
        [0.30, 0.85, 0.75],  # left ventricle's outflow tract: up in both
        [0.65, -0.85, -0.75],  # right ventricle's apex: down in both
        [0.70, 0.50, -0.80],  # right ventricle's septum: up in MLII, down in V1
    ]
)


@dataclass(frozen=True)
class _Role:
    """What a patient's heart does: the symbol of its conducted beats and the chance of each other beat."""

    conducted: str = "N"
    atrial: float = 0.0
    nodal: float = 0.0
    aberrant: float = 0.0
    ventricular: float = 0.0
    fusion: float = 0.0
    bigeminy: float = 0.0
    foci: tuple[int, ...] = (0,)
    paced: str = ""  # "demand": a pacemaker that waits for the heart; "block": no beat is conducted
    pacing_site: int = 3


ROLES = (
    _Role(atrial=0.13, ventricular=0.02, foci=(2,)),
    _Role(ventricular=0.13, fusion=0.12, bigeminy=0.01, foci=(0,)),
    _Role(paced="block", ventricular=0.05, foci=(1,), pacing_site=0),
    _Role(conducted="L", atrial=0.12, ventricular=0.10, foci=(2,)),
    _Role(conducted="R", ventricular=0.15, fusion=0.13, foci=(0,)),
    _Role(paced="demand", atrial=0.12, pacing_site=4),
    _Role(ventricular=0.15, fusion=0.13, foci=(2, 1), bigeminy=0.005),
    _Role(paced="demand", atrial=0.04, ventricular=0.07, foci=(2,), pacing_site=3),
    _Role(conducted="R", atrial=0.13, nodal=0.02, ventricular=0.03, foci=(3,)),
    _Role(atrial=0.11, aberrant=0.03, ventricular=0.09, fusion=0.12, foci=(3,)),
    _Role(conducted="L", ventricular=0.14, fusion=0.13, foci=(2, 1)),
    _Role(paced="demand", atrial=0.10, ventricular=0.05, foci=(1,), pacing_site=0),
)


@dataclass(frozen=True)
class _Shape:
    """The wave tables of one kind of beat; `spike_s` is the pacemaker's impulse before the R peak, or NaN."""

    p: Floats
    qrs: Floats
    t: Floats
    spike_s: float = float("nan")


@dataclass(frozen=True)
class Patient:
    """One heart: its shapes by symbol (V of each focus: "V0", "V1"), intervals and rate."""

    role: _Role
    shapes: dict[str, _Shape]
    rr_s: float
    pr_s: float
    escape_s: float
    breath_hz: float
    breath_phase: float
    coupling: float
    spike: float
    drift: Floats  # (3, D): amplitude, frequency in Hz, phase


def draw_patient(role: _Role, rng: np.random.Generator) -> Patient:
    rr_s = rng.uniform(0.84, 0.98) if role.paced else rng.uniform(0.70, 0.92)
    faster = 0.72 if role.paced == "block" else 1.0  # the atria go their own, faster way
    return Patient(
        role=role,
        shapes=_draw_shapes(role, rng),
        rr_s=rr_s * faster,
        pr_s=rng.uniform(0.13, 0.17),
        escape_s=rr_s * rng.uniform(1.01, 1.03),
        breath_hz=rng.uniform(0.20, 0.30),
        breath_phase=rng.uniform(0, 2 * np.pi),
        coupling=rng.uniform(0.58, 0.72),
        spike=rng.uniform(0.3, 1.1),
        drift=np.stack(
            [rng.uniform(0.01, 0.025, 4), rng.uniform(0.005, 0.1, 4), rng.uniform(0, 2 * np.pi, 4)]
        ),
    )


def _draw_shapes(role: _Role, rng: np.random.Generator) -> dict[str, _Shape]:
    """The patient's own tables for each kind of beat that the role can need."""
    axis = _rotation(rng.normal(0, 0.22), rng.normal(0, 0.15))
    size = rng.uniform(0.85, 1.35)
    p = _vary(_P, rng, axis, rng.uniform(0.9, 1.4))
    qrs, t = _vary(_QRS, rng, axis, size), _vary(_T, rng, axis, size)
    late = _vary(_RBBB_LATE, rng, axis, size)
    rbbb = _Shape(
        p, np.concatenate([qrs * [1, 1, 1, 1, 1, 0.6], late]), _vary(_RBBB_T, rng, axis, size)
    )
    lbbb = _Shape(p, _vary(_LBBB_QRS, rng, axis, size), _vary(_LBBB_T, rng, axis, size))
    base = {"N": _Shape(p, qrs, t), "L": lbbb, "R": rbbb}[role.conducted]
    ectopic_p = _vary(
        _P, rng, _rotation(rng.choice([-1, 1]) * rng.uniform(0.7, 2.2), 0.3), rng.uniform(0.8, 1.4)
    )
    shapes = {"N": base, "A": replace(base, p=ectopic_p), "a": replace(rbbb, p=ectopic_p)}
    shapes["J"] = replace(base, p=p * [1, 1, 1, 1, -1, 1])  # the atria are driven from below
    for number, focus in enumerate(role.foci):
        shapes[f"V{number}"] = _ectopic(_FOCI[focus], rng)
    shapes["/"] = replace(_ectopic(_FOCI[role.pacing_site], rng), spike_s=-0.070)
    return shapes


def _ectopic(direction: Floats, rng: np.random.Generator) -> _Shape:
    """A beat from within a ventricle: wide, in one main direction, with ST and T against it."""
    size = rng.uniform(0.95, 1.5)
    stretch = rng.uniform(0.9, 1.15)
    main = direction * size * rng.lognormal(0, 0.12, 3)
    turn = [main @ _rotation(rng.normal(0, 0.5), rng.normal(0, 0.4)) for _ in range(2)]
    dipoles = np.stack([0.30 * turn[0], main, 0.40 * turn[1]])
    back = np.stack([-0.12 * main, -rng.uniform(0.30, 0.45) * main])
    qrs, t = np.hstack([_ECTOPIC_TIMES * stretch, dipoles]), np.hstack([_ECTOPIC_T_TIMES, back])
    return _Shape(np.empty((0, 6)), qrs, t)


def _rotation(frontal: float, horizontal: float) -> Floats:
    """A rotation of the dipole (3, 3) in the frontal and then the horizontal plane; angles in radians."""
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


def blend(own: _Shape, other: _Shape, share: float) -> _Shape:
    """A beat of two origins, `share` of it the other's."""
    if len(
        other.p
    ):  # an atrial focus somewhere between the other and the sinus node: only the P wave differs
        return replace(other, p=_mix(own.p, other.p, share))
    slow, haste = (
        1 + share,
        0.5 + 0.5 * share,
    )  # where the fronts meet, the ectopic one's slow spread ends early
    qrs = _mix(own.qrs * [1, slow, slow, 1, 1, 1], other.qrs * [*[haste] * 3, 1, 1, 1], share)
    return _Shape(own.p, qrs, _mix(own.t, other.t, share), other.spike_s)


def _mix(a: Floats, b: Floats, share: float) -> Floats:
    return np.concatenate([a * [1, 1, 1, *[1 - share] * 3], b * [1, 1, 1, *[share] * 3]])
