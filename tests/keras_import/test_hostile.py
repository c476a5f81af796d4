"""Hostile Keras files: each is refused in one line, whatever happens to the reading process."""

import json
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ecg_lightning.errors import InputError
from ecg_lightning.keras_import import config as keras_config
from ecg_lightning.keras_import import file as keras_file
from ecg_lightning.keras_import import hdf5 as keras_hdf5
from ecg_lightning.keras_import import reader
from ecg_lightning.keras_import.file import KerasFile, inspect_keras, read_arrays
from ecg_lightning.text import escaped
from tests.helpers import keras_files as made
from tests.helpers.keras_files import WRITERS, Made, small_layers
from tests.helpers.keras_reading import (
    check_arrays,
    everything,
    forked_reader,
    fuzz_keras,
    hdf5_bytes,
    refused,
)

CHILD = reader.run_child


@pytest.fixture(scope="module", autouse=True)
def forks() -> Iterator[None]:
    yield from forked_reader()


@pytest.fixture
def true_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader as production starts it."""
    monkeypatch.setattr(reader, "run_child", CHILD)


def _low(
    file: h5py.File,
    name: str,
    shape: tuple[int, ...],
    kind: Any = h5py.h5t.IEEE_F32LE,
    **settings: Any,
) -> None:
    """A dataset with settings of h5py's creation list; nothing is written to it."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    for setting, arguments in settings.items():
        getattr(plist, setting)(*arguments)
    h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(shape), plist)


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname.h5", "x", (4,))
    file.create_virtual_dataset("x", layout)


def _deep(file: h5py.File) -> None:
    file.create_group("/".join("a" * 17))


def _many(file: h5py.File) -> None:
    group = file.create_group("many").id
    for index in range(keras_hdf5.MOST_OBJECTS):
        h5py.h5g.create(group, str(index).encode())


