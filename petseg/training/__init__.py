"""The training loop: step, state, losses, schedule, checkpoints, devices, precision."""
