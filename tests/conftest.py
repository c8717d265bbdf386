"""Hypothesis profiles, and no windows. `HYPOTHESIS_PROFILE` picks one: quick (./dev check), default, soak.

quick and default are derandomised and keep no database, so that a run of one commit gives the same
verdict everywhere. soak looks for what they miss: random, and it remembers what it found.
No profile has a deadline: a slow machine is not a bug, and pytest's timeout catches a hang.
"""

import os

from hypothesis import HealthCheck, settings

# Environments and plots of others would look for a screen.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("base", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "quick", settings.get_profile("base"), max_examples=20, derandomize=True, database=None
)
settings.register_profile(
    "default", settings.get_profile("base"), max_examples=100, derandomize=True, database=None
)
settings.register_profile("soak", settings.get_profile("base"), max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
