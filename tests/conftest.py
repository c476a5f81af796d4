"""What every test shares: the order of imports, the options and the real records.

If TensorFlow 2.21 is imported before triton, the process is killed (exit status 139). Torch's
optimisers and Lightning import triton. So triton, where it is installed, and torch are imported
here, before any test can import TensorFlow. `test_conftest.py` tests the order.
"""

import contextlib
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it once, when it is imported
if "PYTEST_XDIST_WORKER" in os.environ:  # several tests at a time: each has one thread
    os.environ["OMP_NUM_THREADS"] = "1"

with contextlib.suppress(ImportError):
    import triton  # type: ignore[import-untyped]  # noqa: F401  (first: see above)

import pytest
import torch  # noqa: F401  (before TensorFlow: see above)
from hypothesis import HealthCheck, settings

# An example takes as long as the machine is busy, so no time is a fault.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Tests that are marked `slow`: a file, a test, or its start, below tests/. They train, compile or
# start programs for longer than the others. `make test` leaves them out; `make test-all`, which CI
# calls, runs them too.
SLOW = (
    "annotation/test_context_classification.py::test_classes_of_a_real_record_come_back_with_the_electrode[causal",
    "annotation/test_conversions.py",
    "cli/test_batch_norm.py::test_a_test_takes_the_statistics_of_the_checkpoint_or_measures_them",
    "cli/test_configs.py::test_runs[conv2d",
    "cli/test_configs.py::test_runs[patient_context",
    "cli/test_crossval.py::TestAFinishedCrossval",
    "cli/test_crossval.py::TestUnitsThatFail",
    "cli/test_crossval.py::test_folds_of_unknown_patients_are_called_whole_records",
    "cli/test_errors.py::test_in_a_new_process",
    "cli/test_main.py::test_the_script_in_its_process",
    "cli/test_own_network.py::TestIsFound::test_by_python_m_with_packages_names_beside_it",
    "cli/test_schedules.py::test_a_resumed_run_ends_with_the_same_bits",
    "cli/test_schedules.py::test_a_run_resumes_with_an_optimizer_of_another_form",
    "cli/test_slurm.py",
    "cli/test_trained_settings.py::test_the_arguments_of_an_optimizer_and_its_schedule_win",
    "data/test_cache.py::test_two_processes_that_want_one_entry_both_get_it",
    "data/test_context_module.py::test_a_run_resumes_within_an_epoch",
    "docs/test_examples.py::TestOnnxWithoutTorch::test_annotations_at_another_rate_are_refused",
    "docs/test_examples.py::TestOnnxWithoutTorch::test_gives_the_classes_of_annotate",
    "docs/test_examples.py::TestOnnxWithoutTorch::test_prints_what_the_file_says",
    "docs/test_running.py::test_commands_run",
    "docs/test_running.py::test_training_commands_run",
    "export/test_export_command.py",
    "export/test_exporter.py::TestTheFile::test_is_written_without_output_or_warnings",
    "export/test_output_recipe.py::test_a_deployer_gets_the_classes_of_annotate",
    "export/test_output_recipe.py::test_logits_lead_to_the_same",
    "keras_import/test_hostile.py::test_fuzzing",
    "models/test_networks.py::test_compiles_as_one_graph_of_the_same_results",
    "parity/test_can_fail.py",
    "parity/test_export.py",
    "parity/test_import.py::test_every_prediction_of_the_original",
    "parity/test_import.py::test_original_to_keras_and_back",
    "parity/test_import.py::test_ours_to_keras_and_back_is_bit_equal",
    "parity/test_preprocessing.py::test_the_data_module_on_the_real_records",
    "parity/test_reference.py::test_the_reference_imports_neither_torch_nor_the_product",
    "parity/test_reference.py::test_the_search_for_strangers_can_fail",
    "parity/test_reference.py::test_training_from_the_command_line",
    "parity/test_views.py::TestPictures::test_of_real_beats",
    "parity/test_views.py::TestSpectrograms::test_of_real_beats",
    "report/test_browser.py",
    "scripts/test_benchmark.py::test_every_stage_has_positive_numbers",
    "scripts/test_benchmark.py::test_the_sides_compute_the_same",
    "scripts/test_benchmark.py::test_the_table_is_github_markdown",
    "scripts/test_benchmark.py::test_what_is_not_measured_is_said",
    "scripts/test_fuzz.py",
    "scripts/test_results.py",
    "scripts/test_soak.py",
    "scripts/test_sweep.py::test_two_variants_on_synthetic_beats",
    "system/test_memory.py",
    "test_conftest.py::test_tensorflow_after_conftest_leaves_the_process_alive",
    "test_earlier_version.py::test_its_run_resumes_and_is_tested_exported_and_reported",
    "test_imports.py::test_every_public_name_is_what_it_says_after_all_submodules_are_imported",
    "training/test_augmented_fit.py::test_a_resumed_run_sees",
    "training/test_ddp.py",
    "training/test_ddp_context.py",
    "training/test_imports.py",
    "training/test_resume.py::TestKills",
    "training/test_resume.py::TestSignals::test_end_with_75_and_the_same_command_resumes",
    "training/test_resume.py::test_two_processes_stop_together_resume_and_are_tested_on_one_device",
    "training/test_tracking.py::test_the_example_of_tensorboard",
)
# Files that take longest. Started last, one of them would run while other cores idle.
FIRST = (
    "cli/test_slurm.py",
    "parity",
    "training/test_resume.py",
    "export/test_patient_context.py",
    "cli/test_crossval.py",
    "docs/test_running.py",
    "docs/test_examples.py",
    "scripts/test_fuzz.py",
    "scripts/test_benchmark.py",
    "annotation/test_context_classification.py",
    "training/test_ddp.py",
    "scripts/test_sweep.py",
    "export/test_export_command.py",
    "export/test_exporter.py",
    "cli/test_main.py",
    "cli/test_trainer_faults.py",
    "cli/test_trained_settings.py",
    "cli/test_schedules.py",
    "cli/test_errors.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests; where several run at a time, let those that take longest begin."""

    def rank(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((i for i, first in enumerate(FIRST) if name.startswith(first)), len(FIRST))

    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker("slow")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=rank)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--parity-table FILE`."""
    parser.addoption(
        "--parity-table",
        type=Path,
        metavar="FILE",
        help="write the measured parity errors to FILE, as a markdown table",
    )


@pytest.fixture(scope="session")
def mitdb() -> Path:
    """The folder of the MIT-BIH records that `ECG_MITDB` names; skips without it."""
    return _real_records("ECG_MITDB", "the 48 MIT-BIH records", "100.hea")


@pytest.fixture(scope="session")
def svdb() -> Path:
    """The folder of the 78 records of SVDB that `ECG_SVDB` names; skips without it."""
    return _real_records("ECG_SVDB", "the 78 records of SVDB", "800.hea")


@pytest.fixture(scope="session")
def noise() -> Path:
    """The folder of the records of noise that `ECG_NOISE` names; skips without it."""
    return _real_records("ECG_NOISE", "records of noise", "**/*.hea")


@pytest.fixture(scope="session")
def formats() -> Path:
    """The folder of records in many formats that `ECG_FORMATS` names; skips without it."""
    return _real_records("ECG_FORMATS", "records in many formats", "**/*.hea")


@pytest.fixture(scope="session")
def bxb() -> Path:
    """The folder with the counts of WFDB's bxb that `ECG_BXB` names; skips without it.

    Without the variable, `../shared/data/bxb` next to the checkout is used if it is there.
    """
    folder = Path(__file__).parents[2] / "shared/data/bxb"
    if not os.environ.get("ECG_BXB") and folder.is_dir():
        return folder
    return _real_records("ECG_BXB", "counts of WFDB's bxb", "counts.json")


def _real_records(variable: str, content: str, first: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"real records not tested: {variable} names no folder of {content}")
    path = Path(folder).resolve()
    if not any(path.glob(first)):
        pytest.fail(
            f"{variable}={folder}: expected a folder with {first}, found none; correct or unset it"
        )
    return path
