//! What the contract servers of these tests share.

use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Accepts a WebSocket; with it the query of the address and the cursor in it, 0 where there is none.
pub(crate) async fn accept(tcp: TcpStream) -> Option<(WebSocketStream<TcpStream>, String, i64)> {
    let mut query = String::new();
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        query = request.uri().query().unwrap_or_default().to_owned();
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(tcp, callback).await.ok()?;
    let cursor = query.split('&').find_map(|p| p.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0);
    Some((socket, query, cursor))
}