HOSTILE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "external link": (
        lambda f: f.update(x=h5py.ExternalLink("/etc/passwd", "/")),
        "'x', a link to another file",
    ),
    "soft link": (lambda f: f.update(x=h5py.SoftLink("/model_weights")), "'x', a soft link"),
    "dangling link": (lambda f: f.update(x=h5py.SoftLink("/none")), "'x', a soft link"),
    "cycle": (
        lambda f: f["model_weights"].update(x=f["/"]),
        "'model_weights/x', a second link to the same object",
    ),
    "two links": (
        lambda f: f.update(x=f["model_weights"]),
        "'x', a second link to the same object",
    ),
    "external storage": (
        lambda f: f.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
        "'x', whose data are in another file",
    ),
    "virtual": (_virtual, "'x', a virtual dataset"),
    "compound": (
        lambda f: f.create_dataset("x", data=np.zeros(2, "f4,f4")),
        "'x', which is no array of numbers",
    ),
    "strings": (lambda f: f.create_dataset("x", data=["a"]), "'x', which is no array of numbers"),
    "ragged": (
        lambda f: f.create_dataset("x", (2,), h5py.vlen_dtype("f4")),
        "'x', which is no array of numbers",
    ),
    "references": (
        lambda f: f.create_dataset("x", data=f.ref, dtype=h5py.ref_dtype),
        "'x', which is no array of numbers",
    ),
    "opaque": (
        lambda f: f.create_dataset("x", data=np.zeros(2, "V5")),
        "'x', which is no array of numbers",
    ),
    "null": (
        lambda f: f.create_dataset("x", data=h5py.Empty("f4")),
        "'x', which is no array of numbers",
    ),
    "a type": (lambda f: f.update(x=np.dtype("f4")), "'x', which is neither a group nor a dataset"),
    "400 GB": (
        lambda f: _low(f, "x", (100_000_000_000,)),
        "'x', which declares 400000000000 bytes",
    ),
    "400 GB in chunks": (
        lambda f: f.create_dataset("x", (10**11,), "f4", chunks=(10**6,)),
        "'x', which declares 400000000000 bytes",
    ),
    "more than all of memory": (
        lambda f: _low(f, "x", (2**30, 2**28)),
        f"'x', which declares {2**60} bytes",
    ),
    "never written": (
        lambda f: _low(f, "x", (1000,)),
        "'x', which declares 4000 bytes and stores 0",
    ),
    "never written chunks": (
        lambda f: f.create_dataset("x", (1000,), "f4", chunks=(10,)),
        "'x', which declares 4000 bytes and stores 0",
    ),
    "wide chunks": (
        lambda f: f.create_dataset("x", (9,), "f4", maxshape=(None,), chunks=(2**25,)),
        "'x', in chunks of more than 64 MiB",
    ),
    "lzf": (
        lambda f: f.create_dataset("x", data=np.zeros(9), compression="lzf"),
        "'x', packed by the HDF5 filter 32000",
    ),
    "plugin": (
        lambda f: _low(
            f, "x", (9,), set_chunk=((9,),), set_filter=(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
        ),
        "'x', packed by the HDF5 filter 32015",
    ),
    "deep": (_deep, "groups nested deeper than 16"),
    "many": (_many, "more than 20000 objects"),
    "long name": (lambda f: f.create_group("x" * 2000), "an object's name of more than 1024 bytes"),
    "many attributes": (
        lambda f: f.attrs.update({str(i): 0 for i in range(1001)}),
        "'/' with 1004 attributes",
    ),
    "names": (
        lambda f: f["model_weights"].attrs.update(layer_names=7),
        "the attribute 'layer_names' of 'model_weights', which is no list of strings",
    ),
    "no names": (
        lambda f: f["model_weights"].attrs.pop("layer_names"),
        "a model without layer_names",
    ),
    "no weights": (lambda f: f.pop("model_weights"), "a model without model_weights"),
    "no layer": (lambda f: f["model_weights"].pop("stem"), "no weights of the layer 'stem'"),
    "no array": (
        lambda f: f["model_weights/stem"].pop("stem"),
        "no array 'model_weights/stem/stem/kernel:0'",
    ),
    "names twice": (
        lambda f: f["model_weights"].attrs.update(layer_names=[b"stem", b"stem"]),
        "the layer name 'stem' used twice",
    ),
    "arrays twice": (
        lambda f: f["model_weights/stem"].attrs.update(weight_names=2 * [b"stem/bias:0"]),
        "an array of the layer 'stem' named twice",
    ),
    "foreign layer": (
        lambda f: (
            f.move("model_weights/stem", "model_weights/odd"),
            f["model_weights"].attrs.update(layer_names=[b"odd"]),
        ),
        "weights of the layer 'odd', which the model does not have",
    ),
    "integers": (
        lambda f: (
            f.pop("model_weights/stem/stem/bias:0"),
            f.update({"model_weights/stem/stem/bias:0": np.zeros(2, "i4")}),
        ),
        "the array 'model_weights/stem/stem/bias:0' of another type than float16, float32 "
        "and float64",
    ),
    "two configs": (
        lambda f: f.attrs.update(model_config=["{}", "{}"]),
        "an attribute model_config of 2 strings",
    ),
}


class TestHostileHDF5:
    @pytest.mark.parametrize("trick", HOSTILE)
    def test_refused(self, tmp_path: Path, trick: str) -> None:
        change, found = HOSTILE[trick]
        with h5py.File(
            made.tf1_h5(tmp_path / "m.h5", small_layers()),
            "r+",
            libver="latest" if trick == "many attributes" else None,
        ) as file:
            change(file)
        assert refused(tmp_path / "m.h5") == found

    def test_a_huge_attribute(self, tmp_path: Path) -> None:
        def change(file: h5py.File) -> None:
            file.attrs["x"] = np.zeros(keras_config.JSON_BYTES + 1, "u1")

        (tmp_path / "m.h5").write_bytes(hdf5_bytes(change, libver="latest"))
        assert refused(tmp_path / "m.h5") == "'/' with an attribute of more than 16 MiB"

    def test_the_same_inside_a_zip_archive(self, tmp_path: Path) -> None:
        weights = hdf5_bytes(lambda f: f.update(layers=h5py.ExternalLink("/etc/passwd", "/")))
        members = {
            **made.json_members(made.new_config(small_layers())),
            "model.weights.h5": weights,
        }
        assert (
            refused(made.zipped(tmp_path / "m.keras", members))
            == "'layers', a link to another file"
        )

    def test_a_bomb_inside_a_chunk_ends_at_the_limit_of_memory(self, tmp_path: Path) -> None:
        path = made.legacy_weights_h5(
            tmp_path / "w.h5",
            [Made("d", "Dense", arrays={"k": np.zeros((4096, 1024), "f4")})],
            compression="gzip",
        )
        packer, block = zlib.compressobj(9), bytes(1 << 24)
        parts = [
            packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
        ]  # each can be unpacked by itself
        with h5py.File(path, "r+") as file:
            del file["d/d/k:0"]
            file.create_dataset(
                "d/d/k:0", (4096, 1024), "f4", chunks=(4096, 1024), compression="gzip"
            )
            file["d/d/k:0"].id.write_direct_chunk((0, 0), parts[0] + 255 * parts[1])  # 4 GiB
        assert path.stat().st_size < 8 << 20
        assert refused(path).startswith(
            "one that cannot be read (OSError: Can't synchronously read data"
        )

    def test_a_user_block(self, tmp_path: Path) -> None:
        (tmp_path / "m.h5").write_bytes(hdf5_bytes(lambda f: None, userblock_size=512))
        assert refused(tmp_path / "m.h5") == "one that is neither HDF5 nor a zip archive"

    @pytest.mark.parametrize("layout", WRITERS)
    @pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
    def test_truncated(self, tmp_path: Path, layout: str, share: float) -> None:
        content = WRITERS[layout](tmp_path / "model", small_layers()).read_bytes()
        (tmp_path / "cut").write_bytes(content[: int(share * len(content))])
        assert refused(tmp_path / "cut")


