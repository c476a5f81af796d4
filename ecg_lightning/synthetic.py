"""Writes a small simulated arrhythmia database: real WFDB records of patients that do not exist.

Each wave of a beat is a Gaussian pulse of the heart's dipole (x to the left, y to the feet, z to the front, in mV), and
a lead is the dipole's projection on one direction. Sums of Gaussians for P, Q, R, S and T follow the description of
ECGSYN (McSharry, Clifford, Tarassenko and Smith, IEEE Trans. Biomed. Eng. 50, 289-294, 2003). The rhythm is a sinus
node that a premature atrial beat resets and a premature ventricular beat does not, so pauses are those of a patient.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wfdb
from scipy import signal as sps

from ecg_lightning.errors import InputError

VERSION = 1
FS_HZ = 360
LEADS = ("MLII", "V1")
DEFAULT_PATIENTS = 12
DEFAULT_MINUTES = 12.0

Array = npt.NDArray[np.float64]

# MLII points to the feet and left, V1 to the front and right.
_LEAD_DIRECTIONS = np.array([[0.50, 0.87, 0.00], [-0.35, 0.00, 0.75]])
_ADC_GAIN = 200.0  # units a mV, as in MIT-BIH; 12 bits then hold ±10 mV
_PULSE_HALF_SAMPLES = 108  # 0.3 s: more than four widths of the widest wave
_MARK = "simulated ECG, no patient"

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
_LBBB_T = np.array([[0.110, 0.045, 0.060, -0.12, -0.08, 0.20], [0.290, 0.062, 0.045, -0.30, -0.22, 0.38]])
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


_ROLES = (
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

    p: Array
    qrs: Array
    t: Array
    spike_s: float = float("nan")


@dataclass(frozen=True)
class _Patient:
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
    drift: Array  # (3, D): amplitude, frequency in Hz, phase


@dataclass
class _Beat:
    """One beat as scheduled: R peak, P peak (NaN: none), interval before it, and the ectopic focus's share of it."""

    symbol: str
    shape: str
    r_s: float
    p_s: float
    rr_s: float
    share: float = 1.0


def write_synthetic(folder: Path, seed: int = 0, patients: int = DEFAULT_PATIENTS, minutes: float = DEFAULT_MINUTES) -> tuple[str, ...]:
    """Writes simulated records as WFDB files (.dat in format 212, .hea, .atr): 360 Hz, leads MLII and V1 in mV.

    Nothing is written when `folder` already holds this very database. Otherwise the records are written into a
    temporary folder beside it, which then takes its name, so no half-written database is ever seen. The same arguments
    give the same bytes.

    Args:
        folder: Where the database goes; its parents are created.
        seed: Seed of everything that is random.
        patients: How many patients, 1 to 99, one record each; of the default 12, four or more have beats of each class.
        minutes: Length of each record, 0.2 to 1440.

    Returns:
        The record names, `("s01", "s02", …)`.

    Raises:
        InputError: `patients` or `minutes` is out of range, or `folder` holds something else.

    Example:
        >>> write_synthetic(tmp_path / "synthetic", patients=2, minutes=0.5)
        ('s01', 's02')
    """
    _check(seed, patients, minutes)
    folder = folder.absolute()  # so that "." has a name
    names = tuple(f"s{number:02d}" for number in range(1, patients + 1))
    mark = f"{_MARK}: ecg-lightning, version {VERSION}, seed {seed}, {patients} patients, {minutes:g} minutes"
    if not _holds(folder, names, mark):
        _write_folder(folder, names, seed, minutes, mark)
    return names


def _write_folder(folder: Path, names: Sequence[str], seed: int, minutes: float, mark: str) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            for number, name in enumerate(names):
                _write_record(made, name, number, seed, minutes, mark)
            _take_place(made, folder, names, mark)
    except OSError as error:
        raise InputError(f"{folder}: expected a place to write the synthetic database, found {error}; name another folder") from error


def _check(seed: int, patients: int, minutes: float) -> None:
    if seed < 0:
        raise InputError(f"synthetic seed: expected 0 or more, found {seed}; choose another seed")
    if not 1 <= patients <= 99:
        raise InputError(f"synthetic patients: expected 1 to 99, found {patients}; choose another number")
    if not 0.2 <= minutes <= 1440:
        raise InputError(f"synthetic minutes: expected 0.2 to 1440, found {minutes:g}; choose another length")


