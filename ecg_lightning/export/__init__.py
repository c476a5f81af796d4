"""Trained networks as files for other programs: ONNX, torch.export and Keras.

    format        input of the file                     read with
    onnx          `beats` (batch, 1, T)                 onnxruntime.InferenceSession
    torch-export  (batch, 1, T)                         torch.export.load
    keras         (batch, T, 1), channel last           keras.saving.load_model

A network for pictures takes (batch, 1, H, W), or (batch, H, W, 1). The output is `logits` or
`probabilities` (batch, classes). PatientContext takes sequences of beats, (sequences, beats, 5,
128), and gives (sequences, beats, classes); Keras cannot hold it. Each file holds metadata as JSON,
which `read_metadata` returns.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
