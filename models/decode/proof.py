"""Which validators passed a picture: raised whenever they see more, so that older contents can be proved again."""

PROOF = 2
