"""Grasps of posed parts by a parallel gripper or a suction cup."""
