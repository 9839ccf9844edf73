"""Parameters, dataset specs, paths, files, errors, and the start and end of a stage."""
