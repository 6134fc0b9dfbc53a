"""Wu, 2020, chapter 3: BPGrad."""
