"""Keras files of every layout are read exactly; models that are not one graph are refused."""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import import config as keras_config
from ecg_lightning.keras_import.file import (
    KerasArray,
    KerasFile,
    KerasLayer,
    inspect_keras,
    read_arrays,
)
from tests.helpers import keras_files as made
from tests.helpers.keras_files import WRITERS, Made, small_layers
from tests.helpers.keras_reading import (
    check_arrays,
    everything,
    forked_reader,
    hdf5_bytes,
    refused,
)


@pytest.fixture(scope="module", autouse=True)
def forks() -> Iterator[None]:
    yield from forked_reader()


class TestLayouts:
    @pytest.mark.parametrize("layout", WRITERS)
    def test_every_array_to_the_bit(self, tmp_path: Path, layout: str) -> None:
        layers = small_layers()
        file, arrays = everything(WRITERS[layout](tmp_path / "model", layers))
        check_arrays(arrays, layers)
        weights_only = layout.endswith("weights.h5")
        assert (file.layers is None, file.output) == (weights_only, "" if weights_only else "head")
        natural = ["norm", "stem", "twin", "head"]  # batch_normalization, conv1d, conv1d_1, dense
        assert list(file.arrays) == (
            natural if layout == "keras3.weights.h5" else ["stem", "twin", "norm", "head"]
        )
        versions = {"tf1.h5": "2.2.4-tf", "keras3.weights.h5": ""}
        assert file.keras_version == versions.get(
            layout, "3.15.1" if "keras3" in layout else "2.15.0"
        )

    @pytest.mark.parametrize("layout", ["tf1.h5", "keras2.h5", "keras3.h5", "keras3.keras"])
    def test_the_graph(self, tmp_path: Path, layout: str) -> None:
        layers = small_layers()
        stored = inspect_keras(WRITERS[layout](tmp_path / "model", layers)).layers
        assert stored is not None
        assert [(layer.name, layer.inputs) for layer in stored] == [
            (layer.name, layer.inputs) for layer in layers
        ]
        norm = "BatchNormalizationV1" if layout == "tf1.h5" else "BatchNormalization"
        assert [layer.class_name for layer in stored] == [
            "InputLayer",
            "Conv1D",
            "Conv1D",
            norm,
            "Add",
            "Flatten",
            "Dense",
        ]
        shape = "batch_input_shape" if layout in ("tf1.h5", "keras2.h5") else "batch_shape"
        assert stored[0].settings == {shape: [None, 8, 1], "dtype": "float32"}
        assert {key: stored[1].settings[key] for key in layers[1].config} == layers[1].config
        assert stored[1].settings.get("dtype", "float32") == "float32"

    def test_by_hand(self, tmp_path: Path) -> None:
        layers = [
            Made("in", "InputLayer", {"batch_shape": [None, 2]}),
            Made("d", "Dense", {"units": 1}, ("in",), {"k": np.ones((2, 1), "f4")}),
        ]
        assert inspect_keras(made.tf1_h5(tmp_path / "m.h5", layers)) == KerasFile(
            tmp_path / "m.h5",
            "2.2.4-tf",
            (
                KerasLayer("in", "InputLayer", {"batch_input_shape": [None, 2]}, ()),
                KerasLayer("d", "Dense", {"units": 1}, ("in",)),
            ),
            "d",
            {"d": (KerasArray("model_weights/d/d/k:0", (2, 1)),)},
        )

    def test_only_settings_that_are_known_and_flat(self, tmp_path: Path) -> None:
        config = {
            "activation": {"class_name": "Lambda", "config": "code"},
            "function": "code",
            "axis": [[1], [2]],
            "epsilon": None,
        }
        layers = [
            *small_layers(),
            Made("more", "Lambda", {**config, "units": 5, "dtype": made._policy()}, ("head",)),
        ]
        stored = inspect_keras(made.keras2_h5(tmp_path / "m.h5", layers)).layers
        assert stored is not None
        expected = {
            "activation": "<object>",
            "axis": "<object>",
            "dtype": "float32",
            "epsilon": None,
            "units": 5,
        }
        assert (stored[-1].class_name, stored[-1].settings) == ("Lambda", expected)

    @pytest.mark.parametrize(
        ("module", "kind"),
        [("keras.layers", "Dense"), (None, "None>Dense"), ("kerasy", "kerasy>Dense")],
    )
    def test_a_strangers_class_under_a_known_name(
        self, tmp_path: Path, module: str | None, kind: str
    ) -> None:
        config = made.new_config(small_layers())
        config["config"]["layers"][-1]["module"] = module
        stored = inspect_keras(made.keras_zip(tmp_path / "m.keras", small_layers(), config)).layers
        assert stored is not None
        assert stored[-1].class_name == kind

    @pytest.mark.parametrize("version", ["1\n2", "x" * 41, "\x1b[31m", "é"])
    def test_a_version_that_is_none(self, tmp_path: Path, version: str) -> None:
        with h5py.File(made.keras2_h5(tmp_path / "m.h5", small_layers()), "r+") as file:
            file.attrs["keras_version"] = version
        assert inspect_keras(tmp_path / "m.h5").keras_version == ""

    def test_a_config_of_bytes_and_names_in_pieces(self, tmp_path: Path) -> None:
        layers = small_layers()
        with h5py.File(made.keras2_h5(tmp_path / "m.h5", layers), "r+") as file:
            file.attrs["model_config"] = np.bytes_(file.attrs["model_config"])
            names = file["model_weights"].attrs.pop("layer_names")
            file["model_weights"].attrs.update(
                {"layer_names0": names[:3], "layer_names1": names[3:]}
            )
        check_arrays(everything(tmp_path / "m.h5")[1], layers)

    @pytest.mark.parametrize("dtype", ["<f2", ">f2", ">f4", "<f8", ">f8"])
    def test_other_floats(self, tmp_path: Path, dtype: str) -> None:
        values = np.array([1.5, -2, 0.25, 3]).astype(dtype).reshape(2, 2)
        array = everything(
            made.legacy_weights_h5(
                tmp_path / "w.h5", [Made("d", "Dense", arrays={"kernel": values})]
            )
        )[1]["d"][0]
        assert array.dtype == (np.float64 if values.dtype.itemsize == 8 else np.float32)
        np.testing.assert_array_equal(array, values)

    def test_packed_chunks(self, tmp_path: Path) -> None:
        layers = small_layers()
        made.legacy_weights_h5(
            tmp_path / "w.h5", layers, chunks=True, compression="gzip", shuffle=True
        )
        check_arrays(everything(tmp_path / "w.h5")[1], layers)


