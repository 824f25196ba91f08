//! Nostr relays: signed events over WebSocket.
