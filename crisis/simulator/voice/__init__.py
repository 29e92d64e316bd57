"""The pretend Twilio calls: phones that ring, are taken, press keys, go to voicemail, hang up or are let ring."""
