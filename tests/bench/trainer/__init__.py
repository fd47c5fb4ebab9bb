"""SFT and DPO against bare TRL."""
