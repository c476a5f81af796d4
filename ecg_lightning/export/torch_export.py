"""torch.export files."""

import json
from pathlib import Path

import torch

from ecg_lightning.export.job import FREE_BATCH, Array, Job
from ecg_lightning.export.metadata import METADATA


def write_torch(job: Job, file: Path) -> list[Array]:
    program = torch.export.export(job.module, (job.beats[:2],), dynamic_shapes=FREE_BATCH)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the paths of our source files on this machine
    torch.export.save(program, file, extra_files={METADATA: json.dumps(job.metadata(), indent=2)})
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        return [loaded(batch).numpy() for batch in job.batches]
