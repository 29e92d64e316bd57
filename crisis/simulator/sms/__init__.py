"""The pretend Twilio Messages: accepts texts, tells their fate in signed callbacks, and lets the phones text back."""
