"""ONNX files."""

import json
from pathlib import Path
from typing import Any

import torch

from ecg_lightning.export.job import FREE_BATCH, Array, Job, package


def write_onnx(job: Job, file: Path) -> list[Array]:
    onnx, script, runtime = (
        package(name, "onnx") for name in ("onnx", "onnxscript", "onnxruntime")
    )
    program: Any = torch.onnx.export(
        job.module,
        (job.beats[:2],),
        input_names=["beats"],
        output_names=[job.output_name],
        dynamic_shapes=FREE_BATCH,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # among them the paths of our source files on this machine
    metadata = job.metadata(
        **{package.__name__: package.__version__ for package in (onnx, script, runtime)}
    )
    metadata["opset"] = next(entry.version for entry in model.opset_import if not entry.domain)
    flat = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }
    onnx.helper.set_model_props(model, {**flat, "ecg_lightning": json.dumps(metadata, indent=2)})
    file.write_bytes(model.SerializeToString())
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = (
        3,
        1,
    )  # no warnings; no threads for 64 beats
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [session.run([job.output_name], {"beats": batch.numpy()})[0] for batch in job.batches]
