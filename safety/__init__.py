"""The safety floor: text in, screening out; the model's words in, a verdict out.

Knows no chat, no storage, no model and no network, and needs none of them to work.
"""
