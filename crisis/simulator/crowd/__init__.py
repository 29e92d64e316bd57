"""A made-up crowd that answers what an account said: on every network, by text, WhatsApp and mail.

`script` decides who says what from a seed, `speaking` lets them say it. The words stand in `words.toml`.
"""
