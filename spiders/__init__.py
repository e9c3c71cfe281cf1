"""The spiders: they bring leases, sources and pages together."""
