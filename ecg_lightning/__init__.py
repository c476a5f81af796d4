"""Find the heartbeats of an ECG recording and classify them, with PyTorch Lightning.

`annotate` finds the beats of a recording and their classes: N normal, S supraventricular,
V ventricular, F fusion, Q paced or unclassifiable. `BeatDataModule` and `BeatClassifier` train a
network for that, and test it on patients that it has not seen or in the original project's setting.

Example:
    >>> import lightning
    >>> import ecg_lightning as ecg
    >>> annotations = ecg.annotate("night.edf")
    >>> annotations.to_html("night.html")
    >>> data = ecg.BeatDataModule(source="synthetic", per_class=500)
    >>> classifier = ecg.BeatClassifier(ecg.DeepConv1d(data.input_length))
    >>> trainer = lightning.Trainer(max_epochs=3)
    >>> trainer.fit(classifier, datamodule=data)
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
