"""What a reader sees of an HTML page."""

import re


def words(text: str) -> str:
    """The words of its body, in a row."""
    return " ".join(re.sub("<[^>]*>", " ", text.rpartition("</head>")[2]).split())
