"""The original's pipeline in Keras 3 on TensorFlow, as the oracle of the parity tests.

Nothing here imports torch or ``ecg_lightning``, so the two packages cannot agree by sharing code.

Modules:
    networks: the three networks as Keras functional models.
    preprocessing: records to windows and labels, split, upsampling, pictures and spectrograms.
    training: ``model.fit`` as the original called it.
    train: the command line, ``python -m keras_reference.train``.
"""

import os

# Keras reads these once, when it is first imported; the reference is defined on TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
