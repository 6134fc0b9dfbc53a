"""Jia, Liu, Tai, "A regularized convolutional neural network for semantic image segmentation"."""
