//! The HTTP client to ClickHouse. `https` addresses are spoken to through rustls: with the authority of the configuration
//! alone where one is named, else with those the web trusts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::StoreError;

/// A server that vanished without a word (its machine gone, the network cut) is noticed within about a minute, not when the
/// system's own patience of a quarter of an hour ends: silence of so long is asked about, so often, then the connection is given up.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
const TCP_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const TCP_KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and not acknowledged for so long ends the connection.
const TCP_UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than a server keeps an idle connection (ClickHouse: 3 s), so that no request meets one being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A client for `http` and `https`.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<clickhouse::Client, StoreError> {
    let roots = roots(ca_file)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| StoreError::Config(format!("TLS: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.set_keepalive(Some(TCP_KEEPALIVE));
    http.set_keepalive_interval(Some(TCP_KEEPALIVE_INTERVAL));
    http.set_keepalive_retries(Some(TCP_KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    http.set_tcp_user_timeout(Some(TCP_UNACKNOWLEDGED_TIMEOUT));
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    let hyper =
        HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(POOL_IDLE_TIMEOUT).build(connector);
    Ok(clickhouse::Client::with_http_client(hyper))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let Some(file) = ca_file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let unreadable = |e: &dyn std::fmt::Display| {
        StoreError::Config(format!("the authority's certificates in {} cannot be read: {e}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unreadable(&e))? {
        roots.add(certificate.map_err(|e| unreadable(&e))?).map_err(|e| unreadable(&e))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"no certificate in it"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "not a certificate\n").unwrap();
        assert!(client(Some(&file)).unwrap_err().to_string().contains("ca.pem"));
        assert!(client(Some(&folder.path().join("missing.pem"))).is_err());
    }

    #[test]
    fn without_a_file_the_web_s_authorities_are_trusted() {
        assert!(roots(None).unwrap().len() > 50);
        assert!(client(None).is_ok());
    }
}
