"""Kills, full disks and power cuts for whole crawls, and the stranger who judges what is left of the archive."""
