"""The formats of exported files."""

# Format -> ending of a file name. Only Keras refuses files with another ending.
FORMATS = {"onnx": ".onnx", "torch-export": ".pt2", "keras": ".keras"}
