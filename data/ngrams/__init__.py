"""Every n-gram of a collection's tokens: where it occurs, how often, and what may follow it."""
