"""Side by side against peers, in one run, on this machine: ratios and medians, never an absolute promise."""
