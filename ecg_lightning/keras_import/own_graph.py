"""The graphs of this package's networks, in Keras's terms."""

from collections.abc import Callable
from typing import Any

from torch import nn

from ecg_lightning.keras_import.graph import Graph, Node
from ecg_lightning.models import Conv2d, DeepConv1d, TimeDepends
from ecg_lightning.models.deep_conv1d import FIRST_NORMED


def own_graph(network: nn.Module) -> Graph:
    """Return the graph of one of this package's networks; its weights are not read."""
    builder = _Builder(network)
    output = _GRAPHS[type(network)](network, builder)
    return Graph(builder.nodes, output)


class _Builder:
    """Adds nodes for the modules of a network, and returns their keys."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.nodes: dict[str, Node] = {}

    def add(self, class_name: str, *inputs: str, layer: str = "", **settings: Any) -> str:
        key = str(len(self.nodes))
        self.nodes[key] = Node(class_name, settings, inputs, layer)
        return key

    def conv(self, path: str, x: str) -> str:
        conv: Any = self.network.get_submodule(path)
        sizes = {
            "kernel_size": list(conv.kernel_size),
            "strides": list(conv.stride),
            "padding": "same" if any(conv.pads) else "valid",
        }
        class_name = f"Conv{len(conv.kernel_size)}D"
        return self.add(class_name, x, layer=path, filters=conv.out_channels, **sizes)

    def norm(self, path: str, x: str, axis: int) -> str:
        norm: Any = self.network.get_submodule(path)
        settings = {"axis": axis, "momentum": norm.momentum, "epsilon": norm.epsilon}
        return self.add("BatchNormalization", x, layer=path, **settings)

    def pool1d(self, path: str, x: str) -> str:
        pool: Any = self.network.get_submodule(path)
        settings = {
            "pool_size": [pool.pool_samples],
            "strides": [pool.stride],
            "padding": pool.padding,
        }
        return self.add("MaxPooling1D", x, **settings)

    def dense(self, path: str, x: str) -> str:
        dense: Any = self.network.get_submodule(path)
        return self.add("Dense", x, layer=path, units=dense.out_features)

    def relu(self, x: str) -> str:
        return self.add("ReLU", x)


def _deep_conv1d(network: DeepConv1d, graph: _Builder) -> str:
    x = graph.add("InputLayer", shape=[network.input_length, 1])
    for i in range(len(network.pools)):
        x = graph.conv(f"convs.{i}", x)
        if 0 <= i - FIRST_NORMED < len(network.norms):
            x = graph.norm(f"norms.{i - FIRST_NORMED}", x, axis=2)
        x = graph.pool1d(f"pools.{i}", x)
    x = graph.relu(graph.dense("dense", graph.add("Flatten", x)))
    return graph.dense("head", x)


def _time_depends(network: TimeDepends, graph: _Builder) -> str:
    x = graph.conv("stem", graph.add("InputLayer", shape=[network.input_length, 1]))
    for i in range(len(network.blocks)):
        block = f"blocks.{i}"
        y = graph.conv(f"{block}.conv2", graph.relu(graph.conv(f"{block}.conv1", x)))
        x = graph.pool1d(f"{block}.pool", graph.relu(graph.add("Add", y, x)))
    return graph.dense("head", graph.add("Flatten", x))


def _conv2d(network: Conv2d, graph: _Builder) -> str:
    def conv(path: str, x: str) -> str:
        return graph.relu(graph.conv(path, x))

    x = conv("stem", graph.add("InputLayer", shape=[network.input_length, network.input_length, 1]))
    x = graph.norm("stem_norm", x, axis=3)
    for i in range(len(network.blocks)):
        block = f"blocks.{i}"
        y = conv(f"{block}.conv2", conv(f"{block}.conv1", x))
        y = graph.norm(f"{block}.norm", y, axis=3)
        summed = graph.add("Add", y, conv(f"{block}.shortcut", x))
        x = graph.add("MaxPooling2D", summed, pool_size=[2, 2], strides=[2, 2], padding="valid")
    x = graph.relu(graph.dense("dense", graph.add("Flatten", x)))
    return graph.dense("head", x)


_GRAPHS: dict[type[nn.Module], Callable[[Any, _Builder], str]] = {
    DeepConv1d: _deep_conv1d,
    TimeDepends: _time_depends,
    Conv2d: _conv2d,
}
