"""The simulated heart: when it beats, and how each beat is conducted."""

from dataclasses import dataclass, field

import numpy as np

from ecg_lightning.records.synthetic.patients import Patient


@dataclass
class Beat:
    """One beat as scheduled: R peak, P peak (NaN: none), interval before it, and the ectopic focus's share of it."""

    symbol: str
    shape: str
    r_s: float
    p_s: float
    rr_s: float
    share: float = 1.0


@dataclass
class Heart:
    """The order of beats: a sinus node, its conduction, ectopic foci and a pacemaker."""

    patient: Patient
    rng: np.random.Generator
    duration_s: float
    beats: list[Beat] = field(default_factory=list)
    lone_p_s: list[float] = field(default_factory=list)  # P waves that are not conducted
    rhythms: list[tuple[float, str]] = field(default_factory=list)
    due_s: float = 0.5  # the sinus node's next P
    last_p_s: float = -0.3
    last_r_s: float = -0.15
    bigeminy_left: int = 0

    def run(self) -> "Heart":
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
        self.beats.append(Beat(symbol, shape, r_s, p_s, r_s - self.last_r_s, share))
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
        self._add(
            self.patient.role.conducted,
            "N",
            p_s + self.patient.pr_s + self.rng.normal(0, 0.003),
            p_s,
        )

    def _atrial(self, kind: str) -> None:
        """A premature atrial or nodal beat: the sinus node starts anew from it, so the pause is not compensatory."""
        cycle_s = self._cycle_s(self.due_s)
        early_p_s = max(
            self.last_p_s + self.rng.uniform(0.60, 0.92) * cycle_s, self.last_r_s + 0.20
        )
        r_s = early_p_s + self.patient.pr_s + abs(self.rng.normal(0, 0.012))
        p_s = (
            r_s + 0.09 if kind == "J" else early_p_s
        )  # a nodal beat's P goes backwards, after the QRS
        self._add(kind, kind, r_s, p_s, 1.0 if kind == "J" else self.rng.uniform(0.35, 1.0))
        self.last_p_s = early_p_s
        self.due_s = early_p_s + cycle_s * self.rng.uniform(1.02, 1.14)

    def _ventricular(self) -> None:
        """A premature ventricular beat: the sinus node keeps its time but is not conducted: a compensatory pause."""
        cycle_s = self.due_s - self.last_p_s
        early = (self.patient.coupling + abs(self.rng.normal(0, 0.06))) * cycle_s
        latest = self.due_s + 0.04  # its onset hides the sinus P
        focus = int(self.rng.integers(len(self.patient.role.foci)))
        self._add(
            "V",
            f"V{focus}",
            max(self.last_r_s + 0.40, min(self.last_r_s + early, latest)),
            float("nan"),
        )
        self._skip_refractory(
            self.last_r_s + 0.62
        )  # the beat runs backwards into the AV node and leaves it refractory

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
