"""What the end-to-end tests share: a server under test, receivers, raw clients, images."""
