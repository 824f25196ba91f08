//! Telegram public channels through the web preview.
