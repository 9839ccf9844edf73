"""The stages of the pipeline, one script each.

`python -m stages.NAME` runs this module first. It handles `--help` and reports errors in
params.yaml, dataset.yaml and missing inputs before TensorFlow is imported, which takes seconds.
"""

import ast
from pathlib import Path

from petseg.core import stage_runner
from petseg.core.dataset_file import load_dataset
from petseg.core.params import load_params

stage_runner.report_ctrl_c()
with stage_runner.report_errors():
    stage = stage_runner.running_stage()
    script = Path(__file__).with_name(f"{stage}.py")
    if stage and script.is_file():
        description = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
        stage_runner.parse_arguments(stage, description)
    params = load_params()
    if stage == "download":
        load_dataset(params.dataset.name)
    if stage and script.is_file():
        stage_runner.require_inputs(stage)
