"""The config of a Keras model (JSON) as plain layers; nothing in it is decoded or run.

Sources: `Functional.get_config` of TF 1.13, Keras 2 and Keras 3. They differ in how a layer names
its inputs.
"""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

JSON_BYTES = 16 << 20  # hundreds of times a big model's config
MOST_LAYERS = 5000
SETTINGS = {  # what decides what a layer computes
    *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups"),
    *("activation", "use_bias", "units", "pool_size", "batch_input_shape", "batch_shape", "dtype"),
    *("axis", "epsilon", "momentum", "center", "scale", "renorm"),
    *("max_value", "negative_slope", "threshold"),
}
_MODELS = ("Functional", "Model", "Sequential")  # "Model" up to Keras 2.2
_SEQUENCES = ("__tuple__", "TensorShape", "ListWrapper")  # how Keras writes other sequences
_OPAQUE = "<object>"

Layer = dict[str, Any]  # the fields of a KerasLayer, as JSON


class Refused(Exception):
    """A file is refused. The message says what was found instead of a Keras model file."""


def shown(name: object) -> str:
    """A name from a file, shortened and escaped for one line of text."""
    text = repr(name)
    return text if len(text) <= 60 else f"{text[:57]}..."


def load_json(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Args:
        text: The text, of at most `JSON_BYTES`.
        what: What the text is, for the refusal.

    Raises:
        Refused: It is too long, is no JSON object, or holds numbers that are not finite.
    """
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
    """Return the layers of a model and the name of its output layer.

    Args:
        config: What Keras stores as `model_config`, or in `config.json`.

    Returns:
        The layers, each after the layers that it takes its inputs from, and the output's name.

    Raises:
        Refused: A model of another class, several outputs, a nested model, a shared layer, a name
            that is used twice, or a layer called with more than the outputs of earlier layers.
    """
    try:
        class_name, inner = config.get("class_name"), config.get("config")
        if class_name not in _MODELS:
            found = f"a model of the class {shown(class_name)}"
            raise Refused(f"{found}, neither Functional nor Sequential")
        if class_name == "Sequential":
            layers = _sequential(inner)
            return layers, layers[-1]["name"]
        inner = _dict(inner, "the model's config")
        layers = [_functional(entry) for entry in _entries(inner.get("layers"))]
        _check_order(layers)
        return layers, _output(inner.get("output_layers"), {layer["name"] for layer in layers})
    except RecursionError:  # the JSON parser allows deeper nesting
        raise Refused("a config nested too deeply") from None


def _sequential(inner: object) -> list[Layer]:
    """The layers of a chain; up to Keras 2.2.2 the config is the list of layers itself."""
    config = {"layers": inner} if isinstance(inner, list) else _dict(inner, "the model's config")
    entries = _entries(config.get("layers"))
    layers = [_layer(entry) for entry in entries]
    if layers[0]["class_name"] != "InputLayer":
        layers.insert(0, _input_layer(config, entries[0], layers))
    for before, layer in pairwise(layers):
        if layer["class_name"] == "InputLayer":
            raise Refused(f"the layer {shown(layer['name'])} with inputs")
        layer["inputs"] = [before["name"]]
    _check_order(layers)
    return layers


def _input_layer(config: Mapping[str, Any], entry: Mapping[str, Any], layers: list[Layer]) -> Layer:
    """The input layer that Keras adds: `conv1d_input` before `conv1d`, with the built shape."""
    name, settings = f"{layers[0]['name']}_input", layers[0]["settings"]
    built = entry.get("build_config")
    shapes = (
        settings.get("batch_input_shape"),
        settings.get("batch_shape"),
        _setting(built.get("input_shape")) if isinstance(built, dict) else None,
        _setting(config.get("build_input_shape")),
    )
    shape = next((shape for shape in shapes if isinstance(shape, list)), None)
    settings = {} if shape is None else {"batch_shape": shape}
    return {"name": name, "class_name": "InputLayer", "settings": settings, "inputs": []}


def _functional(entry: Mapping[str, Any]) -> Layer:
    layer = _layer(entry)
    nodes = entry.get("inbound_nodes")
    if not isinstance(nodes, list):
        raise Refused(f"the layer {shown(layer['name'])} without its inbound_nodes")
    if len(nodes) > 1:
        raise Refused(f"the shared layer {shown(layer['name'])}, called {len(nodes)} times")
    if bool(nodes) == (layer["class_name"] == "InputLayer"):
        raise Refused(f"the layer {shown(layer['name'])} {'with' if nodes else 'without'} inputs")
    layer["inputs"] = [name for node in nodes for name in _inputs(node, layer["name"])]
    return layer


def _inputs(node: object, layer: str) -> Iterator[str]:
    """Names of the layers that a call takes.

    Keras 3 writes a dict of arguments, earlier versions a list of tensors.
    """
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
    """The tensors among the positional arguments of Keras 3, also inside lists."""
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
    """Refuse arguments that change what a layer computes, such as `training=True`."""
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
                found = f"the layer {shown(layer['name'])} fed by {shown(name)}"
                raise Refused(f"{found}, which is no earlier layer")
        known.add(layer["name"])


def _output(outputs: object, names: set[str]) -> str:
    """The one output: `["head", 0, 0]` in Keras 3, `[["head", 0, 0]]` in earlier versions."""
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
    return {"name": name, "class_name": _class_name(entry), "settings": settings, "inputs": []}


def _class_name(entry: Mapping[str, Any]) -> str:
    """The class name; a class from outside Keras, which Keras 3 marks, gets its module's name."""
    module, name = entry.get("module", "keras"), str(entry["class_name"])
    own = isinstance(module, str) and module.split(".")[0] in ("keras", "keras_core", "tf_keras")
    return name if own else f"{module}>{name}"


def _setting(value: object) -> object:
    """A scalar or a flat list of scalars; `<object>` for anything else."""
    if isinstance(value, dict):
        if value.get("class_name") in _SEQUENCES:
            return _setting(value.get("items"))
        name = value["config"].get("name") if isinstance(value.get("config"), dict) else None
        is_dtype = str(value.get("class_name")).endswith("Policy")
        return name if is_dtype and isinstance(name, str) else _OPAQUE
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
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(text)
