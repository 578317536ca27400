"""What a run stores: frozen types with their reading and writing, by row id."""
