"""One thin module per command: options in, a call, words out. No decisions here."""
