//! Sends the spans of followed posts to an OpenTelemetry collector (OTLP over HTTP), where the configuration names one.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::config::TracingSection;
use crate::failure::Failure;

/// The collector's path for spans (OTLP/HTTP).
const SPANS_PATH: &str = "/v1/traces";
/// An unreachable collector never holds a role up for longer than this.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Following is on while this lives.
#[derive(Debug)]
pub(crate) struct Following(SdkTracerProvider);

impl Following {
    /// Starts it, where the configuration asks for it. Within a runtime.
    pub(crate) fn start(section: &TracingSection) -> Result<Option<Self>, Failure> {
        let Some(endpoint) = &section.endpoint else { return Ok(None) };
        let refused = |error: &dyn std::fmt::Display| {
            Failure::configuration(format!(
                "[tracing] endpoint = \"{endpoint}\": {error}; name a collector such as http://127.0.0.1:4318"
            ))
        };
        let client = reqwest::Client::builder().timeout(SEND_TIMEOUT).build().map_err(|e| refused(&e))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OnRuntime { client, runtime: tokio::runtime::Handle::current() })
            .with_endpoint(format!("{}{SPANS_PATH}", endpoint.trim_end_matches('/')))
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|e| refused(&e))?;
        let share = 1.0 / f64::from(section.one_in.get());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))))
            .with_resource(
                Resource::builder_empty()
                    .with_service_name("streife")
                    .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                    .build(),
            )
            .build();
        streife_runtime::follow_with(BoxedTracer::new(Box::new(provider.tracer("streife"))));
        tracing::info!(endpoint, one_in = section.one_in.get(), "following posts");
        Ok(Some(Self(provider)))
    }

    /// Sends what waits; a collector out of reach costs at most [`SEND_TIMEOUT`].
    pub(crate) async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SEND_TIMEOUT)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last spans were not delivered");
        }
    }
}

/// The exporter sends from a thread of its own; requests run where the sockets are served.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let client = self.client.clone();
        self.runtime
            .spawn(async move {
                let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers);
                let answer = request.body(body).send().await?;
                let mut response = http::Response::new(Bytes::new());
                *response.status_mut() = answer.status();
                *response.body_mut() = answer.bytes().await?;
                Ok(response)
            })
            .await?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::routing::post;
    use opentelemetry::trace::{Span, Tracer};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_reach_the_collector_and_nothing_is_sent_without_one() {
        assert!(Following::start(&TracingSection::default()).unwrap().is_none());

        let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let keep = Arc::clone(&received);
        let collector = Router::new()
            .route(SPANS_PATH, post(move |body: Bytes| async move { keep.lock().unwrap().push(body) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, collector).await.unwrap() });

        let section = TracingSection { endpoint: Some(endpoint), one_in: std::num::NonZeroU32::MIN };
        let following = Following::start(&section).unwrap().unwrap();
        following.0.tracer("test").start("span-of-a-test").end();
        following.end().await;
        let bodies = received.lock().unwrap().concat();
        let has = |name: &str| bodies.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(has("span-of-a-test") && has("service.name"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_out_of_reach_holds_nothing_up() {
        let section = TracingSection {
            endpoint: Some("http://127.0.0.1:9".to_owned()),
            one_in: std::num::NonZeroU32::MIN,
        };
        let following = Following::start(&section).unwrap().unwrap();
        following.0.tracer("test").start("lost").end();
        let started = std::time::Instant::now();
        following.end().await;
        assert!(started.elapsed() < SEND_TIMEOUT + Duration::from_secs(5));
    }
}
