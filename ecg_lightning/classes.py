"""Which annotation symbol counts as which class of heartbeat.

The five classes are those of ANSI/AAMI EC57: N (normal and bundle branch block), S (supraventricular ectopic), V (ventricular
ectopic), F (fusion of a normal and a ventricular beat), Q (paced or not classifiable). The symbols are PhysioNet's annotation codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecg_lightning.arrays import Integers

CLASS_NAMES = ("N", "S", "V", "F", "Q")
NO_BEAT = -1


@dataclass(frozen=True)
class ClassMap:
    """A map from annotation symbols to the classes of `CLASS_NAMES`; any symbol outside it is no beat.

    Args:
        name: How the command line calls the map.
        symbols: Symbol to class, such as `{"L": "N"}`.

    Example:
        >>> ORIGINAL.labels(["N", "V", "+"])
        array([ 0,  2, -1])
    """

    name: str
    symbols: Mapping[str, str]

    def labels(self, symbols: npt.ArrayLike) -> Integers:
        """Class indices of `symbols` (A,), in [0, 5), and `NO_BEAT` for a symbol that is no beat."""
        distinct, inverse = np.unique(np.asarray(symbols, dtype=np.str_), return_inverse=True)
        indices = [
            CLASS_NAMES.index(self.symbols[s]) if s in self.symbols else NO_BEAT
            for s in distinct.tolist()
        ]
        return np.array(indices, dtype=np.int64)[inverse.reshape(-1)]


def _class_map(name: str, **symbols_of: str) -> ClassMap:
    return ClassMap(
        name, {symbol: label for label, symbols in symbols_of.items() for symbol in symbols}
    )


# The original's own map. EC57 differs in two symbols, `n` (S) and `r` (V); none of MIT-BIH's 48 records holds either.
ORIGINAL = _class_map("original", N="NLRejB", S="AaJS", V="VErn", F="F", Q="/fQ?")
# ANSI/AAMI EC57, with PhysioNet's code `r` (R-on-T premature ventricular contraction) under V and `n` under S.
AAMI = _class_map("aami", N="NLRejB", S="AaJSn", V="VEr", F="F", Q="/fQ?")
CLASS_MAPS: Mapping[str, ClassMap] = {m.name: m for m in (ORIGINAL, AAMI)}
CLASS_MEANINGS: Mapping[str, str] = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "paced, other",
}