def _holds(folder: Path, names: Sequence[str], mark: str) -> bool:
    """Whether `folder` is this very database, going by its files and the comment in each header."""
    headers = [folder / f"{name}.hea" for name in names]
    files = [*headers, *(h.with_suffix(".dat") for h in headers), *(h.with_suffix(".atr") for h in headers)]
    return all(f.is_file() for f in files) and all(f"{mark}\n" in h.read_text(errors="replace") for h in headers)


def _take_place(made: Path, folder: Path, names: Sequence[str], mark: str) -> None:
    """Gives `made` the name `folder`; another process may have been first with the same database, which is as good."""
    try:
        os.replace(made, folder)
    except OSError as error:
        if not _holds(folder, names, mark):
            raise InputError(
                f"{folder}: expected a new or an empty folder for the synthetic database, found other files; "
                "name another folder or remove this one"
            ) from error


def _write_record(folder: Path, name: str, number: int, seed: int, minutes: float, mark: str) -> None:
    rng = np.random.default_rng([seed, number])
    samples = round(minutes * 60 * FS_HZ)
    patient = _draw_patient(_ROLES[number % len(_ROLES)], rng)
    heart = _Heart(patient, rng, samples / FS_HZ).run()
    signal, r_samples = _draw_signal(patient, heart, samples, rng)
    noise, noisy = _noise(patient, samples, rng)
    _write_signal(folder, name, signal + noise, mark)
    beats = zip(r_samples.tolist(), heart.beats, strict=True)
    rows = [(sample, beat.symbol, "") for sample, beat in beats if beat.r_s < heart.duration_s - 0.1]
    rows += [(sample, "~", "") for sample in noisy]
    rows += [(round(at_s * FS_HZ), "+", text) for at_s, text in heart.rhythms]
    _write_annotations(folder, name, [row for row in rows if 0 < row[0] < samples])


def _write_signal(folder: Path, name: str, signal: Array, mark: str) -> None:
    limit = 2047 / _ADC_GAIN
    each = {"units": "mV", "fmt": "212", "adc_gain": _ADC_GAIN, "baseline": 0}
    wfdb.wrsamp(
        name,
        fs=FS_HZ,
        sig_name=list(LEADS),
        p_signal=np.clip(signal, -limit, limit),
        comments=[mark],
        write_dir=str(folder),
        **{key: [value] * len(LEADS) for key, value in each.items()},
    )


def _write_annotations(folder: Path, name: str, rows: Sequence[tuple[int, str, str]]) -> None:
    """Writes rows of sample, symbol and text; of two at one sample the first counts, as WFDB's format wants one."""
    by_sample = {row[0]: row for row in reversed(rows)}
    samples, symbols, texts = zip(*(by_sample[sample] for sample in sorted(by_sample)), strict=True)
    wfdb.wrann(name, "atr", np.array(samples), list(symbols), aux_note=list(texts), fs=FS_HZ, write_dir=str(folder))


# ---------------------------------------------------------------------------------------------------- the patient


def _draw_patient(role: _Role, rng: np.random.Generator) -> _Patient:
    rr_s = rng.uniform(0.84, 0.98) if role.paced else rng.uniform(0.70, 0.92)
    faster = 0.72 if role.paced == "block" else 1.0  # the atria go their own, faster way
    return _Patient(
        role=role,
        shapes=_draw_shapes(role, rng),
        rr_s=rr_s * faster,
        pr_s=rng.uniform(0.13, 0.17),
        escape_s=rr_s * rng.uniform(1.01, 1.03),
        breath_hz=rng.uniform(0.20, 0.30),
        breath_phase=rng.uniform(0, 2 * np.pi),
        coupling=rng.uniform(0.58, 0.72),
        spike=rng.uniform(0.3, 1.1),
        drift=np.stack([rng.uniform(0.01, 0.025, 4), rng.uniform(0.005, 0.1, 4), rng.uniform(0, 2 * np.pi, 4)]),
    )


