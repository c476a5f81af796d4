"""Which annotation symbol counts as which class of heartbeat.

The five classes are those of ANSI/AAMI EC57: N (normal and bundle branch block), S
(supraventricular ectopic), V (ventricular ectopic), F (fusion of a normal and a ventricular beat),
Q (paced or unclassifiable). The symbols are PhysioNet's annotation codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Integers

CLASS_NAMES = ("N", "S", "V", "F", "Q")
NO_BEAT = -1
REFERENCE = "atr"  # the annotator of PhysioNet's reference annotations
DETECTED, UNCLASSIFIED = "N", "?"  # what detectors call every beat; a beat of no class yet


@dataclass(frozen=True)
class ClassMap:
    """A map from annotation symbols to classes. A symbol that it lacks is no beat.

    Args:
        name: The name of the map in settings.
        symbols: Symbol to one of `CLASS_NAMES`, such as `{"L": "N"}`.

    Example:
        >>> ORIGINAL.labels(["N", "V", "+"])
        array([ 0,  2, -1])
    """

    name: str
    symbols: Mapping[str, str]

    def labels(self, symbols: npt.ArrayLike) -> Integers:
        """Return the classes of symbols.

        Args:
            symbols: (A,) annotation symbols.

        Returns:
            (A,) indices into `CLASS_NAMES`, and `NO_BEAT` for a symbol that is no beat.
        """
        distinct, inverse = np.unique(np.asarray(symbols, dtype=np.str_), return_inverse=True)
        indices = [
            CLASS_NAMES.index(self.symbols[s]) if s in self.symbols else NO_BEAT
            for s in distinct.tolist()
        ]
        return np.array(indices, dtype=np.int64)[inverse.reshape(-1)]


def tells_classes(symbols: npt.ArrayLike, annotator: str = REFERENCE) -> bool:
    """Return whether annotations say of which class beats are.

    Detectors such as `gqrs` call every beat N, and the symbol ? says that a beat is not classified.
    The reference annotations of a person with normal beats alone do tell the class.

    Args:
        symbols: (B,) the symbols of the beats.
        annotator: The ending of the annotation files.

    Example:
        >>> tells_classes(["N", "N"]), tells_classes(["N", "N"], "qrs"), tells_classes(["?"])
        (True, False, False)
    """
    told = set(np.unique(np.asarray(symbols, dtype=np.str_)).tolist()) - {UNCLASSIFIED}
    return bool(told - {DETECTED}) or (DETECTED in told and annotator == REFERENCE)


def _class_map(name: str, **classes: str) -> ClassMap:
    return ClassMap(name, {symbol: label for label in classes for symbol in classes[label]})


# The map of the original project. It differs from EC57 in one symbol, `n` (supraventricular escape
# beat), which no record of MIT-BIH has.
ORIGINAL = _class_map("original", N="NLRejB", S="AaJS", V="VErn", F="F", Q="/fQ?")
# The map of EC57: `n` is S. Both maps count `r` (R-on-T premature ventricular contraction) as V.
AAMI = _class_map("aami", N="NLRejB", S="AaJSn", V="VEr", F="F", Q="/fQ?")
CLASS_MAPS: Mapping[str, ClassMap] = {m.name: m for m in (ORIGINAL, AAMI)}
CLASS_MEANINGS: Mapping[str, str] = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "paced, other",
}
