"""Any text-classification data: read, checked, labelled, split."""
