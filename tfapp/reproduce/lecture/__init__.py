"""Mądry (2018), lecture 4 of "Science of Deep Learning": optimization landscape of deep learning."""

SOURCE = 'A. Mądry, "Science of Deep Learning", MIT 6.883, 2018, lecture 4'
