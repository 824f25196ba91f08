//! The HTTP interface: one route that takes statements, and `/ping`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{any, get};
use bytes::BytesMut;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::error::{DbError, code};
use super::ffi::Totals;
use super::framing::{column_header_length, next_frame};
use super::pool::{Pool, Session};
use super::query::{QueryKind, format_clause};
use super::request::{Call, authenticate, read_statement};
use super::{EngineConfig, QueryAudit};

/// Chunks between the network and the engine, in either direction.
const CHUNKS_IN_FLIGHT: usize = 8;
/// A result that cannot be streamed lies in memory as a whole; more than this is refused.
const MAX_WHOLE_RESULT_BYTES: u64 = 256 * 1024 * 1024;
/// Formats whose chunks can be joined. The others have a beginning or an end.
const STREAMED_FORMATS: [&str; 5] = [RBWNAT, "RowBinary", "JSONEachRow", "TabSeparated", "CSV"];
const RBWNAT: &str = "RowBinaryWithNamesAndTypes";
const DEFAULT_FORMAT: &str = "TabSeparated";
/// Before an error in the middle of an answer: the official client understands its block only where that comes in one read,
/// and what was sent before would share one with it.
const APART: Duration = Duration::from_millis(10);
/// The user in the audit when nobody proved to be one.
const NOBODY: &str = "(refused)";

pub(super) struct Front {
    pool: Pool,
    config: EngineConfig,
}

impl Front {
    pub(super) fn new(pool: Pool, config: EngineConfig) -> Self {
        Self { pool, config }
    }

    /// Ends the engine; requests after this are refused. Blocking.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

pub(super) fn router(front: Arc<Front>) -> Router {
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .route("/", any(handle))
        .layer(DefaultBodyLimit::disable())
        .with_state(front)
}

async fn handle(State(front): State<Arc<Front>>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let query_id = uuid::Uuid::new_v4().to_string();
    let user = match authenticate(&parts, &front.config.users) {
        Ok(user) => user.to_owned(),
        Err(error) => {
            audit(&front, QueryKind::Other, NOBODY, started, Some(&error));
            return failure(&error, &query_id);
        }
    };
    let answer = async {
        let mut call = Call::read(&parts)?;
        let stall = front.config.stall_timeout;
        let form = tokio::time::timeout(stall, call.take_form(&parts.headers, body));
        let body = form.await.map_err(|_| stalled())??;
        let query_id = call.query_id.take().unwrap_or_else(|| query_id.clone());
        // A statement in the URL has its data in the body; otherwise the body is the statement.
        let data = if call.sql.is_empty() {
            let statement = tokio::time::timeout(stall, read_statement(body.unwrap_or_default()));
            let bytes = statement.await.map_err(|_| stalled())??;
            call.sql = String::from_utf8(bytes)
                .map_err(|_| DbError::new(code::BAD_ARGUMENTS, "the statement is not UTF-8"))?;
            None
        } else {
            body
        };
        let kind = QueryKind::of(&call.sql);
        let run = Run { front: Arc::clone(&front), call, query_id, kind, user, started };
        let permit =
            front.pool.permit(front.config.stall_timeout).await.inspect_err(|e| run.audit(Some(e)))?;
        match data {
            Some(data) if kind == QueryKind::Insert && format_clause(&run.call.sql).is_some() => {
                run.insert(permit, data).await
            }
            _ => run.query(permit).await,
        }
    };
    answer.await.unwrap_or_else(|error| failure(&error, &query_id))
}

fn audit(front: &Front, kind: QueryKind, user: &str, started: Instant, error: Option<&DbError>) {
    if let Some(hook) = &front.config.audit {
        let error = error.map(|e| e.code);
        hook(QueryAudit { kind, user: user.to_owned(), duration: started.elapsed(), error });
    }
}

/// One statement on its way.
struct Run {
    front: Arc<Front>,
    call: Call,
    query_id: String,
    kind: QueryKind,
    user: String,
    started: Instant,
}

enum Part {
    Data(Bytes),
    End,
}

impl Run {
    fn audit(&self, error: Option<&DbError>) {
        audit(&self.front, self.kind, &self.user, self.started, error);
    }

