"""ONNX files."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from ecg_lightning.export.inputs import NAME
from ecg_lightning.export.job import Array, Job
from ecg_lightning.export.metadata import METADATA_KEY
from ecg_lightning.system.packages import import_optional

# ONNX Runtime reads it at its import; without it, it writes a device id into the home folder.
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def write_onnx(job: Job, file: Path) -> list[Array]:
    """Write an ONNX file and return what ONNX Runtime computes with it for the job's examples.

    Raises:
        InputError: The package onnx, onnxscript or onnxruntime is not installed.
    """
    os.environ[NO_TELEMETRY] = "1"
    packages = [import_optional(name, "onnx") for name in ("onnx", "onnxscript", "onnxruntime")]
    onnx, _, runtime = packages
    model = _traced(job)
    metadata = job.file_metadata(**{package.__name__: package.__version__ for package in packages})
    metadata["opset"] = next(entry.version for entry in model.opset_import if not entry.domain)
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in metadata.items()
    }
    onnx.helper.set_model_props(model, {**texts, METADATA_KEY: json.dumps(metadata, indent=2)})
    file.write_bytes(model.SerializeToString())
    return _outputs(runtime, job, file)


def _traced(job: Job) -> Any:
    """The network as an ONNX ModelProto."""
    program: Any = torch.onnx.export(
        job.module,
        (job.inputs.traced,),
        input_names=[NAME],
        output_names=[job.output_name],
        dynamic_shapes=job.inputs.dynamic_shapes,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto  # each access makes a new one
    for node in model.graph.node:
        del node.metadata_props[:]  # they hold paths of source files on this machine
    return model


def _outputs(runtime: Any, job: Job, file: Path) -> list[Array]:
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = 1  # few beats need no threads
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [
        session.run([job.output_name], {NAME: batch.numpy()})[0] for batch in job.inputs.batches
    ]
