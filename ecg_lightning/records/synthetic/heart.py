"""The simulated heart: when it beats, and how each beat is conducted."""

from dataclasses import dataclass, field

import numpy as np

from ecg_lightning.records.synthetic.patients import Patient


@dataclass
class Beat:
    """One beat of the schedule.

    Attributes:
        symbol: PhysioNet's annotation code.
        shape: The key of its shape in `Patient.shapes`.
        r_s: The time of the R peak.
        p_s: The time of the P wave; NaN for none.
        rr_s: The interval before the beat.
        share: The share of the ectopic focus in the beat.
    """

    symbol: str
    shape: str
    r_s: float
    p_s: float
    rr_s: float
    share: float = 1.0


@dataclass
class Heart:
    """The schedule of beats from a sinus node, its conduction, ectopic foci and a pacemaker.

    Attributes:
        patient: Whose heart it is.
        rng: The source of randomness.
        duration_s: The length of the record.
        beats: The beats so far.
        lone_p_s: The times of P waves that are not conducted.
        rhythms: Time and text of each rhythm annotation.
        due_s: The time of the next P wave of the sinus node.
        last_p_s: The time of the latest P wave.
        last_r_s: The time of the latest R peak.
        bigeminy_left: How many ventricular beats of a bigeminy are still to come.
    """

    patient: Patient
    rng: np.random.Generator
    duration_s: float
    beats: list[Beat] = field(default_factory=list)
    lone_p_s: list[float] = field(default_factory=list)
    rhythms: list[tuple[float, str]] = field(default_factory=list)
    due_s: float = 0.5
    last_p_s: float = -0.3
    last_r_s: float = -0.15
    bigeminy_left: int = 0

    def run(self) -> "Heart":
        """Schedule beats until the end of the record is passed, and return the heart."""
        role = self.patient.role
        self.rhythms.append((0.05, "(P" if role.paced else "(N"))
        while max(self.due_s, self.last_r_s) < self.duration_s:
            self._step()
        return self

    def _step(self) -> None:
        symbol = self._choose()
        if symbol == "V":
            self._ventricular()
        elif symbol in "AaJ":
            self._atrial(symbol)
        elif symbol == "F":
            self._fusion()
        elif self.patient.role.paced:
            self._paced_or_conducted()
        else:
            self._conducted()

    def _choose(self) -> str:
        """The symbol of the next beat. An ectopic beat follows a regular one, but for couplets."""
        role, draw = self.patient.role, self.rng.random()
        last = "".join(beat.symbol for beat in self.beats[-2:])
        if not last or last[-1] in "AaJVFf":
            return "V" if last[-1:] == "V" and last != "VV" and draw < 0.04 else "N"
        if self.bigeminy_left or draw > 1 - role.bigeminy:
            return self._bigeminy()
        symbols = ("A", "J", "a", "V", "F")
        edges = np.cumsum([role.atrial, role.nodal, role.aberrant, role.ventricular, role.fusion])
        pairs = zip(symbols, edges, strict=True)
        return next((symbol for symbol, edge in pairs if draw < edge), "N")

    def _bigeminy(self) -> str:
        if not self.bigeminy_left:
            self.bigeminy_left = int(self.rng.integers(4, 9))
            self.rhythms.append((self.last_r_s + 0.2, "(B"))
        self.bigeminy_left -= 1
        if not self.bigeminy_left:
            self.rhythms.append((self.last_r_s + 0.2, "(N"))
        return "V"

    def _cycle_s(self, at_s: float) -> float:
        """The interval of the sinus node. It varies with breathing, slowly, and at random."""
        patient = self.patient
        breath = 0.04 * np.sin(2 * np.pi * patient.breath_hz * at_s + patient.breath_phase)
        size, hz, phase = patient.drift
        drift = float(np.sum(size * np.sin(2 * np.pi * hz * at_s + phase)))
        return float(patient.rr_s * (1 + breath + drift + self.rng.normal(0, 0.012)))

    def _add(self, symbol: str, shape: str, r_s: float, p_s: float, share: float = 1.0) -> None:
        self.beats.append(Beat(symbol, shape, r_s, p_s, r_s - self.last_r_s, share))
        self.last_r_s = r_s

    def _fire(self) -> float:
        """Let the sinus node fire: return the time of its P wave and set the next one."""
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
        r_s = p_s + self.patient.pr_s + self.rng.normal(0, 0.003)
        self._add(self.patient.role.conducted, "N", r_s, p_s)

    def _atrial(self, symbol: str) -> None:
        """Add a premature atrial or nodal beat.

        It resets the sinus node, so the pause after it is not compensatory.
        """
        cycle_s = self._cycle_s(self.due_s)
        early_p_s = max(
            self.last_p_s + self.rng.uniform(0.60, 0.92) * cycle_s, self.last_r_s + 0.20
        )
        r_s = early_p_s + self.patient.pr_s + abs(self.rng.normal(0, 0.012))
        nodal = symbol == "J"  # its P wave spreads backwards and comes after the QRS
        p_s = r_s + 0.09 if nodal else early_p_s
        self._add(symbol, symbol, r_s, p_s, 1.0 if nodal else self.rng.uniform(0.35, 1.0))
        self.last_p_s = early_p_s
        self.due_s = early_p_s + cycle_s * self.rng.uniform(1.02, 1.14)

    def _ventricular(self) -> None:
        """Add a premature ventricular beat.

        The sinus node keeps its time, but its beat is not conducted: a compensatory pause.
        """
        cycle_s = self.due_s - self.last_p_s
        early = (self.patient.coupling + abs(self.rng.normal(0, 0.06))) * cycle_s
        latest = self.due_s + 0.04  # the onset of the beat hides the P wave of the sinus node
        focus = int(self.rng.integers(len(self.patient.role.foci)))
        r_s = max(self.last_r_s + 0.40, min(self.last_r_s + early, latest))
        self._add("V", f"V{focus}", r_s, float("nan"))
        # The beat runs backwards into the AV node and leaves it refractory.
        self._skip_refractory(self.last_r_s + 0.62)

    def _fusion(self) -> None:
        """Add a fusion beat: the focus fires while a beat of the sinus node is on its way.

        The earlier it fires, the larger is its share of the beat.
        """
        p_s = self._fire()
        ahead_s = self.rng.uniform(0.005, 0.065)
        share = float(np.clip(0.12 + ahead_s / 0.085 + self.rng.normal(0, 0.06), 0.15, 0.90))
        self._add("F", "V0", p_s + self.patient.pr_s - ahead_s, p_s, share)

    def _paced_or_conducted(self) -> None:
        """Add a conducted beat or, if the pacemaker has waited long enough, a paced one.

        If both come together, they make a fusion of a paced and a conducted beat.
        """
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