    /// An insert whose data are the body. A body that breaks off cancels the insert.
    async fn insert(self, permit: OwnedSemaphorePermit, body: Body) -> Result<Response, DbError> {
        let stall = self.front.config.stall_timeout;
        let query_id = self.query_id.clone();
        let (parts, incoming) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let worker = tokio::task::spawn_blocking(move || {
            let outcome = self.insert_blocking(permit, incoming);
            self.audit(outcome.as_ref().err());
            outcome
        });
        // The receiver is gone when the engine has refused the data; the worker says why.
        let sent = send_body(body, &parts, stall).await;
        drop(parts);
        let totals = worker.await.map_err(|_| DbError::internal("the insert's thread ended early"))??;
        sent?;
        let mut response = success(&query_id, DEFAULT_FORMAT, Body::empty());
        set_header(&mut response, "x-clickhouse-summary", &summary(&totals));
        Ok(response)
    }

    fn insert_blocking(
        &self,
        permit: OwnedSemaphorePermit,
        mut incoming: mpsc::Receiver<Part>,
    ) -> Result<Totals, DbError> {
        let sql = &self.call.sql;
        let Some((clause, format)) = format_clause(sql) else {
            return Err(DbError::internal("an insert without format"));
        };
        let mut session = self.front.pool.session(permit, &self.call.preparation, self.kind)?;
        let mut packed = BytesMut::new();
        let mut left = self.front.config.max_insert_bytes;
        session.insert(&sql.as_bytes()[..clause], format, &self.call.parameters, || {
            let chunk = next_chunk(&mut incoming, &mut packed, self.call.compressed_body)?;
            if let Some(chunk) = &chunk {
                left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                    DbError::new(
                        code::TOO_LARGE_SIZE_COMPRESSED,
                        "the insert is larger than this engine allows",
                    )
                })?;
            }
            Ok(chunk)
        })
    }

    /// Any other statement: streamed when its format allows, else whole.
    async fn query(mut self, permit: OwnedSemaphorePermit) -> Result<Response, DbError> {
        let clause = format_clause(&self.call.sql).map(|(_, format)| format.to_owned());
        let format = self.call.format.take().unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
        let streamed =
            self.kind == QueryKind::Select && clause.is_none() && STREAMED_FORMATS.contains(&&*format);
        self.limit(streamed);
        let query_id = self.query_id.clone();
        let answered = clause.unwrap_or_else(|| format.clone());
        let stall = self.front.config.stall_timeout;
        let (chunks, mut outgoing) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            // A reader who stalls must not hold a connection for ever.
            let send = |chunk| {
                runtime.block_on(async {
                    tokio::time::timeout(stall, chunks.send(chunk)).await.is_ok_and(|s| s.is_ok())
                })
            };
            let outcome = self
                .front
                .pool
                .session(permit, &self.call.preparation, self.kind)
                .and_then(|session| self.query_blocking(session, &format, streamed, &send));
            self.audit(outcome.as_ref().err());
            if let Err(error) = outcome {
                std::thread::sleep(APART);
                send(Err(error));
            }
        });
        match outgoing.recv().await {
            Some(Err(error)) => Err(error),
            None => Ok(success(&query_id, &answered, Body::empty())),
            Some(Ok(first)) => {
                let tag = uuid::Uuid::new_v4().simple().to_string()[..16].to_owned();
                let marked = tag.clone();
                let rest = futures::stream::unfold(outgoing, |mut outgoing| async move {
                    outgoing.recv().await.map(|chunk| (chunk, outgoing))
                });
                let body = futures::stream::once(async { Ok(first) }).chain(rest).map(move |chunk| {
                    Ok::<_, std::convert::Infallible>(
                        chunk.unwrap_or_else(|error| exception_block(&error, &marked)),
                    )
                });
                let mut response = success(&query_id, &answered, Body::from_stream(body));
                set_header(&mut response, "x-clickhouse-exception-tag", &tag);
                Ok(response)
            }
        }
    }

    /// Bounds a statement in time, and in size when its result is not streamed, where the caller has not.
    fn limit(&mut self, streamed: bool) {
        let settings = &mut self.call.preparation.settings;
        let mut default = |name: &str, value: String| {
            if !settings.iter().any(|(set, _)| set == name) {
                settings.push((name.to_owned(), value));
            }
        };
        if self.kind == QueryKind::Select {
            default("max_execution_time", self.front.config.query_timeout.as_secs().max(1).to_string());
            if !streamed {
                default("max_result_bytes", MAX_WHOLE_RESULT_BYTES.to_string());
            }
        }
    }

    fn query_blocking(
        &self,
        mut session: Session<'_>,
        format: &str,
        streamed: bool,
        send: &dyn Fn(Result<Bytes, DbError>) -> bool,
    ) -> Result<(), DbError> {
        let (sql, parameters) = (self.call.sql.as_bytes(), &self.call.parameters[..]);
        if !streamed {
            let (bytes, _) = session.query(sql, format, parameters)?;
            // The connection is free before the reader has everything.
            drop(session);
            send(Ok(bytes.into()));
            return Ok(());
        }
        let mut header = None;
        session.stream(sql, format, parameters, |chunk| {
            let mut bytes = Bytes::from(chunk);
            if format == RBWNAT {
                match header {
                    None => header = column_header_length(&bytes),
                    Some(length) if length <= bytes.len() => bytes = bytes.slice(length..),
                    Some(_) => {}
                }
            }
            send(Ok(bytes))
        })?;
        Ok(())
    }
}

