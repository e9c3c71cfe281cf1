"""The segment writer: a process of its own, for a thread would share the crawl's interpreter lock."""
