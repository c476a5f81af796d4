"""The simulated patients: what the heart of each does, in which shapes and at what rate."""

from dataclasses import dataclass

import numpy as np

from ecg_lightning.arrays import Floats
from ecg_lightning.records.synthetic.roles import Role
from ecg_lightning.records.synthetic.shapes import Shape, draw_shapes


@dataclass(frozen=True)
class Patient:
    """One patient.

    Attributes:
        role: What the heart does.
        shapes: Symbol to shape, with `V0`, `V1`, … for the ventricular foci.
        rr_s: The mean interval of the sinus node.
        pr_s: The time from the P wave to the R peak.
        escape_s: How long a pacemaker waits for a beat of the heart.
        breath_hz: The breathing rate.
        breath_phase: The phase of breathing at the start, in radians.
        coupling: The time from a beat to a premature ventricular one, in sinus intervals.
        spike: The size of the pacemaker's impulse.
        drift: (3, D) amplitude, frequency (Hz) and phase of slow changes of the rate.
    """

    role: Role
    shapes: dict[str, Shape]
    rr_s: float
    pr_s: float
    escape_s: float
    breath_hz: float
    breath_phase: float
    coupling: float
    spike: float
    drift: Floats


def draw_patient(role: Role, rng: np.random.Generator) -> Patient:
    """Draw a patient with a role."""
    rr_s = rng.uniform(0.84, 0.98) if role.paced else rng.uniform(0.70, 0.92)
    faster = 0.72 if role.paced == "block" else 1.0  # the atria have their own, faster rhythm
    return Patient(
        role=role,
        shapes=draw_shapes(role, rng),
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