class TestZip:
    def members(self) -> dict[str, bytes]:
        weights = hdf5_bytes(lambda f: made.keras3_weights(f, small_layers()))
        return {**made.json_members(made.new_config(small_layers())), "model.weights.h5": weights}

    @pytest.mark.parametrize(
        "name",
        [
            "../evil",
            "/etc/passwd",
            "evil.py",
            "assets/../../evil",
            "assets\\..\\evil",
            "x.pkl",
            "model.weights.h5/",
        ],
    )
    def test_other_members(self, tmp_path: Path, name: str) -> None:
        path = made.zipped(tmp_path / "m.keras", {**self.members(), name: b""})
        assert refused(path) == f"a zip archive with the member {name!r}"

    @pytest.mark.parametrize("name", ["metadata.json", "config.json", "model.weights.h5"])
    def test_a_missing_member(self, tmp_path: Path, name: str) -> None:
        members = self.members()
        del members[name]
        assert (
            refused(made.zipped(tmp_path / "m.keras", members)) == f"a zip archive without {name}"
        )

    def test_packed_members_and_assets_are_fine(self, tmp_path: Path) -> None:
        path = made.zipped(
            tmp_path / "m.keras", {**self.members(), "assets/words.txt": b"a"}, zipfile.ZIP_DEFLATED
        )
        check_arrays(everything(path)[1], small_layers())

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_member_twice(self, tmp_path: Path) -> None:
        path = made.zipped(tmp_path / "m.keras", self.members())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("config.json", "{}")
        assert refused(path) == "a zip archive with 'config.json' twice"

    def test_an_encrypted_member(self, tmp_path: Path) -> None:
        path = made.zipped(tmp_path / "m.keras", self.members())
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)
        assert refused(path) == "a zip archive with the encrypted member 'metadata.json'"

    def test_another_method(self, tmp_path: Path) -> None:
        path = made.zipped(tmp_path / "m.keras", self.members(), zipfile.ZIP_LZMA)
        assert refused(path) == "a zip archive with 'metadata.json' packed by method 14"

    def test_a_declared_size(self, tmp_path: Path) -> None:
        path = made.zipped(tmp_path / "m.keras", self.members())
        content = bytearray(path.read_bytes())
        start = content.index(b"PK\x01\x02")
        content[start + 24 : start + 28] = (0x7FFFFFFF).to_bytes(4, "little")
        path.write_bytes(content)
        assert refused(path) == "a zip archive with 'metadata.json' of 2147483647 bytes"

    @pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
    def test_bombs(self, tmp_path: Path, name: str) -> None:
        path = made.zipped(
            tmp_path / "m.keras", {**self.members(), name: bytes(1 << 27)}, zipfile.ZIP_DEFLATED
        )
        assert path.stat().st_size < 1 << 18
        assert refused(path).startswith(f"a zip archive whose {name} unpacks to more than 1")

    def test_a_bomb_that_lies_about_its_size(self, tmp_path: Path) -> None:
        path = made.zipped(
            tmp_path / "m.keras",
            {**self.members(), "config.json": bytes(1 << 27)},
            zipfile.ZIP_DEFLATED,
        )
        content = bytearray(path.read_bytes())
        size = content.rindex(b"PK\x01\x02", 0, content.rindex(b"config.json")) + 24
        assert content[size : size + 4] == (1 << 27).to_bytes(4, "little")
        content[size : size + 4] = (100).to_bytes(4, "little")
        path.write_bytes(content)
        assert (
            refused(path)
            == "one that cannot be read (BadZipFile: Bad CRC-32 for file 'config.json')"
        )

    def test_many_members(self, tmp_path: Path) -> None:
        path = made.zipped(
            tmp_path / "m.keras", {**self.members(), **{f"assets/{i}": b"" for i in range(1000)}}
        )
        assert refused(path) == "a zip archive of 1003 members"

    def test_weights_that_are_no_hdf5(self, tmp_path: Path) -> None:
        path = made.zipped(
            tmp_path / "m.keras", {**self.members(), "model.weights.h5": b"cos\nsystem\n"}
        )
        assert refused(path) == "a model.weights.h5 that is no HDF5"


