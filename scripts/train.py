"""Trains a network and tests its best and last weights: `python scripts/train.py --config deep_conv1d.yaml`.

Takes the same arguments as `ecg-lightning fit`; without any it trains DeepConv1d on the synthetic database.
"""

import sys

from ecg_lightning.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
