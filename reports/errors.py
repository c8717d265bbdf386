"""What is wrong with a file that was handed to us, said so that a person can act on it."""


class ResultError(ValueError):
    """A result cannot be used: `what` is wrong, `where` (file, key or row), and `remedy`."""

    def __init__(self, what: str, where: str, remedy: str) -> None:
        super().__init__(f"{what} ({where}); {remedy}")
        self.what = what
        self.where = where
        self.remedy = remedy


class NotComparableError(ResultError):
    """Two results that do not say the same kind of thing: equal or different has no meaning."""
