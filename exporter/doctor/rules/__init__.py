"""From what was seen to what it means: pure functions over plain values, one file per subject."""
