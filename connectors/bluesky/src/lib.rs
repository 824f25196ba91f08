//! Bluesky: Jetstream events over WebSocket with cursor and resume.
