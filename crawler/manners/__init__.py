"""How a guest behaves: what a site asks for, what we then do. Pure, but for the wait itself."""
