"""The append-only TinyDB storage that the ledger and the chats share."""
