"""torch.export files."""

import io
import json
from pathlib import Path

import torch

from ecg_lightning.export.job import Array, Job
from ecg_lightning.export.metadata import METADATA_ENTRY


def write_torch(job: Job, file: Path) -> list[Array]:
    """Write a torch.export file and return what the loaded file computes for the job's examples.

    torch writes into memory: where a disk is full, its own writer ends the whole process.
    """
    inputs = job.inputs
    program = torch.export.export(
        job.module, (inputs.traced,), dynamic_shapes=inputs.dynamic_shapes
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds paths of source files on this machine
    extra_files = {METADATA_ENTRY: json.dumps(job.file_metadata(), indent=2)}
    content = io.BytesIO()
    torch.export.save(program, content, extra_files=extra_files)
    file.write_bytes(content.getvalue())
    content.seek(0)
    loaded = torch.export.load(content).module()
    with torch.no_grad():
        return [loaded(batch).numpy() for batch in inputs.batches]
