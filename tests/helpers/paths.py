"""Where the tests run."""

from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the checkout
