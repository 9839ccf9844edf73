"""The commands: `petseg inspect`, `check`, `predict`, `export`, `serve` and others."""
