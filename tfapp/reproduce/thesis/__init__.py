"""Background chapter of a thesis on training networks; its text names no author."""

SOURCE = "Thesis chapter 1, Background"
