"""Tokenizing: how a model reads a chat, by its own template and tokenizer, without its weights or its library.

In: a model's folder, and messages. Out: the text that is read, and its token ids.
"""
