"""Mutation testing of the check functions: what a wrong line would get past."""