class TestPaths:
    def message(self, path: Path | str) -> str:
        with pytest.raises(InputError) as caught:
            inspect_keras(path)
        start = f"{escaped(str(path))}: expected a Keras model file, found "
        assert str(caught.value).startswith(start)
        return str(caught.value).removeprefix(start)

    def test_missing(self, tmp_path: Path) -> None:
        assert (
            self.message(tmp_path / "none")
            == "none that opens (No such file or directory); check the path"
        )
        assert self.message("a\0b") == "none that opens (embedded null byte); check the path"

    def test_a_folder_and_a_pipe(self, tmp_path: Path) -> None:
        assert self.message(tmp_path) == "a folder; give the file itself"
        os.mkfifo(tmp_path / "pipe")
        assert self.message(tmp_path / "pipe") == "something that is no file; give the file itself"

    def test_a_big_file(self, tmp_path: Path) -> None:
        with (tmp_path / "big").open("wb") as stream:
            stream.truncate((2 << 30) + 1)
        assert self.message(tmp_path / "big").startswith("one of more than 2 GiB; save")

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", "an empty file"),
            (b"\x80\x04K\x01.", "one that is neither HDF5 nor a zip archive"),
            (b"PK\x03\x04", None),
            (b"\x89HDF\r\n\x1a\n", None),
        ],
    )
    def test_other_contents(self, tmp_path: Path, content: bytes, found: str | None) -> None:
        (tmp_path / "m.h5").write_bytes(content)
        text = refused(tmp_path / "m.h5")
        assert text == found if found else text.startswith("one that cannot be read (")

    def test_an_odd_name(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"m\xff \xc3\xa4.h5")
        check_arrays(everything(made.tf1_h5(path, small_layers()))[1], small_layers())


EMPTY: dict[str, Any] = {"keras_version": "", "layers": [], "output": "", "arrays": {}}
NESTED = {  # a reader's answer with a setting that is no flat list
    "keras_version": "",
    "layers": [{"name": "a", "class_name": "b", "settings": {"axis": [[1]]}, "inputs": []}],
    "output": "",
    "arrays": {},
}


