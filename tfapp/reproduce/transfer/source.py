"""Where the tables come from, and what is known of them; nothing heavy is imported here."""

SOURCE = (
    'Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", ICCV '
    "Workshops 2019"
)
READING = (
    "The text was not at hand: of its tables only what is told of them is known (on VOC2007 LR 78.1, ours 80.0, HR "
    "89.1), and the sizes of the grid are ours."
)
