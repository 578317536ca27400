"""What stands where a row has no hard label. Imports nothing, so that what only classifies need not load the losses."""

NO_LABEL = -100
