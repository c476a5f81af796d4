"""What the heart of each simulated patient does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """The symbol of the conducted beats of a patient, and the chance of each other beat.

    Attributes:
        conducted: `"N"` (normal), `"L"` or `"R"` (left or right bundle branch block).
        atrial: The chance that a beat is a premature atrial one.
        nodal: The same for a premature junctional beat.
        aberrant: The same for a premature atrial beat with aberrant conduction.
        ventricular: The same for a premature ventricular beat.
        fusion: The same for a fusion of a conducted and a ventricular beat.
        bigeminy: The chance that bigeminy begins.
        foci: The places where ventricular beats begin, as indices into `shapes.FOCI`.
        paced: `"demand"` for a pacemaker that waits for the heart, `"block"` for one that paces
            every beat because none is conducted, `""` for none.
        pacing_site: The place of the pacemaker's electrode, as an index into `shapes.FOCI`.
    """

    conducted: str = "N"
    atrial: float = 0.0
    nodal: float = 0.0
    aberrant: float = 0.0
    ventricular: float = 0.0
    fusion: float = 0.0
    bigeminy: float = 0.0
    foci: tuple[int, ...] = (0,)
    paced: str = ""
    pacing_site: int = 3


ROLES = (
    Role(atrial=0.13, ventricular=0.02, foci=(2,)),
    Role(ventricular=0.13, fusion=0.12, bigeminy=0.01, foci=(0,)),
    Role(paced="block", ventricular=0.05, foci=(1,), pacing_site=0),
    Role(conducted="L", atrial=0.12, ventricular=0.10, foci=(2,)),
    Role(conducted="R", ventricular=0.15, fusion=0.13, foci=(0,)),
    Role(paced="demand", atrial=0.12, pacing_site=4),
    Role(ventricular=0.15, fusion=0.13, foci=(2, 1), bigeminy=0.005),
    Role(paced="demand", atrial=0.04, ventricular=0.07, foci=(2,), pacing_site=3),
    Role(conducted="R", atrial=0.13, nodal=0.02, ventricular=0.03, foci=(3,)),
    Role(atrial=0.11, aberrant=0.03, ventricular=0.09, fusion=0.12, foci=(3,)),
    Role(conducted="L", ventricular=0.14, fusion=0.13, foci=(2, 1)),
    Role(paced="demand", atrial=0.10, ventricular=0.05, foci=(1,), pacing_site=0),
)
