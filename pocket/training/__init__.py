"""The training loop, its checkpoints and schedules, and what the tasks lose."""
