"""Everything that can be checked in seconds before hours are spent. It trains nothing and writes nothing."""
