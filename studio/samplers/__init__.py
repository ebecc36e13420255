"""Samplers: a catalogue of names, and diffusers schedulers traced into tables of coefficients."""
