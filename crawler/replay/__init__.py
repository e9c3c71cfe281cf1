"""The archive in a browser: pywb, in an environment of its own, before it a list of the articles.

Two processes: ours keeps an index and a list in a folder, as of the newest commit (holdings.py), and gives
WARC records by ranges (ranges.py); the other (server.py) has pywb, and of ours only what needs no package.
"""

READY = b"ready\n"  #: what pywb's process says once it listens
