"""Measures of BPGrad step by step: its bounds, condition (3.4), and slopes between the steps."""
