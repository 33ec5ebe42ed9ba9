"""What `scripts.fuzz_recordings` mutates, and how."""
