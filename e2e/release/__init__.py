"""The files of a release, built and then used as somebody who has nothing else."""
