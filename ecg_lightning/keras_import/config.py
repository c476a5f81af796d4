"""A Keras model's config (JSON) as plain layers: names, kinds, settings, inputs. Nothing in it is decoded or run.

Sources: Keras's `Functional.get_config` of TF 1.13, Keras 2 and Keras 3, which differ in how a layer names its inputs.
"""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

JSON_BYTES = 16 << 20  # hundreds of times a big model's config
MOST_LAYERS = 5000
SETTINGS = {
    *(
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
        "activation",
        "use_bias",
        "axis",
    ),
    *(
        "epsilon",
        "momentum",
        "center",
        "scale",
        "renorm",
        "pool_size",
        "units",
        "batch_input_shape",
        "batch_shape",
        "max_value",
    ),
    *("negative_slope", "threshold", "dtype"),
}
_MODELS = ("Functional", "Model", "Sequential")  # "Model" up to Keras 2.2
_SEQUENCES = (
    "__tuple__",
    "TensorShape",
    "ListWrapper",
)  # how Keras 2 writes what JSON has no word for
_OPAQUE = "<object>"

Layer = dict[str, Any]  # name, kind, settings, inputs: a KerasLayer's fields as JSON


class Refused(Exception):
    """What was found instead of a Keras model file: the middle of the line that the user gets."""


def shown(name: object) -> str:
    """A name from a file, fit for one line."""
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:57]}..."


def load_json(text: bytes | str, what: str) -> dict[str, Any]:
    """The JSON object in `text`, of finite numbers; `what` names it in the refusal."""
    if len(text) > JSON_BYTES:
        raise Refused(f"{what} of more than {JSON_BYTES >> 20} MiB")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise Refused(f"{what} nested too deeply") from None
    except ValueError:  # also UnicodeDecodeError, and integers of thousands of digits
        raise Refused(f"{what} that is no JSON") from None
    return _dict(value, what)


def read_layers(config: Mapping[str, Any]) -> tuple[list[Layer], str]:
    """The layers of a model, each after the layers that it takes its inputs from, and the name of its output layer.

    Args:
        config: What Keras stores as `model_config`, or in `config.json`.

    Raises:
        Refused: another kind of model; several outputs; a nested model; a shared layer; a name used twice; a layer called
            with more than the outputs of earlier layers.
    """
    try:
        kind, inner = config.get("class_name"), config.get("config")
        if kind not in _MODELS:
            raise Refused(f"a model of the class {shown(kind)}, neither Functional nor Sequential")
        if kind == "Sequential":
            layers = _sequential(inner)
            return layers, layers[-1]["name"]
        inner = _dict(inner, "the model's config")
        layers = [_functional(entry) for entry in _entries(inner.get("layers"))]
        _check_order(layers)
        return layers, _output(inner.get("output_layers"), {layer["name"] for layer in layers})
    except RecursionError:  # arguments nested just less deeply than the JSON parser allows
        raise Refused("a config nested too deeply") from None


def _sequential(inner: object) -> list[Layer]:
    """A chain. Up to Keras 2.2.2 the config is the list of layers itself."""
    config = {"layers": inner} if isinstance(inner, list) else _dict(inner, "the model's config")
    entries = _entries(config.get("layers"))
    layers = [_layer(entry) for entry in entries]
    if layers[0]["kind"] != "InputLayer":
        layers.insert(0, _input_layer(config, entries[0], layers))
    for before, layer in pairwise(layers):
        if layer["kind"] == "InputLayer":
            raise Refused(f"the layer {shown(layer['name'])} with inputs")
        layer["inputs"] = [before["name"]]
    _check_order(layers)
    return layers


def _input_layer(config: Mapping[str, Any], entry: Mapping[str, Any], layers: list[Layer]) -> Layer:
    """The input that Keras makes up: `conv1d_input` before `conv1d`, of the shape that the first layer was built with."""
    name, settings = f"{layers[0]['name']}_input", layers[0]["settings"]
    built = entry.get("build_config")
    shapes = (
        settings.get("batch_input_shape"),
        settings.get("batch_shape"),
        _setting(built.get("input_shape")) if isinstance(built, dict) else None,
        _setting(config.get("build_input_shape")),
    )
    shape = next((shape for shape in shapes if isinstance(shape, list)), None)
    return {
        "name": name,
        "kind": "InputLayer",
        "settings": {} if shape is None else {"batch_shape": shape},
        "inputs": [],
    }


def _functional(entry: Mapping[str, Any]) -> Layer:
    layer = _layer(entry)
    nodes = entry.get("inbound_nodes")
    if not isinstance(nodes, list):
        raise Refused(f"the layer {shown(layer['name'])} without its inbound_nodes")
    if len(nodes) > 1:
        raise Refused(f"the shared layer {shown(layer['name'])}, called {len(nodes)} times")
    if bool(nodes) == (layer["kind"] == "InputLayer"):
        raise Refused(f"the layer {shown(layer['name'])} {'with' if nodes else 'without'} inputs")
    layer["inputs"] = [name for node in nodes for name in _inputs(node, layer["name"])]
    return layer


