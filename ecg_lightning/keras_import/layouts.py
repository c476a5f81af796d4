"""Where each version of Keras keeps the arrays of a layer in an HDF5 file.

Legacy layout: attributes `layer_names` and `weight_names` (TF 1, Keras 2, and `.h5` of Keras 3).
Keras 3 layout: groups `vars`, in `.weights.h5` and in `.keras`. Only `child` imports this.
"""

import re

import h5py

from ecg_lightning.keras_import.config import Layer, Refused, shown
from ecg_lightning.keras_import.hdf5 import Tree, read_strings

Arrays = dict[str, list[tuple[str, tuple[int, ...]]]]  # layer name -> path and shape of each array
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the second up to Keras 2.12


def weights_alone(file: h5py.File, tree: Tree) -> Arrays:
    """The arrays of a file without a graph, of either layout.

    Raises:
        Refused: The file has neither layout, or arrays of other types than weights have.
    """
    if _strings(file, "", "layer_names") is None:
        return keras3_arrays(file, tree, None)
    return legacy_arrays(file, tree, "")


def legacy_arrays(file: h5py.File, tree: Tree, base: str) -> Arrays:
    """The arrays below the group `base` in the legacy layout.

    Raises:
        Refused: Names that lead nowhere or occur twice, or arrays of other types than weights have.
    """
    names = _strings(file, base, "layer_names")
    if names is None:
        raise Refused("a model without layer_names")
    arrays = Arrays()
    for name in names:
        if name in arrays:
            raise Refused(f"the layer name {shown(name)} used twice")
        group = f"{base}/{name}".lstrip("/")
        if group not in tree or tree[group] is not None:
            raise Refused(f"no weights of the layer {shown(name)}")
        paths = [f"{group}/{weight}" for weight in _strings(file, group, "weight_names") or []]
        if len(set(paths)) < len(paths):
            raise Refused(f"an array of the layer {shown(name)} named twice")
        arrays[name] = [(path, float_shape(tree, path)) for path in paths]
    return {name: layer_arrays for name, layer_arrays in arrays.items() if layer_arrays}


def keras3_arrays(file: h5py.File, tree: Tree, layers: list[Layer] | None) -> Arrays:
    """The arrays in the Keras 3 layout.

    Args:
        file: The HDF5 file.
        tree: Its objects.
        layers: The graph; None for weights alone. With a graph, a layer with nested arrays only,
            such as an LSTM, gets an empty list: the comparison of the graphs will refuse it.

    Raises:
        Refused: Missing groups, names that contradict the graph, or arrays of other types than
            weights have.
    """
    base = next((name for name in _CONTAINERS if name in tree and tree[name] is None), None)
    if base is None:
        file_name = "an HDF5 file" if layers is None else "a model.weights.h5"
        raise Refused(f"{file_name} without layers")
    groups = _vars_groups(tree, base, skip_nested=layers is not None)
    known = _graph_names(layers, list(groups)) if layers is not None else {}
    arrays = Arrays()
    for group, paths in groups.items():
        own = text(file, f"{base}/{group}/vars", "name") if paths else ""
        if own and known.get(group, own) != own:
            raise Refused(
                f"the weights {shown(group)} named {shown(own)} instead of {shown(known[group])}"
            )
        name = own or known.get(group, group)
        if name in arrays:
            raise Refused(f"the layer name {shown(name)} used twice")
        arrays[name] = [(path, float_shape(tree, path)) for path in paths]
    return arrays


def float_shape(tree: Tree, path: str) -> tuple[int, ...]:
    """Return the shape of an array of weights.

    Raises:
        Refused: There is no such array, or it has another type.
    """
    dataset = tree.get(path)
    if dataset is None:
        raise Refused(f"no array {shown(path)}")
    if not dataset.is_float:
        raise Refused(f"the array {shown(path)} of another type than float16, float32 and float64")
    return dataset.shape


def text(file: h5py.File, path: str, name: str) -> str:
    """Return the one string of an attribute; "" where there is no such attribute.

    Raises:
        Refused: The attribute holds several strings.
    """
    strings = _strings(file, path, name)
    if strings is not None and len(strings) != 1:
        raise Refused(f"an attribute {name} of {len(strings)} strings")
    return strings[0] if strings else ""


def _strings(file: h5py.File, path: str, name: str) -> list[str] | None:
    """An attribute's strings; Keras splits one of more than 64 kB into name0, name1 and so on."""
    if (strings := read_strings(file, path, name)) is not None:
        return strings
    if (strings := read_strings(file, path, f"{name}0")) is None:
        return None
    index = 1
    while (more := read_strings(file, path, f"{name}{index}")) is not None:
        strings, index = strings + more, index + 1
    return strings


def _vars_groups(tree: Tree, base: str, skip_nested: bool) -> dict[str, list[str]]:
    """Group of a layer -> paths of its arrays 0, 1, …, in the natural order of the groups."""
    groups: dict[str, list[str]] = {}
    nested: dict[str, str] = {}
    for path, dataset in tree.items():
        group, _, rest = path.removeprefix(f"{base}/").partition("/")
        if dataset is None or not path.startswith(f"{base}/"):
            continue
        if re.fullmatch(r"vars/(0|[1-9][0-9]{0,4})", rest):
            groups.setdefault(group, []).append(path)
        elif dataset.is_float or rest.startswith("vars/"):
            nested.setdefault(group, path)
        # Otherwise integers deeper than `vars`: the seed generator of a Dropout.
    for group, path in nested.items():
        if group in groups or not skip_nested:
            raise Refused(f"{shown(path)}, an array of a nested layer")
        groups[group] = []
    for group, paths in groups.items():
        groups[group] = [f"{base}/{group}/vars/{index}" for index in range(len(paths))]
        if set(groups[group]) != set(paths):
            raise Refused(f"{shown(group)} without some of its arrays 0 to {len(paths) - 1}")
    return dict(sorted(groups.items(), key=lambda item: _natural(item[0])))


def _graph_names(layers: list[Layer], groups: list[str]) -> dict[str, str]:
    """Group -> layer name.

    Most versions count the groups of each class; some name them as the layers are named.
    """
    counted: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in layers:
        stem = _snake(layer["class_name"].rpartition(">")[2])
        counts[stem] = counts.get(stem, -1) + 1
        counted[f"{stem}_{counts[stem]}" if counts[stem] else stem] = layer["name"]
    if set(groups) <= set(counted):
        return counted
    own = {layer["name"]: layer["name"] for layer in layers}
    return own if set(groups) <= set(own) else {}


def _snake(name: str) -> str:
    """Keras's `to_snake_case`: Conv1D is conv1d, ReLU is re_lu."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorting key that puts conv1d_2 before conv1d_10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"([0-9]{1,9})", name)
    ]
