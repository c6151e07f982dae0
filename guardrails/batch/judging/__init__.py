"""A language model as a judge of stored runs: what it is shown, what it is asked, what counts."""
