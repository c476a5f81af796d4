"""The fingerprint of all that decides what `annotate` writes: settings, weights and version."""

from importlib import resources

from ecg_lightning import __version__
from ecg_lightning.cli.annotate.arguments import Settings
from ecg_lightning.cli.annotate.states import fingerprint
from ecg_lightning.models.names import SHIPPED, SHIPPED_DETECTORS
from ecg_lightning.system.checksums import sha256_of
from ecg_lightning.system.paths import expanded


def settings_fingerprint(settings: Settings) -> str:
    """Return a text that differs where other annotations would be written.

    Raises:
        InputError: A file of weights cannot be read.
    """
    detectors = [name.strip() for name in settings.detector.split(",")]
    return fingerprint(
        {
            "version": __version__,
            "model": [settings.model, _checksum(settings.model, SHIPPED)],
            "detectors": [[name, _checksum(name, SHIPPED_DETECTORS)] for name in detectors],
            "reading": settings.reading,
            "kinds": settings.kinds,
            "annotator": settings.annotator,
        }
    )


def _checksum(name: str, shipped: dict[str, str]) -> str:
    """The checksum of the file that is loaded; "" without a file, which loading it reports."""
    file = expanded(name)
    # A checkpoint comes before shipped weights of its name; for detectors it is the other way.
    if name in shipped and (shipped is SHIPPED_DETECTORS or not file.exists()):
        weights = resources.files("ecg_lightning").joinpath("weights", shipped[name])
        with resources.as_file(weights) as path:
            return sha256_of(path)
    return sha256_of(file) if file.is_file() else ""
