//! Server-sent events: the name of what changed, never content. Pages fetch what they show themselves.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::broadcast::error::RecvError;

use crate::state::DeskState;

pub(crate) async fn events(
    State(desk): State<DeskState>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = unfold(desk.live.subscribe(), |mut receiver| async move {
        match receiver.recv().await {
            Ok(what) => Some((Ok(Event::default().event("changed").data(what)), receiver)),
            // Too slow for some messages: one reload makes up for all of them.
            Err(RecvError::Lagged(_)) => {
                Some((Ok(Event::default().event("changed").data("queue")), receiver))
            }
            Err(RecvError::Closed) => None,
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
