"""Which of our networks a stored Keras graph is: every layer's kind, settings and inputs compared, from the output back to the beat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import.file import KerasLayer
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.models import layers as ours
from ecg_lightning.models.deep_conv1d import FIRST_NORMED

SHOWN = 60  # characters of a text that comes from the file


@dataclass(frozen=True)
class Node:
    """One operation of a graph: a Keras layer without its activation, or that activation.

    Attributes:
        kind: Keras's class name; `ReLU` and `Softmax` for activations, however they were written down.
        settings: What has to agree.
        inputs: The nodes it takes, by key.
        layer: The Keras layer's name in a file; in our own graph the path of the module that holds its weights, or "".
    """

    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    layer: str = ""


@dataclass
class _Graph:
    """Builds the graph of one of our networks, in Keras's terms."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def add(self, kind: str, *inputs: str, layer: str = "", **settings: Any) -> str:
        key = str(len(self.nodes))
        self.nodes[key] = Node(kind, settings, inputs, layer)
        return key

    def conv(self, network: nn.Module, path: str, x: str) -> str:
        conv: Any = network.get_submodule(path)
        padding = "same" if any(conv.pads) else "valid"
        sizes = {
            "kernel_size": list(conv.kernel_size),
            "strides": list(conv.stride),
            "padding": padding,
        }
        return self.add(
            f"Conv{len(conv.kernel_size)}D", x, layer=path, filters=conv.out_channels, **sizes
        )

    def norm(self, network: nn.Module, path: str, x: str, axis: int) -> str:
        norm: Any = network.get_submodule(path)
        return self.add(
            "BatchNormalization",
            x,
            layer=path,
            axis=axis,
            momentum=norm.momentum,
            epsilon=norm.epsilon,
        )

    def pool1d(self, pool: ours.MaxPool1d, x: str) -> str:
        return self.add(
            "MaxPooling1D",
            x,
            pool_size=[pool.pool_samples],
            strides=[pool.stride],
            padding=pool.padding,
        )

    def dense(self, network: nn.Module, path: str, x: str) -> str:
        dense: Any = network.get_submodule(path)
        return self.add("Dense", x, layer=path, units=dense.out_features)


def _deep_conv1d(network: DeepConv1d, graph: _Graph) -> str:
    x = graph.add("InputLayer", shape=[network.input_length, 1])
    for i, pool in enumerate(network.pools):
        x = graph.conv(network, f"convs.{i}", x)
        if 0 <= i - FIRST_NORMED < len(network.norms):
            x = graph.norm(network, f"norms.{i - FIRST_NORMED}", x, axis=2)
        x = graph.pool1d(pool, x)  # type: ignore[arg-type]
    x = graph.add("ReLU", graph.dense(network, "dense", graph.add("Flatten", x)))
    return graph.dense(network, "head", x)


def _time_depends(network: TimeDepends, graph: _Graph) -> str:
    x = graph.conv(network, "stem", graph.add("InputLayer", shape=[network.input_length, 1]))
    for i, block in enumerate(network.blocks):
        y = graph.conv(
            network,
            f"blocks.{i}.conv2",
            graph.add("ReLU", graph.conv(network, f"blocks.{i}.conv1", x)),
        )
        x = graph.pool1d(block.pool, graph.add("ReLU", graph.add("Add", y, x)))  # type: ignore[arg-type]
    return graph.dense(network, "head", graph.add("Flatten", x))


def _conv2d(network: Conv2d, graph: _Graph) -> str:
    def conv(path: str, x: str) -> str:
        return graph.add("ReLU", graph.conv(network, path, x))

    x = conv("stem", graph.add("InputLayer", shape=[network.input_length, network.input_length, 1]))
    x = graph.norm(network, "stem_norm", x, axis=3)
    for i in range(len(network.blocks)):
        block = f"blocks.{i}"
        y = graph.norm(
            network, f"{block}.norm", conv(f"{block}.conv2", conv(f"{block}.conv1", x)), axis=3
        )
        summed = graph.add("Add", y, conv(f"{block}.shortcut", x))
        x = graph.add("MaxPooling2D", summed, pool_size=[2, 2], strides=[2, 2], padding="valid")
    x = graph.add("ReLU", graph.dense(network, "dense", graph.add("Flatten", x)))
    return graph.dense(network, "head", x)


_BUILDERS: dict[type[nn.Module], Callable[[Any, _Graph], str]] = {
    DeepConv1d: _deep_conv1d,
    TimeDepends: _time_depends,
    Conv2d: _conv2d,
}

