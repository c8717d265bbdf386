"""The built-in games: pure Python, exact integer arithmetic, snapshots that are tuples."""
