"""Feature transfer for low-resolution images: features, pseudo-labels, transfer network, classifiers, measures.

After Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", ICCV
Workshops 2019, arXiv:1908.10012.
"""
