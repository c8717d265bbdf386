"""The one place where random generators are made, each from a seed, a purpose and indices.

Two generators with different purposes or indices are independent, so drawing more for one thing
never shifts another. Only `getrandbits`, `randbytes` and `random` of them are used: these give the
same values on every Python that we run on.
"""

import hashlib
import json
import random


def generator(seed: int, purpose: str, *indices: int) -> random.Random:
    """The generator of `(seed, purpose, *indices)`; equal arguments give equal draws, everywhere."""
    name = json.dumps([seed, purpose, *indices])
    digest = hashlib.sha256(name.encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))
