"""Classify the heartbeats of an ECG with big-kernel CNNs, in PyTorch Lightning.

Recordings are cut into beats, the beats are split by patient or as the original project did, a
network learns five classes (N normal, S supraventricular, V ventricular, F fusion, Q paced or
unclassifiable), and a test ends in metrics with intervals.

Example:
    >>> import lightning
    >>> import ecg_lightning as ecg
    >>> data = ecg.BeatDataModule(source="synthetic", per_class=500)
    >>> classifier = ecg.BeatClassifier(ecg.DeepConv1d(data.input_length))
    >>> trainer = lightning.Trainer(max_epochs=3)
    >>> trainer.fit(classifier, datamodule=data)
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
