"""Questions whose answers rules can check, made from instructions or from nothing; kinds and wordings are data (YAML).

In: instructions, a level of difficulty, what chance depends on. Out: questions with the checks that an answer must
pass.
"""
