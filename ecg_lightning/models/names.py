"""The names of this package's networks, and the weights that are shipped."""

NETWORKS = ("Conv2d", "DeepConv1d", "TimeDepends")
SHIPPED = {
    "DeepConv1d": "deep_conv1d.safetensors",
    "DeepConv1d-robust": "deep_conv1d_robust.safetensors",
    "TimeDepends": "time_depends.safetensors",
}
SHIPPED_DETECTORS = {
    "BeatDetector": "beat_detector.safetensors",
    "BeatDetector-ds1": "beat_detector_ds1.safetensors",
    "BeatDetector-ds2": "beat_detector_ds2.safetensors",
}
