"""Learned model of the part and the network that tells where its instances are."""
