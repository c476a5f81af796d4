"""Train a network and test its best and last weights.

    python scripts/train.py --config deep_conv1d.yaml

The arguments are those of `ecg-lightning fit`. Without any it trains DeepConv1d on the synthetic
database.
"""

import sys

from ecg_lightning.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
