"""Judges: list them, ask whether one answers, hold one against people, calibrate it, measure its noise, train one."""
