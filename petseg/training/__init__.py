"""The training loop, its step and state, losses, schedule, checkpoints, devices, precision."""
