"""Refinement of poses and of the object model by turns: registration of every instance, fusion of what they show."""