# Names that older versions of Keras gave the same layer.
_RENAMED = {
    **{name: "BatchNormalization" for name in ("BatchNormalizationV1", "BatchNormalizationV2")},
    **{
        "Convolution1D": "Conv1D",
        "Convolution2D": "Conv2D",
        "MaxPool1D": "MaxPooling1D",
        "MaxPool2D": "MaxPooling2D",
    },
}
# Settings that have to agree with ours, and settings that may have one value only (None: may be left out; a list: each entry).
_COMPARED = {
    "InputLayer": ("shape",),
    "Conv1D": ("filters", "kernel_size", "strides", "padding"),
    "Conv2D": ("filters", "kernel_size", "strides", "padding"),
    "BatchNormalization": ("axis", "momentum", "epsilon"),
    "MaxPooling1D": ("pool_size", "strides", "padding"),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    **{kind: () for kind in ("Flatten", "Add", "ReLU", "Softmax")},
    "Dense": ("units",),
}
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
_ONE_NUMBER = (
    "kernel_size",
    "strides",
    "pool_size",
)  # older files may hold a number in place of a list


class Mismatch(InputError):
    """A graph that is not that of the network; `agreed` counts the operations that were."""

    def __init__(self, message: str, agreed: int) -> None:
        super().__init__(message)
        self.agreed = agreed


def input_shape(layers: Sequence[KerasLayer]) -> list[int]:
    """The shape of one beat, (T, 1) or (H, W, 1), by the graph's input layer.

    Raises:
        InputError: there is not exactly one input of such a shape.
    """
    inputs = [layer for layer in layers if layer.kind == "InputLayer"]
    if len(inputs) != 1:
        raise InputError(f"expected one input, found {len(inputs)}")
    shape = _shape(inputs[0])
    if len(shape) not in (2, 3) or not all(
        isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in shape
    ):
        raise InputError(
            f"layer {inputs[0].name[:SHOWN]!r}: expected beats (T, 1) or pictures (H, W, 1), found the shape {_shown(shape)}"
        )
    return shape


def match(layers: Sequence[KerasLayer], output: str, network: nn.Module) -> dict[str, str]:
    """Pairs the layers of a stored graph with the modules of a network.

    Args:
        layers: The graph's layers.
        output: The name of its output layer. A softmax at the end may be there or not.
        network: One of ours; its weights are not looked at.

    Returns:
        Module path to Keras layer name, for every layer that holds weights.

    Raises:
        Mismatch: the first layer, from the output back, that is not what the network has in its place, or a layer too many.
        InputError: a layer whose settings are none of ours, such as a Lambda.
    """
    graph = _Graph()
    expected_output = _BUILDERS[type(network)](network, graph)
    found, last = _nodes_of_file(layers, output)
    while found[last].kind == "Softmax" and found[last].inputs:
        last = found[last].inputs[0]
    pairs = _paired(graph.nodes, expected_output, found, last)
    unused = [
        node.layer
        for key, node in found.items()
        if key not in pairs.values() and node.kind != "Softmax"
    ]
    if unused:
        raise Mismatch(
            f"layer {unused[0][:SHOWN]!r}: expected no such layer in {type(network).__name__}",
            len(pairs),
        )
    return {node.layer: found[pairs[key]].layer for key, node in graph.nodes.items() if node.layer}


def _paired(
    expected: Mapping[str, Node], expected_output: str, found: Mapping[str, Node], output: str
) -> dict[str, str]:
    """Expected key to found key, for every operation."""
    pairs: dict[str, str] = {}
    todo = [(expected_output, output)]
    while todo:
        ours_key, theirs_key = todo.pop()
        if ours_key in pairs or theirs_key in pairs.values():
            if pairs.get(ours_key) == theirs_key:
                continue
            raise Mismatch(
                f"layer {found[theirs_key].layer[:SHOWN]!r}: its output goes elsewhere than in the network",
                len(pairs),
            )
        wrong = _difference(expected[ours_key], found[theirs_key])
        if wrong:
            raise Mismatch(f"layer {found[theirs_key].layer[:SHOWN]!r}: {wrong}", len(pairs))
        pairs[ours_key] = theirs_key
        todo += _pairs_of_inputs(expected, found, expected[ours_key], found[theirs_key])
    return pairs


