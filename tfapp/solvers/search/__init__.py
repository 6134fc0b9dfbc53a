"""Search for a minimum with a certificate: functions with a known Lipschitz constant, rivals, tables and pictures."""
