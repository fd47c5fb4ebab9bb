"""How long a seed may be for the model that reads it, in that model's own tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer


@dataclass(frozen=True)
class Room:
    tokenizer: Tokenizer
    tokens: int  # that are left in a request, with what is asked around a seed

    @classmethod
    def of(cls, model: Path, tokens: int) -> "Room":
        """Of a model's folder."""
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_truncation()
        return cls(tokenizer, tokens)

    def needed(self, texts: Sequence[str]) -> int:
        """Tokens of texts that do not fit, 0 for those that do: a token is a byte at least, so few have to be read."""
        if sum(len(text.encode()) for text in texts) <= self.tokens:
            return 0
        found = sum(len(one.ids) for one in self.tokenizer.encode_batch(list(texts), add_special_tokens=False))
        return found if found > self.tokens else 0
