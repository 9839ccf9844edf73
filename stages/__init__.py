"""The stages of the pipeline, a script each.

`python -m stages.NAME` runs this first. `--help`, mistakes in params.yaml and missing inputs are
told here, before TensorFlow is imported, which takes seconds. Ctrl-C in these seconds is as clear
as later.
"""

import ast
from pathlib import Path

from petseg import cli, params

cli.say_so_on_ctrl_c()
with cli.clear_ends():
    stage = cli.running_stage()
    script = Path(__file__).with_name(f"{stage}.py")
    if script.is_file():
        description = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
        cli.parse_arguments(description, prog=f"python -m stages.{stage}")
    params.load()
    if script.is_file():
        cli.require_inputs(stage)
