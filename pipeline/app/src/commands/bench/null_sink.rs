//! A ClickHouse that accepts everything and keeps nothing, on loopback: what remains is the client's own cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use futures::StreamExt;

/// A running sink; it ends with the runtime it was started on.
pub(crate) struct NullSink {
    pub(crate) address: SocketAddr,
    received: Arc<AtomicU64>,
}

impl NullSink {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let received = Arc::new(AtomicU64::new(0));
        let app = Router::new().fallback(take).with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, received })
    }

    /// Bytes of all bodies so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// Takes an insert; answers the one question that the sink asks (what was erased?) with no rows.
async fn take(State(received): State<Arc<AtomicU64>>, request: Request) -> Body {
    let inserts = request.uri().query().is_some_and(|query| query.contains("INSERT"));
    let mut body = request.into_body().into_data_stream();
    while let Some(Ok(chunk)) = body.next().await {
        received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    if inserts { Body::empty() } else { Body::from(nothing_erased()) }
}

/// RowBinaryWithNamesAndTypes without rows: number of columns, names, types, each with its length before it.
fn nothing_erased() -> Vec<u8> {
    let mut answer = vec![3];
    for text in ["post_id", "at", "recorded", "UInt128", "Int64", "DateTime"] {
        answer.push(text.len() as u8);
        answer.extend_from_slice(text.as_bytes());
    }
    answer
}