class TestSequential:
    CONV = Made("conv", "Conv1D", {"filters": 2}, (), {"kernel": np.ones((3, 1, 2), "f4")})
    HEAD = Made("head", "Dense", {"units": 3}, (), {"kernel": np.ones((16, 3), "f4")})

    def chain(
        self, tmp_path: Path, config: dict[str, Any]
    ) -> list[tuple[str, tuple[str, ...], Any]]:
        file = inspect_keras(made.keras2_h5(tmp_path / "m.h5", [self.CONV, self.HEAD], config))
        assert file.layers is not None
        assert (file.output, list(file.arrays)) == ("head", ["conv", "head"])
        return [
            (layer.name, layer.inputs, layer.settings.get("batch_shape")) for layer in file.layers
        ]

    @pytest.mark.parametrize("key", ["batch_input_shape", "batch_shape"])
    def test_the_first_layer_has_the_shape(self, tmp_path: Path, key: str) -> None:
        config = made.sequential_config([Made("conv", "Conv1D", {key: [None, 8, 1]}), self.HEAD])
        chain = self.chain(tmp_path, config)
        assert chain[0] == ("conv_input", (), [None, 8, 1])
        assert [(name, inputs) for name, inputs, _ in chain[1:]] == [
            ("conv", ("conv_input",)),
            ("head", ("conv",)),
        ]

    def test_the_model_has_the_shape(self, tmp_path: Path) -> None:
        shape = {"class_name": "TensorShape", "items": [None, 8, 1]}
        config = made.sequential_config([self.CONV, self.HEAD], build_input_shape=shape)
        assert self.chain(tmp_path, config)[0] == ("conv_input", (), [None, 8, 1])

    def test_the_build_config_has_the_shape(self, tmp_path: Path) -> None:
        config = made.sequential_config([self.CONV, self.HEAD])
        config["config"]["layers"][0]["build_config"] = {"input_shape": [None, 8, 1]}
        assert self.chain(tmp_path, config)[0] == ("conv_input", (), [None, 8, 1])

    def test_an_input_layer_stays(self, tmp_path: Path) -> None:
        layers = [Made("in", "InputLayer", {"batch_shape": [None, 8, 1]}), self.CONV, self.HEAD]
        assert self.chain(tmp_path, made.sequential_config(layers))[0] == ("in", (), [None, 8, 1])

    def test_a_second_input_layer(self, tmp_path: Path) -> None:
        config = made.sequential_config([self.CONV, Made("in", "InputLayer"), self.HEAD])
        assert (
            refused(made.keras2_h5(tmp_path / "m.h5", [self.CONV, self.HEAD], config))
            == "the layer 'in' with inputs"
        )

    def test_no_shape_at_all_and_the_oldest_form(self, tmp_path: Path) -> None:
        config = made.sequential_config([self.CONV, self.HEAD])
        expected = [
            ("conv_input", (), None),
            ("conv", ("conv_input",), None),
            ("head", ("conv",), None),
        ]
        assert self.chain(tmp_path, config) == expected
        assert (
            self.chain(tmp_path, {"class_name": "Sequential", "config": config["config"]["layers"]})
            == expected
        )


