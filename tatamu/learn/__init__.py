"""Words for learners: what layers do, what parameters mean, what trips people up."""
