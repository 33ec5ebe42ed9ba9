"""Originals and mutations for `scripts.fuzz_recordings`."""
