"""`python -m sametick` is `sametick`."""

from sametick.cli import main

if __name__ == "__main__":
    main()
