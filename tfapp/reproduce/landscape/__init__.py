"""Lu, Tong, "Visualizing the loss landscapes of fully convolutional networks"."""
