"""The commands: `petseg inspect`, `check`, `predict`, `export`, `serve`, `compare` and others."""