def _draw_shapes(role: _Role, rng: np.random.Generator) -> dict[str, _Shape]:
    """The patient's own tables for each kind of beat that the role can need."""
    axis = _rotation(rng.normal(0, 0.22), rng.normal(0, 0.15))
    size = rng.uniform(0.85, 1.35)
    p = _vary(_P, rng, axis, rng.uniform(0.9, 1.4))
    qrs, t = _vary(_QRS, rng, axis, size), _vary(_T, rng, axis, size)
    late = _vary(_RBBB_LATE, rng, axis, size)
    rbbb = _Shape(p, np.concatenate([qrs * [1, 1, 1, 1, 1, 0.6], late]), _vary(_RBBB_T, rng, axis, size))
    lbbb = _Shape(p, _vary(_LBBB_QRS, rng, axis, size), _vary(_LBBB_T, rng, axis, size))
    base = {"N": _Shape(p, qrs, t), "L": lbbb, "R": rbbb}[role.conducted]
    ectopic_p = _vary(_P, rng, _rotation(rng.choice([-1, 1]) * rng.uniform(0.7, 2.2), 0.3), rng.uniform(0.8, 1.4))
    shapes = {"N": base, "A": replace(base, p=ectopic_p), "a": replace(rbbb, p=ectopic_p)}
    shapes["J"] = replace(base, p=p * [1, 1, 1, 1, -1, 1])  # the atria are driven from below
    for number, focus in enumerate(role.foci):
        shapes[f"V{number}"] = _ectopic(_FOCI[focus], rng)
    shapes["/"] = replace(_ectopic(_FOCI[role.pacing_site], rng), spike_s=-0.070)
    return shapes


def _ectopic(direction: Array, rng: np.random.Generator) -> _Shape:
    """A beat from within a ventricle: wide, in one main direction, with ST and T against it."""
    size = rng.uniform(0.95, 1.5)
    stretch = rng.uniform(0.9, 1.15)
    main = direction * size * rng.lognormal(0, 0.12, 3)
    turn = [main @ _rotation(rng.normal(0, 0.5), rng.normal(0, 0.4)) for _ in range(2)]
    dipoles = np.stack([0.30 * turn[0], main, 0.40 * turn[1]])
    back = np.stack([-0.12 * main, -rng.uniform(0.30, 0.45) * main])
    qrs, t = np.hstack([_ECTOPIC_TIMES * stretch, dipoles]), np.hstack([_ECTOPIC_T_TIMES, back])
    return _Shape(np.empty((0, 6)), qrs, t)


def _rotation(frontal: float, horizontal: float) -> Array:
    """A rotation of the dipole (3, 3) in the frontal and then the horizontal plane; angles in radians."""
    (c, s), (d, e) = (np.cos(frontal), np.sin(frontal)), (np.cos(horizontal), np.sin(horizontal))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[d, 0, -e], [0, 1, 0], [e, 0, d]])
    return np.asarray(turn, dtype=np.float64)


def _vary(waves: Array, rng: np.random.Generator, axis: Array, size: float) -> Array:
    """One patient's version of a wave table."""
    times = waves[:, :3] * rng.lognormal(0, 0.06, (len(waves), 3))
    dipoles = size * rng.lognormal(0, 0.15, (len(waves), 1)) * waves[:, 3:] @ axis.T
    return np.hstack([times, dipoles])


def _blend(own: _Shape, other: _Shape, share: float) -> _Shape:
    """A beat of two origins, `share` of it the other's."""
    if len(other.p):  # an atrial focus somewhere between the other and the sinus node: only the P wave differs
        return replace(other, p=_mix(own.p, other.p, share))
    slow, haste = 1 + share, 0.5 + 0.5 * share  # where the fronts meet, the ectopic one's slow spread ends early
    qrs = _mix(own.qrs * [1, slow, slow, 1, 1, 1], other.qrs * [*[haste] * 3, 1, 1, 1], share)
    return _Shape(own.p, qrs, _mix(own.t, other.t, share), other.spike_s)


def _mix(a: Array, b: Array, share: float) -> Array:
    return np.concatenate([a * [1, 1, 1, *[1 - share] * 3], b * [1, 1, 1, *[share] * 3]])


# ---------------------------------------------------------------------------------------------------- the rhythm


