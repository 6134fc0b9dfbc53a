"""The certain search for a minimum: functions with a known Lipschitz constant, rivals, tables and pictures."""
