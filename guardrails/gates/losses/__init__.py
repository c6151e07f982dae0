"""What was taken away: one file per kind of loss, each found by comparing with the reference.

A difference is a loss only when it takes something away that the reference had. An honest fix
often differs from the reference, and a refusal of it costs as much as an accepted demolition.
"""
