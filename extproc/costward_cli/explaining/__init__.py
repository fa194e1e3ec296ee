"""One record, told to a person: in a sentence, and in full."""