@dataclass
class _Heart:
    """The order of beats: a sinus node, its conduction, ectopic foci and a pacemaker."""

    patient: _Patient
    rng: np.random.Generator
    duration_s: float
    beats: list[_Beat] = field(default_factory=list)
    lone_p_s: list[float] = field(default_factory=list)  # P waves that are not conducted
    rhythms: list[tuple[float, str]] = field(default_factory=list)
    due_s: float = 0.5  # the sinus node's next P
    last_p_s: float = -0.3
    last_r_s: float = -0.15
    bigeminy_left: int = 0

    def run(self) -> "_Heart":
        """Schedules beats until after the record's end, where the last ones are cut off."""
        role = self.patient.role
        self.rhythms.append((0.05, "(P" if role.paced else "(N"))
        while max(self.due_s, self.last_r_s) < self.duration_s:
            self._step()
        return self

    def _step(self) -> None:
        kind = self._choose()
        if kind == "V":
            self._ventricular()
        elif kind in "AaJ":
            self._atrial(kind)
        elif kind == "F":
            self._fusion()
        elif self.patient.role.paced:
            self._paced_or_conducted()
        else:
            self._conducted()

    def _choose(self) -> str:
        """The next beat's kind: an ectopic beat comes after a regular one, but for a rare couplet and in bigeminy."""
        role, draw = self.patient.role, self.rng.random()
        last = "".join(beat.symbol for beat in self.beats[-2:])
        if not last or last[-1] in "AaJVFf":
            return "V" if last[-1:] == "V" and last != "VV" and draw < 0.04 else "N"
        if self.bigeminy_left or draw > 1 - role.bigeminy:
            return self._bigeminy()
        kinds = ("A", "J", "a", "V", "F")
        edges = np.cumsum([role.atrial, role.nodal, role.aberrant, role.ventricular, role.fusion])
        return next((kind for kind, edge in zip(kinds, edges, strict=True) if draw < edge), "N")

    def _bigeminy(self) -> str:
        if not self.bigeminy_left:
            self.bigeminy_left = int(self.rng.integers(4, 9))
            self.rhythms.append((self.last_r_s + 0.2, "(B"))
        self.bigeminy_left -= 1
        if not self.bigeminy_left:
            self.rhythms.append((self.last_r_s + 0.2, "(N"))
        return "V"

    def _cycle_s(self, at_s: float) -> float:
        """The sinus node's interval at a time: breathing, slow drift and a little of its own."""
        patient = self.patient
        breath = 0.04 * np.sin(2 * np.pi * patient.breath_hz * at_s + patient.breath_phase)
        size, hz, phase = patient.drift
        drift = float(np.sum(size * np.sin(2 * np.pi * hz * at_s + phase)))
        return float(patient.rr_s * (1 + breath + drift + self.rng.normal(0, 0.012)))

    def _add(self, symbol: str, shape: str, r_s: float, p_s: float, share: float = 1.0) -> None:
        self.beats.append(_Beat(symbol, shape, r_s, p_s, r_s - self.last_r_s, share))
        self.last_r_s = r_s

    def _fire(self) -> float:
        """The sinus node fires: returns the P wave's time and sets the next."""
        p_s = self.due_s
        self.last_p_s = p_s
        self.due_s = p_s + self._cycle_s(p_s)
        return p_s

    def _skip_refractory(self, until_s: float) -> None:
        while self.due_s + self.patient.pr_s < until_s:
            self.lone_p_s.append(self._fire())

    def _conducted(self) -> None:
        self._skip_refractory(self.last_r_s + 0.38)
        p_s = self._fire()
        self._add(self.patient.role.conducted, "N", p_s + self.patient.pr_s + self.rng.normal(0, 0.003), p_s)

    def _atrial(self, kind: str) -> None:
        """A premature atrial or nodal beat: the sinus node starts anew from it, so the pause is not compensatory."""
        cycle_s = self._cycle_s(self.due_s)
        early_p_s = max(self.last_p_s + self.rng.uniform(0.60, 0.92) * cycle_s, self.last_r_s + 0.20)
        r_s = early_p_s + self.patient.pr_s + abs(self.rng.normal(0, 0.012))
        p_s = r_s + 0.09 if kind == "J" else early_p_s  # a nodal beat's P goes backwards, after the QRS
        self._add(kind, kind, r_s, p_s, 1.0 if kind == "J" else self.rng.uniform(0.35, 1.0))
        self.last_p_s = early_p_s
        self.due_s = early_p_s + cycle_s * self.rng.uniform(1.02, 1.14)

    def _ventricular(self) -> None:
        """A premature ventricular beat: the sinus node keeps its time but is not conducted: a compensatory pause."""
        cycle_s = self.due_s - self.last_p_s
        early = (self.patient.coupling + abs(self.rng.normal(0, 0.06))) * cycle_s
        latest = self.due_s + 0.04  # its onset hides the sinus P
        focus = int(self.rng.integers(len(self.patient.role.foci)))
        self._add("V", f"V{focus}", max(self.last_r_s + 0.40, min(self.last_r_s + early, latest)), float("nan"))
        self._skip_refractory(self.last_r_s + 0.62)  # the beat runs backwards into the AV node and leaves it refractory

    def _fusion(self) -> None:
        """The focus fires while the sinus beat is under way: the sooner, the more of the beat is its own."""
        p_s = self._fire()
        ahead_s = self.rng.uniform(0.005, 0.065)
        share = float(np.clip(0.12 + ahead_s / 0.085 + self.rng.normal(0, 0.06), 0.15, 0.90))
        self._add("F", "V0", p_s + self.patient.pr_s - ahead_s, p_s, share)

    def _paced_or_conducted(self) -> None:
        """The pacemaker waits its escape interval for a beat of the heart's own; both together make a pacer fusion."""
        pace_s = self.last_r_s + self.patient.escape_s
        blocked = self.patient.role.paced == "block"
        self._skip_refractory(self.last_r_s + 0.38)
        late_s = self.due_s + self.patient.pr_s - pace_s
        if not blocked and late_s < -0.02:
            self._conducted()
        elif not blocked and late_s < 0.045:
            self._add("f", "/", pace_s, self._fire(), float(np.clip(0.5 + late_s * 6, 0.3, 0.8)))
        else:
            self._skip_refractory(pace_s + self.patient.pr_s + 0.1)
            self._add("/", "/", pace_s, float("nan"))


