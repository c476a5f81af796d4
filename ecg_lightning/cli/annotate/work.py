"""One recording's work: annotate it, write its files and its state."""

import contextlib
import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ecg_lightning.annotation.output.files import output_paths, write_files
from ecg_lightning.annotation.output.own_files import Kind
from ecg_lightning.annotation.output.page_of import summary_of
from ecg_lightning.cli.annotate.arguments import Settings
from ecg_lightning.cli.annotate.inputs import Input
from ecg_lightning.cli.annotate.states import State, inputs_fingerprint
from ecg_lightning.cli.messages import error_line
from ecg_lightning.cli.unforeseen import SURROUNDINGS, as_input_error
from ecg_lightning.errors import InputError
from ecg_lightning.report.summary_rows import SummaryRow, skipped_row, summary_row
from ecg_lightning.system.atomic_files import remove_half_written
from ecg_lightning.system.preemption import PreemptedError
from ecg_lightning.system.worker_pool import Progress
from ecg_lightning.text import escaped

VERB = "annotate"


class Outcome(NamedTuple):
    """How the work on a recording ended.

    Attributes:
        row: What the summary says of the recording.
        problem: Why it is not annotated; None where it is.
    """

    row: SummaryRow
    problem: InputError | None = None


@dataclass(frozen=True)
class Job:
    """What a command does with each recording.

    Attributes:
        settings: Those of the command.
        fingerprint: A text that differs where other annotations would be written.
        loader: `module:name` of a function that takes the names of the weights, and returns an
            `Annotator`.
    """

    settings: Settings
    fingerprint: str
    loader: str

    def open(self) -> "Work":
        """Load the networks, once for each process.

        Raises:
            InputError: The weights cannot be read, or cannot give a causal result, or only such, or
                shares are to be kept that these weights keep anyway.
        """
        module, _, names = self.loader.partition(":")
        load: Any = importlib.import_module(module)
        for name in names.split("."):
            load = getattr(load, name)
        annotator = load(self.settings.model, self.settings.detector)
        self._check_own_shares(annotator.classifier(self.settings.reading["causal"]))
        return Work(annotator, self)

    def _check_own_shares(self, classifier: Any) -> None:
        """Refuse an option without effect."""
        if self.settings.reading["own_shares"] or getattr(classifier, "prior_shift", None):
            return
        raise InputError(
            "own_shares",
            expected="weights that estimate the shares of N and S",
            found=f"{escaped(self.settings.model)}, which never do",
            hint="remove it, as it has no effect",
            setting="own_shares",
        )

    def inputs_of(self, one: Input) -> str:
        """Return the fingerprint of a recording's input files."""
        return inputs_fingerprint(one, self.settings.reading["beats"])

    def paths_of(self, name: str) -> dict[Kind, Path]:
        """Return the files of a recording."""
        settings = self.settings
        place = settings.output / name
        return output_paths(place.name, place.parent, settings.kinds, settings.annotator)

    def started(self, one: Input) -> State:
        """Return the state of a recording whose work begins."""
        output, paths = self.settings.output, self.paths_of(one.name).values()
        files = tuple(path.relative_to(output).as_posix() for path in paths)
        return State("started", self.fingerprint, self.inputs_of(one), files)

    def note_failure(self, one: Input, problem: InputError) -> Outcome:
        """Write into a recording's state why it is not annotated, where that can be written."""
        outcome = failure(one, problem)
        state = replace(self.started(one), status="failed", row=outcome.row)
        with contextlib.suppress(InputError):  # the problem itself is told
            state.write(self.settings.output, one.name)
        return outcome


@dataclass(frozen=True)
class Work:
    """Annotates one recording after the other.

    Attributes:
        annotator: The networks.
        job: What is done.
    """

    annotator: Any
    job: Job

    def __call__(self, one: Input, progress: Progress) -> Outcome:
        """Annotate a recording. What is wrong with it is part of the outcome."""
        try:
            return self._annotated(one, progress)
        except PreemptedError:
            raise
        except InputError as error:
            return self.job.note_failure(one, error)
        except SURROUNDINGS as error:
            return self.job.note_failure(one, as_input_error(error))
        except Exception as error:  # one recording must not stop the others
            return self.job.note_failure(one, _fault(one, error))

    def _annotated(self, one: Input, progress: Progress) -> Outcome:
        settings, state = self.job.settings, self.job.started(one)
        if settings.shard is not None:  # no other process works on this recording
            for path in self.job.paths_of(one.name).values():
                remove_half_written(path)
        state.write(settings.output, one.name)
        annotations = self.annotator.annotate(one.path, **settings.reading, progress=progress)
        folder = (settings.output / one.name).parent
        write_files(annotations, folder, settings.kinds, settings.annotator)
        page = f"{one.name}.html" if "html" in settings.kinds else ""
        row = summary_row(summary_of(annotations, with_signal=False), one.path, page)
        outcome = Outcome({**row, "record": one.name})
        replace(state, status="done", row=outcome.row).write(settings.output, one.name)
        return outcome


def failure(one: Input, problem: InputError) -> Outcome:
    """Return the outcome of a recording that cannot be annotated."""
    return Outcome(skipped_row(one.name, one.path, error_line(problem, VERB)), problem)


def _fault(one: Input, error: Exception) -> InputError:
    found = f"{type(error).__name__}: {' '.join(str(error).split())}"
    hint = "report this line"
    return InputError(one.path, expected="no fault of this program", found=found, hint=hint)
