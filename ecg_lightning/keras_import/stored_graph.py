"""The graph of a Keras file, in one notation for all versions of Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecg_lightning.keras_import.file import KerasLayer
from ecg_lightning.keras_import.graph import SHOWN, Graph, Mismatch, Node, equal, shown

# Older names of the same layer.
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
}
# Class -> settings that must agree with those of our networks.
_COMPARED = {
    "InputLayer": ("shape",),
    "Conv1D": ("filters", "kernel_size", "strides", "padding"),
    "Conv2D": ("filters", "kernel_size", "strides", "padding"),
    "BatchNormalization": ("axis", "momentum", "epsilon"),
    "MaxPooling1D": ("pool_size", "strides", "padding"),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    **{class_name: () for class_name in ("Flatten", "Add", "ReLU", "Softmax")},
    "Dense": ("units",),
}
# Class -> settings with one allowed value, which is also the default; of a list, each entry.
_PLAIN_CONV = {"data_format": "channels_last", "dilation_rate": 1, "groups": 1, "use_bias": True}
_FIXED: dict[str, dict[str, Any]] = {
    "Conv1D": _PLAIN_CONV,
    "Conv2D": _PLAIN_CONV,
    "MaxPooling1D": {"data_format": "channels_last"},
    "MaxPooling2D": {"data_format": "channels_last"},
    "Flatten": {"data_format": "channels_last"},
    "BatchNormalization": {"center": True, "scale": True, "renorm": False},
    "ReLU": {"max_value": None, "negative_slope": 0, "threshold": 0},
    "Dense": {"use_bias": True},
}
_ACTIVATIONS = {"relu": "ReLU", "softmax": "Softmax"}
_SIZES = ("kernel_size", "strides", "pool_size")  # older files may hold a number, not a list


def input_shape(layers: Sequence[KerasLayer]) -> list[int]:
    """The shape of one beat, (T, 1) or (H, W, 1), as the graph's input layer has it.

    Raises:
        Mismatch: The graph has not exactly one input of such a shape.
    """
    inputs = [layer for layer in layers if layer.class_name == "InputLayer"]
    if len(inputs) != 1:
        raise Mismatch(f"expected one input, found {len(inputs)}")
    shape = _shape(inputs[0])
    if len(shape) not in (2, 3) or not all(map(_is_size, shape)):
        raise _mismatch(
            inputs[0], "beats (T, 1) or pictures (H, W, 1)", f"the shape {shown(shape)}"
        )
    return shape


def stored_graph(layers: Sequence[KerasLayer], output: str) -> Graph:
    """Return the graph of a file, in which each activation is a node.

    Args:
        layers: The file's layers.
        output: The name of the output layer. If it is a softmax, the node before it is the graph's
            output.

    Raises:
        Mismatch: A layer is of a class, or has a setting, that no network of ours has.
    """
    nodes: dict[str, Node] = {}
    ends: dict[str, str] = {}  # layer name -> key of the node whose output others take
    rank = len(input_shape(layers))
    for layer in layers:
        class_name, activation = _class_and_activation(layer)
        nodes[layer.name] = Node(
            class_name, _settings(layer, class_name, rank), layer.inputs, layer.name
        )
        ends[layer.name] = layer.name
        if activation is not None:
            ends[layer.name] = f"{layer.name} "  # no layer's name ends in a blank
            nodes[ends[layer.name]] = Node(activation, {}, (layer.name,), layer.name)
    joined = {key: _joined(node, key, ends) for key, node in nodes.items()}
    last = ends[output]
    while joined[last].class_name == "Softmax" and joined[last].inputs:
        last = joined[last].inputs[0]
    return Graph(joined, last)


def _class_and_activation(layer: KerasLayer) -> tuple[str, str | None]:
    """The class of a layer's node, and that of the activation inside the layer, if there is one.

    Raises:
        Mismatch: No network of ours has such a layer.
    """
    class_name = _RENAMED.get(layer.class_name, layer.class_name)
    activation = layer.settings.get("activation", "linear")
    if class_name == "Activation":
        class_name = _ACTIVATIONS.get(str(activation), f"Activation {shown(activation)}")
        activation = None
    if class_name not in _COMPARED:
        found = f"{shown(class_name)}, which was not run"
        raise _mismatch(layer, "a layer of these networks", found)
    if activation in ("linear", None):
        return class_name, None
    if activation not in _ACTIVATIONS:
        raise _mismatch(layer, "relu, softmax or no activation", shown(activation))
    return class_name, _ACTIVATIONS[activation]


def _joined(node: Node, key: str, ends: Mapping[str, str]) -> Node:
    """The node with keys as inputs; an activation from inside a layer has a key already."""
    inputs = node.inputs if key != node.layer else tuple(ends[name] for name in node.inputs)
    return Node(node.class_name, node.settings, inputs, node.layer)


def _settings(layer: KerasLayer, class_name: str, rank: int) -> dict[str, Any]:
    """The settings to compare, in one notation.

    Raises:
        Mismatch: A setting has a value that no network of ours has.
    """
    _check_fixed(layer, class_name)
    if class_name == "InputLayer":
        return {"shape": _shape(layer)}
    values: dict[str, Any] = {name: layer.settings.get(name) for name in _COMPARED[class_name]}
    for name in _SIZES:
        if name in values and not isinstance(values[name], list):
            values[name] = [values[name]] * (rank - 1)
    if class_name.startswith("Conv") and all(taps == 1 for taps in values["kernel_size"]):
        values["padding"] = "valid"  # the same as "same" for a single tap
    if class_name == "BatchNormalization":
        values["axis"] = _axis(values["axis"], rank)
    return values


def _check_fixed(layer: KerasLayer, class_name: str) -> None:
    for name, value in _FIXED.get(class_name, {}).items():
        setting = layer.settings.get(name, value)
        entries = setting if isinstance(setting, list) else [setting]
        if not all(equal(value, entry) for entry in entries):
            raise _mismatch(layer, f"{name} {value}", shown(setting))


def _axis(axis: Any, rank: int) -> Any:
    """The axis of a BatchNormalization, counted from the front; older files hold a list."""
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    return rank if axis == -1 else axis


def _shape(layer: KerasLayer) -> list[Any]:
    shape = layer.settings.get("batch_shape", layer.settings.get("batch_input_shape"))
    return list(shape[1:]) if isinstance(shape, list) else []


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _mismatch(layer: KerasLayer, expected: str, found: str) -> Mismatch:
    return Mismatch(f"layer {layer.name[:SHOWN]!r}: expected {expected}, found {found}")
