"""Writers of Keras model files in every layout, with h5py, json and zipfile only."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np


@dataclass(frozen=True)
class Made:
    """A layer to write; its weights by name, in the order of `get_weights()`."""

    name: str
    class_name: str
    config: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def small_layers(seed: int = 0) -> list[Made]:
    """A graph with a sum in it: an input of 8 samples, two convolutions, a BatchNorm, 3 classes."""
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    conv = {
        "filters": 2,
        "kernel_size": [3],
        "strides": [1],
        "padding": "same",
        "activation": "relu",
        "use_bias": True,
    }
    norm = {name: draw(2) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    return [
        Made("signal", "InputLayer", {"batch_shape": [None, 8, 1], "dtype": "float32"}),
        Made("stem", "Conv1D", conv, ("signal",), {"kernel": draw(3, 1, 2), "bias": draw(2)}),
        Made("twin", "Conv1D", conv, ("stem",), {"kernel": draw(3, 2, 2), "bias": draw(2)}),
        Made(
            "norm",
            "BatchNormalization",
            {"axis": 2, "epsilon": 1e-3, "momentum": 0.99},
            ("twin",),
            norm,
        ),
        Made("sum", "Add", {}, ("stem", "norm")),
        Made("flat", "Flatten", {"data_format": "channels_last"}, ("sum",)),
        Made(
            "head",
            "Dense",
            {"units": 3, "activation": "softmax"},
            ("flat",),
            {"kernel": draw(16, 3), "bias": draw(3)},
        ),
    ]


def old_config(layers: Sequence[Made], class_name: str = "Model") -> dict[str, Any]:
    """The functional model's config of TF 1 and Keras 2."""
    entries = [
        {
            "name": made.name,
            "class_name": made.class_name,
            "config": dict[str, Any](name=made.name, trainable=True) | _old(made.config),
            "inbound_nodes": [[[name, 0, 0, {}] for name in made.inputs]] if made.inputs else [],
        }
        for made in layers
    ]
    ends: dict[str, Any] = {
        "input_layers": [[layers[0].name, 0, 0]],
        "output_layers": [[layers[-1].name, 0, 0]],
    }
    return {"class_name": class_name, "config": {"name": "model", "layers": entries, **ends}}


def new_config(layers: Sequence[Made]) -> dict[str, Any]:
    """The functional model's config of Keras 3."""
    entries = [
        {
            "module": "keras.layers",
            "class_name": made.class_name,
            "config": {"name": made.name, "trainable": True, "dtype": _policy(), **made.config},
            "registered_name": None,
            "name": made.name,
            "inbound_nodes": [{"args": _arguments(made.inputs), "kwargs": {}}]
            if made.inputs
            else [],
        }
        for made in layers
    ]
    ends: dict[str, Any] = {
        "input_layers": [layers[0].name, 0, 0],
        "output_layers": [layers[-1].name, 0, 0],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"name": "model", "layers": entries, **ends},
    }


def sequential_config(layers: Sequence[Made], **more: Any) -> dict[str, Any]:
    """The config of a chain, without the inputs; `more` is added to the model's config."""
    entries = [
        {"class_name": made.class_name, "config": {"name": made.name, **made.config}}
        for made in layers
    ]
    return {"class_name": "Sequential", "config": {"name": "chain", "layers": entries, **more}}


def legacy_weights(
    group: h5py.Group,
    layers: Sequence[Made],
    suffix: str = ":0",
    text: bool = False,
    **storage: Any,
) -> None:
    """Write weights as TF 1, Keras 2 and Keras 3 keep them in `.h5`.

    Args:
        group: Where to write.
        layers: The layers.
        suffix: The end of an array's name.
        text: Write the names as strings of variable length.
        storage: Arguments of h5py's `create_dataset`.
    """

    def names(values: list[str]) -> Any:
        return (
            np.array(values, h5py.string_dtype())
            if text and values
            else np.array([value.encode() for value in values])
        )

    group.attrs["layer_names"] = names([made.name for made in layers])
    for made in layers:
        inner = group.create_group(made.name)
        inner.attrs["weight_names"] = names([f"{made.name}/{name}{suffix}" for name in made.arrays])
        for name, array in made.arrays.items():
            inner.create_dataset(f"{made.name}/{name}{suffix}", data=array, **storage)