class TestNamesOfKeras3:
    def test_counted_where_the_name_is_not_stored(self, tmp_path: Path) -> None:
        layers = small_layers()
        check_arrays(
            everything(made.keras_zip(tmp_path / "m.keras", layers, named=False))[1], layers
        )

    def test_the_layers_own_names(self, tmp_path: Path) -> None:
        layers, weights = small_layers(), io.BytesIO()
        with h5py.File(weights, "w") as file:
            for layer in layers:
                for index, array in enumerate(layer.arrays.values()):
                    file[f"_layer_checkpoint_dependencies/{layer.name}/vars/{index}"] = array
        members = {
            **made.json_members(made.new_config(layers)),
            "model.weights.h5": weights.getvalue(),
        }
        check_arrays(everything(made.zipped(tmp_path / "m.keras", members))[1], layers)
        (tmp_path / "w.weights.h5").write_bytes(weights.getvalue())
        check_arrays(everything(tmp_path / "w.weights.h5")[1], layers)

    def test_natural_order(self, tmp_path: Path) -> None:
        layers = [
            Made(f"x{index}", "Dense", arrays={"kernel": np.full((1, 1), index, "f4")})
            for index in range(12)
        ]
        assert list(inspect_keras(made.weights_h5(tmp_path / "w.h5", layers)).arrays) == [
            f"x{index}" for index in range(12)
        ]

    def test_a_seed_generator_is_passed_over(self, tmp_path: Path) -> None:
        with h5py.File(made.weights_h5(tmp_path / "w.h5", small_layers()), "r+") as file:
            file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, "u4")
        check_arrays(everything(tmp_path / "w.h5")[1], small_layers())

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (
                lambda f: f["layers/conv1d/vars"].attrs.update(name="twin"),
                "the layer name 'twin' used twice",
            ),
            (
                lambda f: f.move("layers/dense/vars/1", "layers/dense/vars/2"),
                "'dense' without some of its arrays 0 to 1",
            ),
            (
                lambda f: f.move("layers/dense/vars", "layers/dense/cell/vars"),
                "'layers/dense/cell/vars/0', an array of a nested layer",
            ),
            (lambda f: f.move("layers", "other"), "an HDF5 file without layers"),
            (
                lambda f: f["layers/dense/vars"].create_dataset("2", data=np.int64(1)),
                "the array 'layers/dense/vars/2' of another type than float16, float32 and float64",
            ),
        ],
    )
    def test_refused(
        self, tmp_path: Path, change: Callable[[h5py.File], object], found: str
    ) -> None:
        with h5py.File(made.weights_h5(tmp_path / "w.h5", small_layers()), "r+") as file:
            change(file)
        assert refused(tmp_path / "w.h5") == found

    def test_names_that_contradict_the_graph(self, tmp_path: Path) -> None:
        layers = small_layers()
        swapped = [
            layers[0],
            layers[2],
            layers[1],
            *layers[3:],
        ]  # the weights of twin come as conv1d
        members = made.json_members(made.new_config(layers))
        made.weights_h5(tmp_path / "w.h5", swapped)
        made.zipped(
            tmp_path / "m.keras", {**members, "model.weights.h5": (tmp_path / "w.h5").read_bytes()}
        )
        assert (
            refused(tmp_path / "m.keras") == "the weights 'conv1d' named 'twin' instead of 'stem'"
        )


