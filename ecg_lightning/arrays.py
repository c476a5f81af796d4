"""Types of the NumPy arrays that this package passes around, by what an element is."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
AnyFloats = npt.NDArray[np.floating[Any]]  # float32 or float64
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Names = npt.NDArray[np.str_]
AnyArray = npt.NDArray[Any]
