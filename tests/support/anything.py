"""Values of any shape, for whoever takes what people write."""

from typing import Any

from hypothesis import strategies as st


def anything(plain: st.SearchStrategy[Any], text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Plain values, and lists and mappings of them, some within others."""
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8
    )
