"""The stages of the pipeline: typed inputs to one artefact. None imports another."""
