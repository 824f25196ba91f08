//! WebSockets through the same address guard as HTTP, with limits on frames and on silence.

use std::time::Duration;

use futures::StreamExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

use crate::{FetchError, Http};

/// A connection has to stand after this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Names of errors are words.
const MAX_ERROR_NAME_BYTES: usize = 60;

/// An open WebSocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Limits of one connection.
#[derive(Debug, Clone, Copy)]
pub struct WsLimits {
    /// The largest message.
    pub max_message_bytes: usize,
    /// A server that says nothing for so long is stalled.
    pub stall_timeout: Duration,
}

impl Default for WsLimits {
    fn default() -> Self {
        Self { max_message_bytes: 8 * 1024 * 1024, stall_timeout: Duration::from_secs(60) }
    }
}

/// Connects to `ws://` or `wss://`.
///
/// # Errors
/// By class, as HTTP does.
pub async fn connect(
    http: &Http,
    address: &str,
    headers: &[(String, String)],
    limits: WsLimits,
) -> Result<Socket, FetchError> {
    let url = Url::parse(address)
        .map_err(|e| FetchError::BadUpstream(format!("{address:?} is no address: {e}")))?;
    let (Some(host), Some(port)) = (
        url.host_str(),
        url.port().or(match url.scheme() {
            "ws" => Some(80),
            "wss" => Some(443),
            _ => None,
        }),
    ) else {
        return Err(FetchError::BadUpstream(format!("{address:?}: only ws and wss with a host")));
    };
    http.guard().check_url(&url)?;
    let addresses = http.guard().resolve(host, port).await?;
    let mut request = address.into_client_request().map_err(|e| FetchError::BadUpstream(e.to_string()))?;
    let header = |value: &str| {
        http::HeaderValue::from_str(value).map_err(|e| FetchError::BadUpstream(format!("header: {e}")))
    };
    request.headers_mut().insert("user-agent", header(http.user_agent())?);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|e| FetchError::BadUpstream(format!("header {name:?}: {e}")))?;
        request.headers_mut().insert(name, header(value)?);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.max_message_bytes))
        .max_frame_size(Some(limits.max_message_bytes));
    let connecting = async {
        let tcp = TcpStream::connect(&addresses[..])
            .await
            .map_err(|e| FetchError::Transient(format!("{host}: {e}")))?;
        tcp.set_nodelay(true).map_err(|e| FetchError::Transient(format!("{host}: {e}")))?;
        tokio_tungstenite::client_async_tls_with_config(request, tcp, Some(config), None)
            .await
            .map(|(socket, _)| socket)
            .map_err(|e| refused(http, host, &e))
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| Err(FetchError::Transient(format!("{host} did not answer in time"))))
}

/// The next text or binary message; `None` when the server closed. Answers pings. Safe to drop.
///
/// # Errors
/// [`FetchError::Transient`] for a stalled or broken connection, [`FetchError::BadUpstream`] for frames over
/// the limit or against the protocol.
pub async fn next(socket: &mut Socket, host: &str, limits: WsLimits) -> Result<Option<Message>, FetchError> {
    loop {
        let message = tokio::time::timeout(limits.stall_timeout, socket.next()).await.map_err(|_| {
            FetchError::Transient(format!("{host} said nothing for {} s", limits.stall_timeout.as_secs()))
        })?;
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return Ok(Some(message)),
            Some(Ok(Message::Close(frame))) => {
                tracing::debug!(host, ?frame, "the server closed the WebSocket");
                return Ok(None);
            }
            Some(Ok(_)) => {}
            None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return Ok(None),
            Some(Err(e)) => return Err(error(host, &e)),
        }
    }
}

/// A handshake that failed; 429 says until when.
fn refused(http: &Http, host: &str, failure: &Error) -> FetchError {
    if let Error::Http(response) = failure
        && response.status() == 429
    {
        let header = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
        return FetchError::RateLimited { until: http.retry_at(header) };
    }
    error(host, failure)
}

fn error(host: &str, error: &Error) -> FetchError {
    match error {
        Error::Http(response) => {
            let status = response.status().as_u16();
            let name = response.body().as_ref().and_then(|body| error_name(body));
            let place = name.map_or(format!("{status} from {host}"), |n| format!("{status} {n} from {host}"));
            match status {
                500.. => FetchError::Transient(place),
                401 | 403 | 451 => FetchError::Refused(place),
                404 | 410 => FetchError::Gone(place),
                _ => FetchError::BadUpstream(place),
            }
        }
        Error::Capacity(_) | Error::Utf8(_) => FetchError::BadUpstream(format!("{host}: {error}")),
        _ => FetchError::Transient(format!("{host}: {error}")),
    }
}

/// The name of an error in the body of a refusal, as XRPC has it: `{"error": "CursorTooOld", ..}`.
fn error_name(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        error: String,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    let is_name = named.error.len() <= MAX_ERROR_NAME_BYTES
        && named.error.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some(named.error)
}