@pytest.mark.usefixtures("true_child")
class TestTheChild:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return made.tf1_h5(tmp_path / "m.h5", small_layers())

    def use_child(self, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        monkeypatch.setattr(reader, "CHILD", ("-c", code))

    @pytest.mark.parametrize("layout", ["tf1.h5", "keras3.keras"])
    def test_as_in_production(
        self, tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "h5py.py").write_text("raise SystemExit('imported from the working folder')")
        WRITERS[layout](tmp_path / "model", small_layers())
        monkeypatch.chdir(tmp_path)
        check_arrays(everything(Path("model"))[1], small_layers())

    def test_refuses_as_in_production(self, path: Path) -> None:
        with h5py.File(path, "r+") as file:
            file["x"] = h5py.ExternalLink("/etc/passwd", "/")
        assert refused(path) == "'x', a link to another file"

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (
                "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
                "its reader ended with status -11",
            ),
            ("raise SystemExit(3)", "its reader ended with status 3"),
            (
                "import sys\nwhile True: sys.stdout.write('x' * 65536)",
                "its reader ended with status -9",
            ),
            ("", "its reader gave no answer"),
            ("print(7)", "its reader gave no answer"),
            ("print('[' * 9999)", "its reader gave no answer"),
            ("print('{}')", "its reader gave an invalid answer"),
            *(
                (f"print('{json.dumps({'file': answer})}')", "its reader gave an invalid answer")
                for answer in (
                    {**EMPTY, "layers": [{}]},
                    NESTED,
                    {**EMPTY, "keras_version": 3},
                    {**EMPTY, "layers": None, "arrays": {"a": [["b", [-1]]]}},
                )
            ),
        ],
    )
    def test_ends_badly(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
    ) -> None:
        monkeypatch.setattr(keras_file, "STRUCTURE_BYTES", 1 << 17)
        self.use_child(monkeypatch, code)
        assert refused(path) == f"one that cannot be read ({reason})"

    def test_hangs(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "SECONDS", 0.3)
        self.use_child(monkeypatch, "import time; time.sleep(60)")
        start = time.monotonic()
        assert refused(path) == "one that cannot be read (its reader ended with status -9)"
        assert time.monotonic() - start < 10

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("b'nothing'", "no arrays"),
            ("save({'1': np.zeros(1)})", "no arrays"),
            ("save({'0': np.zeros(1), '1': np.zeros(3)})", "other arrays"),
            ("save({'0': np.zeros((16, 3)), '1': np.zeros(3, 'i8')})", "other arrays"),
        ],
    )
    def test_gives_other_arrays(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
    ) -> None:
        file = inspect_keras(path)
        self.use_child(
            monkeypatch,
            "import sys, numpy as np\nfrom safetensors.numpy import save\n"
            f"sys.stdout.buffer.write(b'{{}}\\n' + {body})",
        )
        with pytest.raises(
            InputError, match=rf"one that cannot be read \(its reader gave {reason}\); save"
        ):
            read_arrays(file, {"head": [(16, 3), (3,)]})

    def run(self, code: str) -> str:
        command = [sys.executable, "-P", "-c", code]
        return subprocess.run(
            command, env=reader.environment(), capture_output=True, text=True, check=True
        ).stdout.strip()

    def test_its_limits(self, tmp_path: Path) -> None:
        code = f"""
from ecg_lightning.keras_import import child, container
child.set_limits()
try: bytearray(3 << 30)
except MemoryError: print("memory")
import resource
try: open({str(tmp_path / "out")!r}, "wb", 0).write(b"x")
except OSError: print("files")
print(resource.getrlimit(resource.RLIMIT_CPU)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])
container.forbid_opening()
try: open("/dev/null")
except OSError: print("descriptors")
"""
        assert self.run(code).split() == ["memory", "files", "15", "0", "descriptors"]

    def test_its_imports(self) -> None:
        """Neither h5py nor NumPy is imported before the limits, nor torch after them."""
        code = """
import sys, ecg_lightning.keras_import.child
print([name for name in ("h5py", "numpy", "safetensors") if name in sys.modules])
import ecg_lightning.keras_import.layouts, ecg_lightning.keras_import.container
import safetensors.numpy
heavy = ("torch", "lightning", "tensorflow", "keras", "scipy", "sklearn", "matplotlib", "wfdb")
print([name for name in heavy if name in sys.modules])
"""
        assert self.run(code) == "[]\n[]"

    def test_its_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HDF5_PLUGIN_PATH", "HDF5_PLUGIN_PRELOAD", "HDF5_DRIVER"):
            monkeypatch.setenv(name, "/tmp/evil")
        found = {
            name: value for name, value in reader.environment().items() if name.startswith("HDF5_")
        }
        assert found == {
            "HDF5_PLUGIN_PRELOAD": "::",
            "HDF5_PLUGIN_PATH": "",
            "HDF5_USE_FILE_LOCKING": "FALSE",
        }


def test_fuzzing(tmp_path: Path) -> None:
    counts = fuzz_keras.fuzz(150, 0, 100, tmp_path / "kept")
    assert counts["failed"] == 0
    assert sum(counts.values()) == 150
    assert counts["read"] > 10
    assert counts["refused"] > 50


def test_fuzzing_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(path: Path) -> KerasFile:
        raise ZeroDivisionError

    monkeypatch.setattr(keras_file, "inspect_keras", broken)
    monkeypatch.setattr(
        sys, "argv", ["fuzz_keras", "--files", "2", "--keep", str(tmp_path / "kept")]
    )
    assert fuzz_keras.main() == 1
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert "2 failed" in capsys.readouterr().out
