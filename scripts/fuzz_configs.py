"""Damaged YAML configs for fuzz.py."""

from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import yaml
from fuzz_bytes import EXTREMES, TEXTS, damaged_bytes, damaged_text, encoded, other_lines
from fuzz_records import whole_command
from fuzz_target import WrongError

from ecg_lightning.cli.arguments import config_names, with_full_names
from ecg_lightning.cli.prepare import data_settings
from ecg_lightning.cli.trainer.arguments import fit_settings
from ecg_lightning.data.datamodule import BeatDataModule

FILE = "input.yaml"
WHOLE, FIT = 0.1, 0.3  # shares of the inputs that a whole command reads, and fit's parser
_BOMB = "a0: &a0 [l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)
SNIPPETS = (
    *("data: {without: [[[[[[[[1]]]]]]]]}", "data: {root: 2001-99-99}", "data: {root: {a: 1}}"),
    *("config: other.yaml", "data: {per_class: !!int x}", "data: {seed: !!bool maybe}"),
    *("data: !!python/object/apply:os.getcwd []", "data: {root: !!binary '#'}", "? [a, b]\n: c"),
    *("data: {without: " + "[" * 3000 + "]" * 3000 + "}", _BOMB + "data: {without: *a9}"),
    *("data: &d {<<: *d}", "data: {root: !!timestamp x}", "data: {<<: 3}", "---\n---", "%YAML 9.9"),
    *("data: {root: null, root: null}", "trainer: {max_epochs: 1.5}", "trainer: 3", "model: []"),
    *('"a\\e[31m\\nb": 1', "data: {view: image}", "data: {window_samples: 0x10}", "- a", "3", ""),
)


class Configs:
    """The shipped configs and a full config, with damaged lines and values."""

    def prepare(self, folder: Path) -> None:
        """Read the shipped configs; write all settings of one."""
        shipped = resources.files("ecg_lightning") / "configs"
        self.valid = [shipped.joinpath(name).read_bytes() for name in config_names()]
        settings = fit_settings(["--config", "deep_conv1d.yaml"])
        full = {name: settings[name] for name in ("seed_everything", "model", "data")}
        full["trainer"] = {"max_epochs": 3, "precision": "32-true", "gradient_clip_val": 0.5}
        full |= {name: settings[name] for name in ("early_stopping", "checkpoint")}
        full["data"]["cache_dir"] = None  # it names a folder of this process
        self.valid.append(yaml.safe_dump(full).encode())

    def write(self, folder: Path, rng: Random, damage: bool = True) -> None:
        """Write a damaged config; one in 30 stays valid."""
        content, choice = rng.choice(self.valid), rng.randrange(30) if damage else 29
        if choice < 14:
            content = other_setting(content, rng)
        elif choice < 20:
            content = damaged_text(content, rng)
        elif choice < 23:
            content = damaged_bytes(content, rng)
        elif choice < 29:
            content = _with_snippet(content, rng)
        (folder / FILE).write_bytes(content)

    def past_header(self, folder: Path) -> bool:
        """Whether the file is YAML with settings: it has no other header."""
        return isinstance(plain_values(folder / FILE), dict)

    def check(self, folder: Path, rng: Random) -> None:
        """Read the config as `prepare` and `fit` do; at times run the whole `fit`."""
        path, choice = folder / FILE, rng.random()
        if choice < WHOLE:  # ends at the latest where the beats are read
            nowhere = ["--data.source", "kaggle", "--data.root", "nowhere", "--trainer.devices=1"]
            words = ["fit", "--config", str(path), *nowhere, "--trainer.accelerator", "cpu"]
            whole_command(words, allowed=(2,))
        if choice < FIT:
            settings = fit_settings(["--config", str(path)])["data"]
        else:
            settings = data_settings(with_full_names(["--config", str(path)]))
        self._compare(settings, path)
        BeatDataModule(**{**settings, "cache_dir": None})

    def _compare(self, settings: dict[str, Any], path: Path) -> None:
        """Compare accepted settings of the part `data` with the file's own words."""
        plain = plain_values(path)
        section = plain.get("data") if isinstance(plain, dict) else None
        for name, value in section.items() if isinstance(section, dict) else ():
            if name in ("root", "cache_dir") or not isinstance(value, int | float | str):
                continue
            accepted = settings.get(name)
            if not (accepted == value or str(accepted) == str(value) or _number(value) == accepted):
                raise WrongError(f"accepted {name} as {accepted!r:.60} instead of {value!r:.60}")


def plain_values(path: Path) -> Any:
    """What PyYAML reads from a file; None if that is nothing, or not allowed."""
    try:
        return yaml.safe_load(path.read_bytes().decode("utf-8"))
    except Exception:  # PyYAML raises a dozen classes, RecursionError among them
        return None


def _number(value: int | float | str) -> float | None:
    """A number that YAML 1.1 takes for a text, such as 1e-3."""
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def other_setting(content: bytes, rng: Random) -> bytes:
    """The value of one line replaced by an extreme one, or its name by another."""
    lines = content.split(b"\n")
    places = [i for i, line in enumerate(lines) if b": " in line and not line.startswith(b"#")]
    for _ in range(rng.choice((1, 1, 2))):
        i = rng.choice(places)
        name, _, _ = lines[i].partition(b": ")
        if rng.random() < 0.1:
            name += encoded(rng.choice(("x", "_", ".", " ", "\u00e9")))
        value = rng.choice(EXTREMES if rng.random() < 0.6 else TEXTS)
        lines[i] = name + b": " + encoded(value)
    return b"\n".join(lines)


def _with_snippet(content: bytes, rng: Random) -> bytes:
    """A config in which a line or the whole part `data` is an odd one."""
    snippet = encoded(rng.choice(SNIPPETS))
    if rng.random() < 0.5:
        return snippet + b"\n"
    before, _, after = content.partition(b"data:")
    kept = before if rng.random() < 0.7 else other_lines(before, rng)
    return kept + snippet + b"\n" + (b"data:" + after if rng.random() < 0.2 else b"")