def _at(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """A function that sets the value at `keys` below the layers of a config."""

    def change(config: dict[str, Any]) -> None:
        holder = config["config"]["layers"]
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = to

    return change


def _top(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["config"].update(values)


NODE = [["stem", 0, 0, {}]]
INPUTS_OF_TWIN = (2, "inbound_nodes")
NO_OUTPUT = "the layer 'twin' called with something that is no layer's output"


class TestConfigs:
    @pytest.mark.parametrize(
        ("change", "found"),
        [
            (_at(*INPUTS_OF_TWIN, to=[NODE, NODE]), "the shared layer 'twin', called 2 times"),
            (
                _at(*INPUTS_OF_TWIN, to=[[["stem", 1, 0, {}]]]),
                "the layer 'stem' shared, or with several outputs",
            ),
            (
                _at(*INPUTS_OF_TWIN, to=[[["stem", 0, 1, {}]]]),
                "the layer 'stem' shared, or with several outputs",
            ),
            (
                _at(*INPUTS_OF_TWIN, to=[[["stem", 0, 0, {"training": True}]]]),
                "the layer 'twin' called with the argument 'training'",
            ),
            (_at(*INPUTS_OF_TWIN, to=[]), "the layer 'twin' without inputs"),
            (_at(*INPUTS_OF_TWIN, to=None), "the layer 'twin' without its inbound_nodes"),
            (_at(*INPUTS_OF_TWIN, to=[[]]), NO_OUTPUT),
            (_at(*INPUTS_OF_TWIN, to=[[["stem"]]]), NO_OUTPUT),
            (_at(*INPUTS_OF_TWIN, to=[[["stem", 0, "0"]]]), NO_OUTPUT),
            (_at(*INPUTS_OF_TWIN, to=[{"args": [5], "kwargs": {}}]), NO_OUTPUT),
            (
                _at(
                    *INPUTS_OF_TWIN,
                    to=[{"args": [], "kwargs": {"x": {"class_name": "__keras_tensor__"}}}],
                ),
                "the layer 'twin' called with the argument 'x'",
            ),
            (
                _at(*INPUTS_OF_TWIN, to=[[["head", 0, 0, {}]]]),
                "the layer 'twin' fed by 'head', which is no earlier layer",
            ),
            (_at(0, "inbound_nodes", to=[NODE]), "the layer 'signal' with inputs"),
            (_at(2, "name", to="stem"), "the layer name 'stem' used twice"),
            (_at(2, "name", to=None), "a layer without a name and a class name"),
            (_at(2, "name", to="n\n" + 99 * "x"), None),
            (_at(2, "class_name", to="Sequential"), "the nested model 'twin'"),
            (_at(2, "config", "layers", to=[]), "the nested model 'twin'"),
            (_at(2, to=7), "a layer's entry that is no JSON object"),
            (_top(layers=[]), "a model without 1 to 5000 layers"),
            (_top(layers=[{}] * 5001), "a model without 1 to 5000 layers"),
            (_top(output_layers=[["head", 0, 0], ["twin", 0, 0]]), "a model with 2 outputs"),
            (_top(output_layers=[["head", 0, 1]]), "a model without one output layer"),
            (_top(output_layers=[["none", 0, 0]]), "a model without one output layer"),
            (
                lambda config: config.update(class_name="Custom"),
                "a model of the class 'Custom', neither Functional nor Sequential",
            ),
            (
                lambda config: config.update(config=None),
                "the model's config that is no JSON object",
            ),
            (lambda config: config["config"]["layers"].pop(), "a model without one output layer"),
        ],
    )
    def test_refused(
        self, tmp_path: Path, change: Callable[[dict[str, Any]], None], found: str | None
    ) -> None:
        config = made.old_config(small_layers())
        change(config)
        text = refused(made.keras2_h5(tmp_path / "m.h5", small_layers(), config))
        assert found is None or text == found
        assert len(text) < 200

    def test_what_says_nothing_passes(self, tmp_path: Path) -> None:
        config = made.old_config(small_layers())
        _at(*INPUTS_OF_TWIN, to=[[["stem", 0, 0, {"training": False, "mask": None}]]])(config)
        inspect_keras(made.keras2_h5(tmp_path / "m.h5", small_layers(), config))

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("[" * 100_000, "a config.json nested too deeply"),
            ("[]", "a config.json that is no JSON object"),
            ('{"a": NaN}', "a config.json that is no JSON"),
            ('{"a": 1e999}', "a config.json that is no JSON"),
            ('{"a": ' + "1" * 5000 + "}", "a config.json that is no JSON"),
            ("", "a config.json that is no JSON"),
            ("\ud800", "a config.json that is no JSON"),
        ],
    )
    def test_no_json(self, tmp_path: Path, text: str, found: str) -> None:
        members = {
            "metadata.json": b"{}",
            "config.json": text.encode(errors="surrogatepass"),
            "model.weights.h5": hdf5_bytes(lambda f: None),
        }
        assert refused(made.zipped(tmp_path / "m.keras", members)) == found

    def test_arguments_nested_as_deeply_as_json_goes(self, tmp_path: Path) -> None:
        text = json.dumps(made.old_config(small_layers())).replace(
            '[[["stem", 0, 0, {}]]]', '[{"args": ' + "[" * 900 + "]" * 900 + "}]", 1
        )
        with h5py.File(made.keras2_h5(tmp_path / "m.h5", small_layers()), "r+") as file:
            file.attrs["model_config"] = text
        refused(tmp_path / "m.h5")

    def test_too_long(self, tmp_path: Path) -> None:
        members = {
            "metadata.json": b"{}",
            "config.json": os.urandom(keras_config.JSON_BYTES + 1),
            "model.weights.h5": hdf5_bytes(lambda f: None),
        }
        assert refused(made.zipped(tmp_path / "m.keras", members)).startswith(
            "a zip archive whose config.json unpacks to more than 16777216"
        )
        with h5py.File(made.keras2_h5(tmp_path / "m.h5", small_layers()), "r+") as file:
            file.attrs["model_config"] = "x" * (keras_config.JSON_BYTES + 1)
        assert refused(tmp_path / "m.h5") == "a model_config of more than 16 MiB"


