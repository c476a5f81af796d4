"""torch.export files."""

import json
from pathlib import Path

import torch

from ecg_lightning.export.job import FREE_BATCH, Array, Job
from ecg_lightning.export.metadata import METADATA_ENTRY


def write_torch(job: Job, file: Path) -> list[Array]:
    """Write a torch.export file and return what the loaded file computes for `job.batches`."""
    program = torch.export.export(job.module, (job.beats[:2],), dynamic_shapes=FREE_BATCH)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds paths of source files on this machine
    extra_files = {METADATA_ENTRY: json.dumps(job.file_metadata(), indent=2)}
    torch.export.save(program, file, extra_files=extra_files)
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        return [loaded(batch).numpy() for batch in job.batches]
