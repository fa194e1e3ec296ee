"""Exact token counts without a download: o200k_base by splintr, which carries its vocabulary."""

from __future__ import annotations

import splintr

CACHED_CHARACTERS = 16_000_000
"""splintr remembers every piece it has seen, up to 65,536 of them however long. Forgetting all of it each 16 million
characters bounds what hostile pieces can pin to about 80 MB (measured), while an ordinary text still finds its words
cached: refilling takes about a thousandth of the work in between."""

_NO_TOKEN = "zjqxkvbptt"
"""A word that is no token by itself. The first such word makes splintr build the tables that it splits words with: 0.2
s and more, in which it holds the interpreter, and longer than the whole deadline of an exchange."""


class SplintrTokens:
    """Gives `Means.count_tokens`. Safe to call from several threads."""

    def __init__(self, *, cached_characters: int = CACHED_CHARACTERS) -> None:
        self._tokenizer = splintr.Tokenizer.from_pretrained("o200k_base")
        self._cached_characters = cached_characters
        self._since_cleared = 0
        self.count(_NO_TOKEN)

    def count(self, text: str) -> int:
        """o200k tokens of `text`; special tokens spelled out in it count as the ordinary text they are."""
        self._bound_cache(len(text))
        try:
            return len(self._tokenizer.encode_ordinary(text))
        except UnicodeEncodeError:
            # JSON may carry half of a surrogate pair; providers read such a half as U+FFFD.
            readable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return len(self._tokenizer.encode_ordinary(readable))

    @property
    def remembered(self) -> int:
        """Pieces of text that the tokenizer keeps."""
        pieces: int = self._tokenizer.cache_len
        return pieces

    def _bound_cache(self, characters: int) -> None:
        # Unlocked on purpose: two threads that race here clear twice or a little late, and neither matters.
        self._since_cleared += characters
        if self._since_cleared > self._cached_characters:
            self._tokenizer.clear_cache()
            self._since_cleared = characters
