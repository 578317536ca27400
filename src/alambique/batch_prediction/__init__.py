"""Classify files of any size, shard by shard, into a folder that can be gone on with."""
