//! Pulls batches of frames from a WebSocket that stays open between fetches.

use std::time::Duration;

use bytes::Bytes;
use streife_sdk::ws::{self, Socket, WsLimits};
use streife_sdk::{FetchError, Http};
use tokio_tungstenite::tungstenite::Message;

/// Frames per batch.
const MAX_FRAMES: usize = 2_000;
/// Bytes per batch.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How long a batch waits to fill once it has a frame.
const FILL_TIME: Duration = Duration::from_millis(100);

/// A server that closes is asked anew after this long at the earliest, whatever it sent before.
pub(crate) const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// A connection and the position up to which its frames were handed out.
pub(crate) struct Stream<P> {
    socket: Option<(Socket, P)>,
    limits: WsLimits,
}

impl<P: PartialEq> Stream<P> {
    pub(crate) const fn new(limits: WsLimits) -> Self {
        Self { socket: None, limits }
    }

    /// Is the connection there, and does it stand at `position`?
    pub(crate) fn stands_at(&self, position: &P) -> bool {
        self.socket.as_ref().is_some_and(|(_, at)| at == position)
    }

    pub(crate) async fn open(&mut self, http: &Http, address: &str, position: P) -> Result<(), FetchError> {
        self.socket = None;
        let socket = ws::connect(http, address, &[], self.limits).await?;
        self.socket = Some((socket, position));
        Ok(())
    }

    /// The next frames, at least one; `true` when the server has closed after them. The connection is taken out
    /// while reading: when this is dropped half-way, or fails, the next fetch connects anew at its cursor.
    pub(crate) async fn batch(&mut self, host: &str) -> Result<(Vec<Frame>, bool), FetchError> {
        let Some((mut socket, position)) = self.socket.take() else {
            return Err(FetchError::Transient(format!("{host}: not connected")));
        };
        let mut frames = Vec::new();
        let mut bytes = 0;
        match ws::next(&mut socket, host, self.limits).await? {
            Some(message) => bytes += push(&mut frames, message),
            None => return Err(FetchError::Transient(format!("{host} closed the stream"))),
        }
        let deadline = tokio::time::Instant::now() + FILL_TIME;
        while frames.len() < MAX_FRAMES && bytes < MAX_BATCH_BYTES {
            match tokio::time::timeout_at(deadline, ws::next(&mut socket, host, self.limits)).await {
                Err(_) => break,
                // What was read counts; the error shows itself again on the next connection.
                Ok(Ok(None) | Err(_)) => return Ok((frames, true)),
                Ok(Ok(Some(message))) => bytes += push(&mut frames, message),
            }
        }
        self.socket = Some((socket, position));
        Ok((frames, false))
    }

    /// Gives the connection up.
    pub(crate) fn close(&mut self) {
        self.socket = None;
    }

    /// Notes up to where the frames handed out reach.
    pub(crate) fn advance(&mut self, position: P) {
        if let Some((_, at)) = self.socket.as_mut() {
            *at = position;
        }
    }
}

/// A message of the stream.
pub(crate) enum Frame {
    Text(Bytes),
    Binary(Bytes),
}

fn push(frames: &mut Vec<Frame>, message: Message) -> usize {
    let frame = match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        _ => return 0,
    };
    let (Frame::Text(bytes) | Frame::Binary(bytes)) = &frame;
    let length = bytes.len();
    frames.push(frame);
    length
}
