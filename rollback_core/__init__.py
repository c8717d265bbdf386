"""The netcode of sametick: a sans-I/O, deterministic rollback core with no dependencies.

Nothing here reads a clock, draws a random number or touches a socket: time comes in as an int of
microseconds, datagrams come in and go out as bytes. Same calls, same bytes, on every Python.
"""

__version__ = "0.1.0"
