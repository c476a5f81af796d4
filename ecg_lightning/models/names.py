"""The names of this package's networks, and the weights that are shipped."""

NETWORKS = ("Conv2d", "DeepConv1d", "PatientContext", "TimeDepends")
KERAS_NETWORKS = ("Conv2d", "DeepConv1d", "TimeDepends")  # that Keras files may hold
# The weights that `scripts/ship_weights.py` writes.
SHIPPED = {
    "DeepConv1d": "deep_conv1d.safetensors",
    "DeepConv1d-robust": "deep_conv1d_robust.safetensors",
    "PatientContext": "patient_context.safetensors",
    "PatientContext-causal": "patient_context_causal.safetensors",
    "TimeDepends": "time_depends.safetensors",
}
SHIPPED_DETECTORS = {
    "BeatDetector": "beat_detector.safetensors",
    "BeatDetector-ds1": "beat_detector_ds1.safetensors",
    "BeatDetector-ds2": "beat_detector_ds2.safetensors",
}
DEFAULT_MODEL, DEFAULT_DETECTOR = "PatientContext", "BeatDetector"  # of `annotate`

# Weights for offline work, and those that take their place for `causal=True` and streams.
CAUSAL_WEIGHTS = {"PatientContext": "PatientContext-causal"}


def default_model(causal: bool) -> str:
    """Return the name of the weights that `annotate` takes where none are named."""
    return CAUSAL_WEIGHTS.get(DEFAULT_MODEL, DEFAULT_MODEL) if causal else DEFAULT_MODEL


# What a user has to know about shipped weights; docs/detection.md and docs/unseen-patients.md have
# the tables.
LIMITS = {
    "DeepConv1d-robust": "the classes V and S need a check: on DS2 of MIT-BIH (22 records, 21 of "
    "patients outside the training), F1 was 49 % for V and 7 % for S",
    "PatientContext": "the class S needs a check, and fusion beats (F) are called N or V: on DS2 "
    "of MIT-BIH (22 records, 21 of patients outside the training), F1 was 96 % for V and 22 % for "
    "S, or 56 % for S without record 232, in which most beats are S",
    "PatientContext-causal": "the class S needs a check, and fusion beats (F) are called N or V: "
    "on DS2 of MIT-BIH (22 records, 21 of patients outside the training), F1 was 96 % for V and "
    "38 % for S, or 42 % for S without record 232, in which most beats are S",
}
