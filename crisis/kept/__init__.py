"""English sentences of ours that rows keep: recognised where they are read, and said in the reader's language."""