# ---------------------------------------------------------------------------------------------------- the signal


def _draw_signal(patient: _Patient, heart: _Heart, samples: int, rng: np.random.Generator) -> tuple[Array, npt.NDArray[np.int64]]:
    """The leads without noise (samples, 2) in mV, and each beat's R peak: the extreme of its QRS on the first lead."""
    tables = [_beat_waves(patient, beat, rng) for beat in heart.beats]
    qrs = _render(np.concatenate([qrs for qrs, _ in tables]), samples)
    lone = [_placed(patient.shapes["N"].p, at, rng) for at in heart.lone_p_s]
    rest = _render(np.concatenate([rest for _, rest in tables] + lone), samples)
    r_samples = _extremes(qrs[:, 0], np.array([beat.r_s for beat in heart.beats]))
    return (qrs + rest) * _breathing(patient, samples), r_samples


def _beat_waves(patient: _Patient, beat: _Beat, rng: np.random.Generator) -> tuple[Array, Array]:
    """A beat's waves at their places in time: the QRS, and all others."""
    shape = patient.shapes[beat.shape]
    if beat.share < 1:
        shape = _blend(patient.shapes["N"], shape, beat.share)
    # The conduction system makes more uniform beats than a ventricular focus.
    qrs = _placed(shape.qrs, beat.r_s, rng, 0.03 if beat.shape in "NAJa" else 0.10)
    # QT follows the rate, less than by Bazett's root: one early beat shortens it little.
    stretch = (np.clip(beat.rr_s, 0.4, 1.4) / 0.85) ** 0.4
    t = _placed(shape.t * [stretch, 1, 1, 1, 1, 1], beat.r_s, rng)
    p = _placed(shape.p, beat.p_s, rng, 0.10) if not np.isnan(beat.p_s) else shape.p[:0]
    return qrs, np.concatenate([p, t, _spike(beat.r_s + shape.spike_s, patient.spike)])


def _spike(at_s: float, size: float) -> Array:
    """The pacemaker's impulse, about 4 ms, and the electrode's small discharge after it; no wave for no time (NaN)."""
    if np.isnan(at_s):
        return np.empty((0, 6))
    impulse, discharge = size * np.array([[0.55, -1.2, -0.5], [-0.05, 0.10, 0.05]])
    return np.array([[at_s, 0.0012, 0.0018, *impulse], [at_s + 0.004, 0.002, 0.012, *discharge]])


def _placed(waves: Array, at_s: float, rng: np.random.Generator, spread: float = 0.05) -> Array:
    """A wave table moved to a time, with a beat's own small differences of `spread`."""
    times = waves[:, :1] * rng.lognormal(0, spread / 2) + at_s + rng.normal(0, 0.0015, (len(waves), 1))
    widths = waves[:, 1:3] * rng.lognormal(0, spread / 2, (len(waves), 1)) * rng.lognormal(0, spread / 2)
    size = rng.lognormal(0, spread) * rng.lognormal(0, spread, (len(waves), 1))
    return np.hstack([times, widths, waves[:, 3:] * size])


