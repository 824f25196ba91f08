//! Connections that speak neither HTTP nor WebSocket, through the same address guard, plain or over TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{FetchError, Http};

/// A connection has to stand after this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A byte stream in both directions.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects to a host; over TLS, its certificate has to be good for its name.
///
/// # Errors
/// [`FetchError::Refused`] for private addresses and names that no certificate can bear, [`FetchError::Transient`] for
/// connections and handshakes that fail.
pub async fn connect(
    http: &Http,
    host: &str,
    port: u16,
    tls: bool,
) -> Result<Box<dyn Connection>, FetchError> {
    let failed = |what: &dyn std::fmt::Display| FetchError::Transient(format!("{host}: {what}"));
    let connecting = async {
        let addresses = http.guard().resolve(host, port).await?;
        let tcp = TcpStream::connect(&addresses[..]).await.map_err(|e| failed(&e))?;
        if !tls {
            return Ok(Box::new(tcp) as Box<dyn Connection>);
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| FetchError::Refused(format!("{host} is no name for a certificate")))?;
        let stream = TlsConnector::from(tls_config()?).connect(name, tcp).await.map_err(|e| failed(&e))?;
        Ok(Box::new(stream) as Box<dyn Connection>)
    };
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| Err(failed(&"did not answer in time")))
}

/// The roots that browsers trust.
fn tls_config() -> Result<Arc<ClientConfig>, FetchError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| FetchError::Refused(format!("TLS cannot be set up: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