fn stalled() -> DbError {
    DbError::new(code::SOCKET_TIMEOUT, "the body stalled")
}

/// Hands the body over part by part. Ends early, without an error, when nobody takes it any more.
async fn send_body(body: Body, parts: &mpsc::Sender<Part>, stall: Duration) -> Result<(), DbError> {
    let mut stream = body.into_data_stream();
    loop {
        let part = match tokio::time::timeout(stall, stream.next()).await {
            Err(_) => return Err(stalled()),
            Ok(Some(Err(e))) => return Err(DbError::new(code::NETWORK_ERROR, e)),
            Ok(Some(Ok(bytes))) => Part::Data(bytes),
            Ok(None) => Part::End,
        };
        let last = matches!(part, Part::End);
        if parts.send(part).await.is_err() || last {
            return Ok(());
        }
    }
}

/// The next bytes for the engine, unpacked; `None` at the end of the body.
fn next_chunk(
    incoming: &mut mpsc::Receiver<Part>,
    packed: &mut BytesMut,
    compressed: bool,
) -> Result<Option<Vec<u8>>, DbError> {
    loop {
        if let Some(bytes) = next_frame(packed)? {
            return Ok(Some(bytes));
        }
        match incoming.blocking_recv() {
            None => return Err(DbError::new(code::NETWORK_ERROR, "the body broke off")),
            Some(Part::End) if packed.is_empty() => return Ok(None),
            Some(Part::End) => {
                return Err(DbError::new(code::CANNOT_DECOMPRESS, "the body ends within a compressed frame"));
            }
            Some(Part::Data(bytes)) if compressed => packed.extend_from_slice(&bytes),
            Some(Part::Data(bytes)) if bytes.is_empty() => {}
            Some(Part::Data(bytes)) => return Ok(Some(bytes.into())),
        }
    }
}

/// The way a ClickHouse server reports an error after the answer has begun
/// (`src/Server/HTTP/WriteBufferFromHTTPServerResponse.cpp`).
fn exception_block(error: &DbError, tag: &str) -> Bytes {
    let message = format!("{}\n", error.message.trim_end());
    let length = message.len();
    format!("\r\n__exception__\r\n{tag}\r\n{message}{length} {tag}\r\n__exception__\r\n").into()
}

fn success(query_id: &str, format: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    set_header(&mut response, "content-type", "application/octet-stream");
    set_header(&mut response, "x-clickhouse-query-id", query_id);
    set_header(&mut response, "x-clickhouse-format", format);
    set_header(&mut response, "x-clickhouse-timezone", "UTC");
    set_header(&mut response, "x-clickhouse-server-display-name", "streife-engine");
    response
}

fn failure(error: &DbError, query_id: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{}\n", error.message.trim_end())));
    *response.status_mut() =
        StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_header(&mut response, "content-type", "text/plain; charset=UTF-8");
    set_header(&mut response, "x-clickhouse-exception-code", &error.code.to_string());
    set_header(&mut response, "x-clickhouse-query-id", query_id);
    response
}

/// Sets a header; a value that cannot be one (a query id from outside) is left out.
fn set_header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

fn summary(totals: &Totals) -> String {
    let Totals { read_rows, read_bytes, written_rows, written_bytes, result_rows } = totals;
    format!(
        r#"{{"read_rows":"{read_rows}","read_bytes":"{read_bytes}","written_rows":"{written_rows}","written_bytes":"{written_bytes}","total_rows_to_read":"0","result_rows":"{result_rows}","result_bytes":"0","elapsed_ns":"0"}}"#
    )
}
