"""Where the service keeps its runs, so that they outlive a process and move between replicas."""
