"""`fit`, `validate`, `test` and `predict`: the verbs that use Lightning's Trainer."""
