"""What the pretend Facebook, Instagram and Threads share: the Graph API's manners, memory and webhooks."""
