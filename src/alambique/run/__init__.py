"""Where results live: the run folder, its layout, manifests and lock; free of torch."""
