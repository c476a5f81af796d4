"""Compare a stored graph with the graph of a network, from the output back to the input."""

from torch import nn

from ecg_lightning.keras_import.graph import SHOWN, Graph, Mismatch, Node, difference
from ecg_lightning.keras_import.own_graph import own_graph


def match(stored: Graph, network: nn.Module) -> dict[str, str]:
    """Pair the layers of a stored graph with the modules of a network.

    The classes, the settings and the inputs of all layers must agree.

    Args:
        stored: The graph of a file.
        network: One of this package's networks; its weights are not read.

    Returns:
        Module path -> Keras layer name, for every layer that holds weights.

    Raises:
        Mismatch: The first layer, from the output back, that differs from the network's, or a
            layer that the network does not have.
    """
    expected = own_graph(network)
    pairs = _paired(expected, stored)
    paired = set(pairs.values())
    for key, node in stored.nodes.items():
        if key not in paired and node.class_name != "Softmax":
            problem = f"expected no such layer in {type(network).__name__}"
            raise Mismatch(f"{_layer(node)}: {problem}", len(pairs))
    nodes = expected.nodes.items()
    return {node.layer: stored.nodes[pairs[key]].layer for key, node in nodes if node.layer}


def _paired(expected: Graph, stored: Graph) -> dict[str, str]:
    """Expected key -> stored key, for every operation."""
    pairs: dict[str, str] = {}
    todo = [(expected.output, stored.output)]
    while todo:
        our_key, their_key = todo.pop()
        ours, theirs = expected.nodes[our_key], stored.nodes[their_key]
        if our_key in pairs or their_key in pairs.values():
            if pairs.get(our_key) == their_key:
                continue
            problem = "its output goes elsewhere than in the network"
            raise Mismatch(f"{_layer(theirs)}: {problem}", len(pairs))
        if problem := difference(ours, theirs):
            raise Mismatch(f"{_layer(theirs)}: {problem}", len(pairs))
        pairs[our_key] = their_key
        todo += _pairs_of_inputs(expected, stored, ours, theirs)
    return pairs


def _pairs_of_inputs(
    expected: Graph, stored: Graph, ours: Node, theirs: Node
) -> list[tuple[str, str]]:
    """The inputs of two nodes in pairs, in the order with fewer differences.

    Only sums have two inputs; their order is free, and in our networks the two always differ.
    """
    orders = [
        list(zip(ours.inputs, inputs, strict=True))
        for inputs in (theirs.inputs, theirs.inputs[::-1])
    ]

    def differences(pairs: list[tuple[str, str]]) -> int:
        return sum(bool(difference(expected.nodes[a], stored.nodes[b])) for a, b in pairs)

    return min(orders, key=differences)


def _layer(node: Node) -> str:
    return f"layer {node.layer[:SHOWN]!r}"
