"""Launchers of sweeps: jobs side by side, here or elsewhere, of which none ends the others."""
