"""A node simulator: what a kubelet would report about pods, decided from their spec alone."""
