"""The browser's side: a recording proxy that it can't get around, and what we let a page do."""
