"""The HTTP/1 client that keeps the bytes of every exchange."""
