"""The item pipelines: what is read is checked, then drafted."""
