"""Whether articles can be seen: a sample is replayed without a network, and what it shows is judged."""
