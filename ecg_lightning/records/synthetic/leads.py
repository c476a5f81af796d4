"""The leads of the simulated records."""

import numpy as np

FS_HZ = 360
LEADS = ("MLII", "V1")
# Dipole (x to the left, y to the feet, z to the front) to each lead. MLII points to the feet and
# to the left, V1 to the front and to the right.
LEAD_DIRECTIONS = np.array([[0.50, 0.87, 0.00], [-0.35, 0.00, 0.75]])
