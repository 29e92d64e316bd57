"""Tests of the pretend internet, with the real client libraries wherever there is one."""
