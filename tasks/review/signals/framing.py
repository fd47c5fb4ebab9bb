"""How a reviewer is shown a pair: between marks that the texts cannot know, and the question again behind them."""

from tasks.store.reviews import Reviewable
from tasks.store.rows import digest
from tasks.text.prompts import templates as prompts


def about(item: Reviewable, question: str) -> str:
    # A text that ends its own block early, or speaks to the reviewer, would have to hold a digest of itself.
    mark = digest([*item.history, item.instruction, item.response])[:12]
    said = "\n".join(f"{('User', 'Assistant')[i % 2]}: {text}" for i, text in enumerate(item.history))
    texts = {"history": said, "instruction": item.instruction, "response": item.response}
    return prompts.render("review", mark=mark, question=question, **texts)