def _pairs_of_inputs(
    expected: Mapping[str, Node], found: Mapping[str, Node], ours_node: Node, theirs: Node
) -> list[tuple[str, str]]:
    """The inputs of two nodes side by side; those of a sum in the order that agrees better, for they are never alike."""
    orders = [
        list(zip(ours_node.inputs, given, strict=True))
        for given in (theirs.inputs, theirs.inputs[::-1])
    ]
    return min(
        orders, key=lambda pairs: sum(bool(_difference(expected[a], found[b])) for a, b in pairs)
    )


def _difference(expected: Node, found: Node) -> str:
    """What two nodes differ in; empty where they agree."""
    if expected.kind != found.kind:
        return f"expected {expected.kind}, found {found.kind[:SHOWN]}"
    for name, value in expected.settings.items():
        if not _equal(value, found.settings[name]):
            return f"expected {expected.kind} with {name} {value}, found {_shown(found.settings[name])}"
    if len(expected.inputs) != len(found.inputs):
        return f"expected {len(expected.inputs)} inputs, found {len(found.inputs)}"
    return ""


def _nodes_of_file(layers: Sequence[KerasLayer], output: str) -> tuple[dict[str, Node], str]:
    """The file's graph with activations as nodes of their own, and the key of its output."""
    nodes: dict[str, Node] = {}
    ends: dict[str, str] = {}  # layer name to the key of what others take from it
    rank = len(input_shape(layers))
    for layer in layers:
        kind = _RENAMED.get(layer.kind, layer.kind)
        activation = layer.settings.get("activation", "linear")
        if kind == "Activation":
            kind = _ACTIVATIONS.get(str(activation), f"Activation {_shown(activation)}")
            activation = "linear"
        nodes[layer.name] = Node(kind, _settings(layer, kind, rank), layer.inputs, layer.name)
        ends[layer.name] = layer.name
        if activation not in ("linear", None):
            if activation not in _ACTIVATIONS:
                raise InputError(
                    f"layer {layer.name[:SHOWN]!r}: expected relu, softmax or no activation, found {_shown(activation)}"
                )
            ends[layer.name] = (
                f"{layer.name} "  # no layer's name, for those hold no blank at the end
            )
            nodes[ends[layer.name]] = Node(_ACTIVATIONS[activation], {}, (layer.name,), layer.name)
    return {key: _joined(node, key, ends) for key, node in nodes.items()}, ends[output]


def _joined(node: Node, key: str, ends: Mapping[str, str]) -> Node:
    """The node with its inputs by key; an activation that was written inside its layer already has that."""
    inputs = node.inputs if key != node.layer else tuple(ends[name] for name in node.inputs)
    return Node(node.kind, node.settings, inputs, node.layer)


def _settings(layer: KerasLayer, kind: str, rank: int) -> dict[str, Any]:
    """The settings to compare, brought into one form; refuses what none of our layers can do."""
    if kind not in _COMPARED:
        raise InputError(
            f"layer {layer.name[:SHOWN]!r}: expected a layer of our networks, found {_shown(kind)}; nothing of it was run"
        )
    for name, value in _FIXED.get(kind, {}).items():
        given = layer.settings.get(name, value)
        entries = given if isinstance(given, list) else [given]
        if not all(_equal(value, entry) for entry in entries):
            raise InputError(
                f"layer {layer.name[:SHOWN]!r}: expected {name} {value}, found {_shown(given)}"
            )
    if kind == "InputLayer":
        return {"shape": _shape(layer)}
    values: dict[str, Any] = {name: layer.settings.get(name) for name in _COMPARED[kind]}
    for name in _ONE_NUMBER:
        if name in values and not isinstance(values[name], list):
            values[name] = [values[name]] * (rank - 1)
    if kind.startswith("Conv") and all(taps == 1 for taps in values["kernel_size"]):
        values["padding"] = "valid"  # the same thing for a single tap
    if kind == "BatchNormalization":
        axis = (
            values["axis"][0]
            if isinstance(values["axis"], list) and len(values["axis"]) == 1
            else values["axis"]
        )
        values["axis"] = rank if axis == -1 else axis
    return values


def _shape(layer: KerasLayer) -> list[Any]:
    shape = layer.settings.get("batch_shape", layer.settings.get("batch_input_shape"))
    return list(shape[1:]) if isinstance(shape, list) else []


def _equal(expected: Any, found: Any) -> bool:
    """Equal as JSON has it: 1 and 1.0 are, 1 and true are not."""
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(_equal, expected, found))
        )
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def _shown(value: Any) -> str:
    return repr(value)[:SHOWN]
