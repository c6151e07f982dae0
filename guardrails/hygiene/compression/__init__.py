"""A tool's output made smaller by its form; start at `compress.compressed`."""
