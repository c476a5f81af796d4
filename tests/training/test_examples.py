"""The examples in the docstrings of training and models run."""

import doctest
import importlib

import pytest

MODULES = {
    "ecg_lightning.training.classifier": 4,
    "ecg_lightning.training.callbacks.running_metrics": 1,
    "ecg_lightning.training.callbacks.run_results": 1,
    "ecg_lightning.models.deep_conv1d": 1,
    "ecg_lightning.models.time_depends": 1,
    "ecg_lightning.models.conv2d": 1,
}


@pytest.mark.parametrize("name", MODULES)
def test_run(name: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_LIGHTNING_CACHE", str(tmp_path))
    module = importlib.import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert len(examples) == MODULES[name]
    assert doctest.testmod(module).failed == 0
