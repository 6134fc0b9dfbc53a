"""Wu (2020), chapter 3: BPGrad."""

SOURCE = "Y. Wu, dissertation, 2020, chapter 3"
