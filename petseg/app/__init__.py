"""The commands: `petseg inspect`, `check`, `labels`, `predict`, `export`, `serve` and others."""
