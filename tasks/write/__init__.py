"""Write: what the model writes from seeds.

In: low and high seeds. Out: new instructions with answers (low), flawed and ordinary responses (high), cleaned, in
rounds up to the recipe's target.
"""