class TestReadArrays:
    @pytest.mark.parametrize(
        ("name", "shapes", "message"),
        [
            ("head", [(16, 3)], "layer 'head': expected (16, 3), found (16, 3), (3,)"),
            ("head", [(3, 16), (3,)], "layer 'head': expected (3, 16), (3,), found (16, 3), (3,)"),
            ("flat", [(1,)], "layer 'flat': expected (1,), found no arrays"),
            ("x" * 99, [], None),
        ],
    )
    def test_other_shapes(
        self, tmp_path: Path, name: str, shapes: list[tuple[int, ...]], message: str | None
    ) -> None:
        file = inspect_keras(made.tf1_h5(tmp_path / "m.h5", small_layers()))
        if message is None:
            assert read_arrays(file, {name: shapes}) == {name: []}
            return
        with pytest.raises(InputError) as caught:
            read_arrays(file, {name: shapes})
        assert str(caught.value) == f"{tmp_path}/m.h5: {message}; choose the network of this file"

    def test_some_layers_in_the_order_asked_for(self, tmp_path: Path) -> None:
        layers = small_layers()
        arrays = read_arrays(
            inspect_keras(made.keras_zip(tmp_path / "m", layers)),
            {"head": [(16, 3), (3,)], "stem": [(3, 1, 2), (2,)]},
        )
        assert list(arrays) == ["head", "stem"]
        check_arrays(arrays, [layers[-1], layers[1]])

    def test_a_file_that_changed(self, tmp_path: Path) -> None:
        path = made.tf1_h5(tmp_path / "m.h5", small_layers())
        file = inspect_keras(path)
        with h5py.File(path, "r+") as changed:
            del changed["model_weights/head/head/bias:0"]
            changed["model_weights/head/head/bias:0"] = np.zeros(4, "f4")
        with pytest.raises(
            InputError,
            match=r"found 'model_weights/head/head/bias:0' of the shape \(4,\) "
            r"instead of \(3,\); save",
        ):
            read_arrays(file, {"head": [(16, 3), (3,)]})

    def test_too_much(self, tmp_path: Path) -> None:
        file = KerasFile(tmp_path / "m", "", None, "", {"d": (KerasArray("d", (2**14, 2**14)),)})
        with pytest.raises(
            InputError,
            match="expected at most 256 MiB of weights, found up to 2048 MiB; check the file",
        ):
            read_arrays(file, {"d": [(2**14, 2**14)]})
