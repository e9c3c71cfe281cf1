"""What lives as long as a crawl."""