def keras3_weights(file: h5py.Group, layers: Sequence[Made], named: bool = True) -> None:
    """Write weights as Keras 3: groups counted for each class, with names if `named`."""
    counts: dict[str, int] = {}
    for made in layers:
        stem = snake(made.class_name)
        counts[stem] = count = counts.get(stem, -1) + 1
        group = file.create_group(f"layers/{stem}_{count}/vars" if count else f"layers/{stem}/vars")
        if named:
            group.attrs["name"] = made.name
        for index, array in enumerate(made.arrays.values()):
            group[str(index)] = array
    file.create_group("vars")


def tf1_h5(path: Path, layers: Sequence[Made], config: dict[str, Any] | None = None) -> Path:
    """Write a whole model as TF 1.13 does, with the optimizer's state."""
    old = [
        Made(
            m.name,
            f"{m.class_name}V1" if m.class_name == "BatchNormalization" else m.class_name,
            m.config,
            m.inputs,
            m.arrays,
        )
        for m in layers
    ]
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": "2.2.4-tf", "backend": "tensorflow"})
        file.attrs["model_config"] = json.dumps(config or old_config(old))
        legacy_weights(file.create_group("model_weights"), old)
        file["optimizer_weights/training/Adam/iterations:0"] = np.int64(7)
    return path


def keras2_h5(path: Path, layers: Sequence[Made], config: dict[str, Any] | None = None) -> Path:
    """Write a whole model as Keras 2 does."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": "2.15.0", "backend": "tensorflow"})
        file.attrs["model_config"] = json.dumps(config or old_config(layers, "Functional"))
        legacy_weights(file.create_group("model_weights"), layers, text=True)
    return path


def keras3_h5(path: Path, layers: Sequence[Made], config: dict[str, Any] | None = None) -> Path:
    """Write a whole model as Keras 3 does to HDF5."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": "3.15.1", "backend": "tensorflow"})
        file.attrs["model_config"] = json.dumps(config or new_config(layers))
        legacy_weights(file.create_group("model_weights"), layers, suffix="", text=True)
        file["model_weights"].create_group("top_level_model_weights").attrs["weight_names"] = (
            np.array([])
        )
    return path


def legacy_weights_h5(path: Path, layers: Sequence[Made], **storage: Any) -> Path:
    """Write weights alone as `save_weights` of TF 1 and Keras 2; see `legacy_weights`."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"keras_version": "2.15.0", "backend": "tensorflow"})
        legacy_weights(file, layers, **storage)
    return path


def weights_h5(path: Path, layers: Sequence[Made]) -> Path:
    """Write a `.weights.h5` file of Keras 3."""
    with h5py.File(path, "w") as file:
        keras3_weights(file, layers)
    return path


def keras_zip(
    path: Path, layers: Sequence[Made], config: dict[str, Any] | None = None, named: bool = True
) -> Path:
    """Write a `.keras` file of Keras 3."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        keras3_weights(file, layers, named)
    return zipped(
        path, {**json_members(config or new_config(layers)), "model.weights.h5": weights.getvalue()}
    )


def json_members(config: dict[str, Any]) -> dict[str, bytes]:
    """The members of a `.keras` file except its weights."""
    return {
        "metadata.json": b'{"keras_version": "3.15.1", "date_saved": ""}',
        "config.json": json.dumps(config).encode(),
    }


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


WRITERS: dict[str, Callable[[Path, Sequence[Made]], Path]] = {
    "tf1.h5": tf1_h5,
    "keras2.h5": keras2_h5,
    "keras3.h5": keras3_h5,
    "legacy_weights.h5": legacy_weights_h5,
    "keras3.weights.h5": weights_h5,
    "keras3.keras": keras_zip,
}


def snake(name: str) -> str:
    """A name as Keras 3 writes it: conv1d for Conv1D, max_pooling1d, re_lu for ReLU."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _old(config: dict[str, Any]) -> dict[str, Any]:
    """A layer's older config: `batch_input_shape`, and a list as BatchNorm's `axis`."""
    old = {
        "batch_input_shape" if key == "batch_shape" else key: value for key, value in config.items()
    }
    return {**old, "axis": [old["axis"]]} if isinstance(old.get("axis"), int) else old


def _policy() -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    }


def _arguments(inputs: Sequence[str]) -> list[Any]:
    """A merging layer takes one argument, a list."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": [name, 0, 0]},
        }
        for name in inputs
    ]
    return [tensors] if len(tensors) > 1 else tensors
