"""From a lead to the input of the beat detector, and from its probabilities to positions."""
