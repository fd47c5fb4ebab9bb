"""What a rule can say about a text: each check a pure function with arguments of declared types.

In: a text, a check's name and its arguments. Out: pass, fail or "cannot tell", each with its reason; a new kind is a
new file with functions marked by `@check`, and nothing else.
"""
