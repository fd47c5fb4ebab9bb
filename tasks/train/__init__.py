"""Train: SFT, then DPO.

In: annotated rows of this and earlier iterations, human seeds, the model. Out: the training mix, the trained model, its
divergence from M_0.
"""
