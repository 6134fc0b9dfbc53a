"""Wu (2020), chapter 3: BPGrad."""

SOURCE = "Y. Wu, dissertation, 2020, chapter 3"
ASSUMED = "The number of the table or figure is assumed."