def _render(waves: Array, samples: int) -> Array:
    """Adds up Gaussian pulses: a wave table (W, 6) in the record's time becomes (samples, 2) in mV."""
    centre = np.round(waves[:, 0] * FS_HZ).astype(np.int64)
    index = centre[:, None] + np.arange(-_PULSE_HALF_SAMPLES, _PULSE_HALF_SAMPLES + 1)  # (W, K)
    away_s = index / FS_HZ - waves[:, :1]
    pulses = np.exp(-0.5 * (away_s / np.where(away_s < 0, waves[:, 1:2], waves[:, 2:3])) ** 2)
    inside = (index >= 0) & (index < samples)
    leads = [
        np.bincount(index[inside], (pulses * amplitude[:, None])[inside], samples) for amplitude in (waves[:, 3:] @ _LEAD_DIRECTIONS.T).T
    ]
    return np.stack(leads, axis=1)


def _extremes(lead: Array, near_s: Array) -> npt.NDArray[np.int64]:
    reach = np.arange(-36, 37)  # 0.1 s to both sides holds the widest QRS
    index = np.clip(np.round(near_s * FS_HZ).astype(np.int64)[:, None] + reach, 0, len(lead) - 1)
    best = np.abs(lead[index]).argmax(axis=1)
    return np.asarray(index[np.arange(len(index)), best], dtype=np.int64)


def _breathing(patient: _Patient, samples: int) -> Array:
    """The chest's movement turns the heart under the electrodes: a slow change of size (samples, 2)."""
    angle = 2 * np.pi * patient.breath_hz * np.arange(samples) / FS_HZ + patient.breath_phase
    return 1 + np.stack([0.05 * np.sin(angle), 0.08 * np.sin(angle + 1.0)], axis=1)


# ---------------------------------------------------------------------------------------------------- the noise


def _noise(patient: _Patient, samples: int, rng: np.random.Generator) -> tuple[Array, list[int]]:
    """Baseline wander, mains and muscle noise (samples, 2) in mV, and where the signal's quality changes."""
    bursts = _bursts(samples, rng)
    loud = np.ones(samples)
    for start, stop in bursts:
        loud[start:stop] = 4.0
    lead_noise = [_lead_noise(patient, samples, loud, rng) for _ in LEADS]
    return np.stack(lead_noise, axis=1), [edge for burst in bursts for edge in burst]


def _bursts(samples: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Stretches of 4 to 12 seconds with strong muscle noise, about one in 90 seconds."""
    drawn = np.sort(rng.integers(0, samples, max(1, round(samples / FS_HZ / 90)))).tolist()
    starts = [a for a, b in pairwise([*drawn, samples]) if b - a > 15 * FS_HZ]
    return [(a, a + int(rng.uniform(4, 12) * FS_HZ)) for a in starts]


def _lead_noise(patient: _Patient, samples: int, loud: Array, rng: np.random.Generator) -> Array:
    time_s = np.arange(samples) / FS_HZ
    breath = rng.uniform(0.02, 0.06) * np.sin(2 * np.pi * patient.breath_hz * time_s + patient.breath_phase)
    mains = rng.uniform(0.003, 0.010) * np.sin(2 * np.pi * 60 * time_s + rng.uniform(0, 2 * np.pi))
    band = sps.butter(2, (12, 110), "bandpass", fs=FS_HZ, output="sos")
    muscle = rng.uniform(0.010, 0.030) * loud * sps.sosfilt(band, rng.normal(0, 1, samples))
    return np.asarray(breath + mains + muscle + _wander(time_s, rng) + _movements(time_s, rng))


def _wander(time_s: Array, rng: np.random.Generator) -> Array:
    """The baseline's slow walk, which always comes back to zero."""
    knots_s = np.arange(0, time_s[-1] + 3, 1.5)
    walk = np.interp(time_s, knots_s, sps.lfilter([1], [1, -0.8], rng.normal(0, 0.04, len(knots_s))))
    return np.asarray(sps.sosfiltfilt(sps.butter(2, 0.6, fs=FS_HZ, output="sos"), walk))


def _movements(time_s: Array, rng: np.random.Generator) -> Array:
    """An electrode that moves, about twice a minute: a bump of up to half a millivolt, as wide as a beat or wider."""
    count = max(1, round(time_s[-1] / 30))
    drawn = zip(rng.uniform(0, time_s[-1], count), rng.uniform(0.06, 0.25, count), rng.normal(0, 0.25, count), strict=True)
    bumps = np.zeros(len(time_s))
    for at_s, width_s, size in drawn:
        near = slice(*np.searchsorted(time_s, [at_s - 4 * width_s, at_s + 4 * width_s]))
        bumps[near] += size * np.exp(-0.5 * ((time_s[near] - at_s) / width_s) ** 2)
    return bumps
