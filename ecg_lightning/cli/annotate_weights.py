"""The fingerprint of all that decides what `annotate` writes: settings, weights and version."""

import os
from importlib import resources

from ecg_lightning import __version__
from ecg_lightning.annotation.states import fingerprint
from ecg_lightning.cli.annotate_arguments import Settings
from ecg_lightning.models.names import SHIPPED
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import names_in


def settings_fingerprint(settings: Settings) -> str:
    """Return a text that differs where other annotations would be written.

    Raises:
        InputError: Weights cannot be read.
    """
    return fingerprint(
        {
            "version": __version__,
            "weights": [_weights(settings.model), *map(_weights, names_in(settings.detector))],
            "reading": settings.reading,
            "kinds": settings.kinds,
            "annotator": settings.annotator,
        }
    )


def _weights(name: str) -> str:
    """The checksum of weights; where there is no such file, loading them says so."""
    if name in SHIPPED:
        weights = resources.files("ecg_lightning").joinpath("weights", SHIPPED[name])
        with resources.as_file(weights) as path:
            return sha256_of(path)
    path = expanded(name)
    return sha256_of(path) if os.path.isfile(path) else name
