"""What the control plane decides: functions of what was seen, without IO, clock or randomness."""
