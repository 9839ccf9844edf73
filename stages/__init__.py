"""The stages of the pipeline, a script each.

`python -m stages.NAME` runs this first: a wrong params.yaml is refused before TensorFlow is
imported, which takes seconds, and Ctrl-C in these seconds is as clear as later.
"""

from petseg import cli, params

cli.say_so_on_ctrl_c()
with cli.clear_ends():
    params.load()
