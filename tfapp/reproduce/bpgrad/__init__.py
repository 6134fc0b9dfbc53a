"""Y. Wu's dissertation, 2020, chapter 3: BPGrad."""

SOURCE = "Y. Wu, dissertation, 2020, chapter 3"
READING = "That it is this number is our reading: the text was not at hand."