def _inputs(node: object, layer: str) -> Iterator[str]:
    """Names of the layers that a call takes: Keras 3 writes a dict of arguments, its predecessors a list of tensors."""
    if isinstance(node, dict):
        yield from _tensors(node.get("args"), layer)
        _check_arguments(node.get("kwargs"), layer)
    elif isinstance(node, list) and node:
        for tensor in node:
            if not isinstance(tensor, list) or len(tensor) not in (3, 4):
                raise _odd_call(layer)
            yield _history(tensor[:3], layer)
            _check_arguments(tensor[3] if len(tensor) == 4 else {}, layer)
    else:
        raise _odd_call(layer)


def _tensors(value: object, layer: str) -> Iterator[str]:
    """The tensors among Keras 3's positional arguments; lists hold more of them, anything else is refused."""
    if isinstance(value, list):
        for item in value:
            yield from _tensors(item, layer)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield _history(_dict(value.get("config"), "a tensor's config").get("keras_history"), layer)
    elif isinstance(value, dict) and value.get("class_name") in _SEQUENCES:
        yield from _tensors(value.get("items"), layer)
    else:
        raise _odd_call(layer)


def _history(history: object, layer: str) -> str:
    """The layer's name in `[name, 0, 0]`: the first output of its only call."""
    match history:
        case [str(name), int(call), int(tensor)] if call == tensor == 0:
            return name
        case [str(name), int(), int()]:
            raise Refused(f"the layer {shown(name)} shared, or with several outputs")
    raise _odd_call(layer)


def _check_arguments(arguments: object, layer: str) -> None:
    """`training=True`, for one, would change what a layer computes; what says nothing is let through."""
    for name, value in _dict(arguments, f"the arguments of the layer {shown(layer)}").items():
        if value is not None and not (name == "training" and value is False):
            raise Refused(f"the layer {shown(layer)} called with the argument {shown(name)}")


def _check_order(layers: list[Layer]) -> None:
    known: set[str] = set()
    for layer in layers:
        if layer["name"] in known:
            raise Refused(f"the layer name {shown(layer['name'])} used twice")
        for name in layer["inputs"]:
            if name not in known:
                raise Refused(
                    f"the layer {shown(layer['name'])} fed by {shown(name)}, which is no earlier layer"
                )
        known.add(layer["name"])


def _output(outputs: object, names: set[str]) -> str:
    """Keras 3 writes `["head", 0, 0]` for the one output, its predecessors `[["head", 0, 0]]`."""
    match outputs:
        case [str(name), 0, 0] | [[str(name), 0, 0]] if name in names:
            return name
        case [[str(), *_], [str(), *_], *_]:
            raise Refused(f"a model with {len(outputs)} outputs")
    raise Refused("a model without one output layer")


def _entries(layers: object) -> list[dict[str, Any]]:
    if not isinstance(layers, list) or not 0 < len(layers) <= MOST_LAYERS:
        raise Refused(f"a model without 1 to {MOST_LAYERS} layers")
    return [_dict(entry, "a layer's entry") for entry in layers]


def _layer(entry: Mapping[str, Any]) -> Layer:
    config = _dict(entry.get("config"), "a layer's config")
    name = entry.get("name", config.get("name"))
    if not isinstance(name, str) or not isinstance(entry.get("class_name"), str):
        raise Refused("a layer without a name and a class name")
    if entry["class_name"] in _MODELS or "layers" in config:
        raise Refused(f"the nested model {shown(name)}")
    settings = {key: _setting(config[key]) for key in sorted(SETTINGS & config.keys())}
    return {"name": name, "kind": _kind(entry), "settings": settings, "inputs": []}


def _kind(entry: Mapping[str, Any]) -> str:
    """The class name; a stranger's class that calls itself `Conv1D`, as Keras 3 can tell, with its module before it."""
    module, kind = entry.get("module", "keras"), str(entry["class_name"])
    own = isinstance(module, str) and module.split(".")[0] in ("keras", "keras_core", "tf_keras")
    return kind if own else f"{module}>{kind}"


def _setting(value: object) -> object:
    """A scalar, a flat list of scalars, or a word that says that it was something else."""
    if isinstance(value, dict):
        name = value["config"].get("name") if isinstance(value.get("config"), dict) else None
        if value.get("class_name") in _SEQUENCES:
            return _setting(value.get("items"))
        return (
            name
            if isinstance(name, str) and str(value.get("class_name")).endswith("Policy")
            else _OPAQUE
        )  # the dtype's
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return _OPAQUE
    return value


def _dict(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{what} that is no JSON object")
    return value


def _odd_call(layer: str) -> Refused:
    return Refused(f"the layer {shown(layer)} called with something that is no layer's output")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _no_constant(text: str) -> None:
    """Refuses NaN and Infinity, which JSON does not have."""
    raise ValueError(text)
