"""Graphs of networks in Keras's terms, and what it means that two operations agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN = 60  # characters of a text that comes from a file


class Mismatch(Exception):
    """A difference between a stored graph and the graph of a network.

    Args:
        problem: The difference, as `layer 'x': expected E, found F`.
        agreed: The number of operations that agreed before.
    """

    def __init__(self, problem: str, agreed: int = -1) -> None:
        super().__init__(problem)
        self.agreed = agreed


@dataclass(frozen=True)
class Node:
    """One operation of a graph: a Keras layer without its activation, or that activation.

    Attributes:
        class_name: Keras's class name; `ReLU` and `Softmax` for activations in any notation.
        settings: The settings that must agree.
        inputs: The keys of the nodes whose outputs it takes.
        layer: In a stored graph, the name of the Keras layer; in a graph of ours, the path of the
            module that holds its weights, or "".
    """

    class_name: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    layer: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes by key, and the key of the output."""

    nodes: Mapping[str, Node]
    output: str


def difference(expected: Node, node: Node) -> str:
    """How two nodes differ, as `expected E, found F`; empty if they agree."""
    class_name = expected.class_name
    if class_name != node.class_name:
        return f"expected {class_name}, found {node.class_name[:SHOWN]}"
    for name, value in expected.settings.items():
        if not equal(value, node.settings[name]):
            return f"expected {class_name} with {name} {value}, found {shown(node.settings[name])}"
    if len(expected.inputs) != len(node.inputs):
        return f"expected {len(expected.inputs)} inputs, found {len(node.inputs)}"
    return ""


def equal(expected: Any, value: Any) -> bool:
    """Whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(expected, list):
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(map(equal, expected, value))
        )
    return isinstance(expected, bool) == isinstance(value, bool) and bool(expected == value)


def shown(value: Any) -> str:
    """The start of a value's text, with control characters escaped."""
    return repr(value)[:SHOWN]
