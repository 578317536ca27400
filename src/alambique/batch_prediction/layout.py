"""Names of what lies in a folder of predictions. Readers of Parquet pass over names that begin with ``_`` or ``.``."""

import re

MARK = "_alambique.json"  # written first: the folder is ours
MANIFEST = "_manifest.json"  # written last: the folder is whole
SHARD = "part-{index:06d}-{digest}.parquet"
SHARD_NAME = re.compile(r"part-\d{6,}-[0-9a-f]{32}\.parquet")
UNFINISHED = ".part-*"  # a shard that is being written, or was when its process was killed
RECORDS = ".records"  # a file about each shard, until the manifest is there
BEFORE = ".manifest-before.json"  # a manifest that no longer holds, whose shards may
SHARD_ROWS = 2**17
