//! Reading a request: who sends it, which statement with which parameters and settings.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use futures::StreamExt;
use url::form_urlencoded;

use super::EngineUser;
use super::error::{DbError, code};
use super::ffi::Parameter;
use super::pool::Preparation;

/// A statement with its inline data; larger data come as the body of an insert.
pub(super) const MAX_STATEMENT_BYTES: usize = 16 * 1024 * 1024;
const MAX_URL_PAIRS: usize = 256;

/// URL parameters of the protocol that are neither settings nor of use here.
const IGNORED: [&str; 11] = [
    "user",
    "password",
    "role",
    "quota_key",
    "session_id",
    "session_timeout",
    "wait_end_of_query",
    "buffer_size",
    "send_progress_in_http_headers",
    "compress",
    "enable_http_compression",
];

/// A request as its URL and headers describe it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// The statement, when it is in the URL; the body is its data then.
    pub(super) sql: String,
    pub(super) format: Option<String>,
    pub(super) query_id: Option<String>,
    pub(super) compressed_body: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) preparation: Preparation,
}

impl Call {
    pub(super) fn read(parts: &Parts) -> Result<Self, DbError> {
        let mut call = Self {
            format: header(&parts.headers, "x-clickhouse-format").map(str::to_owned),
            ..Self::default()
        };
        call.preparation.database = header(&parts.headers, "x-clickhouse-database").map(str::to_owned);
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        for (count, (name, value)) in pairs.enumerate() {
            if count == MAX_URL_PAIRS {
                return Err(DbError::new(code::BAD_ARGUMENTS, "too many URL parameters"));
            }
            call.take(&name, value.into_owned());
        }
        Ok(call)
    }

    fn take(&mut self, name: &str, value: String) {
        match name {
            "query" => self.sql = value,
            "database" => self.preparation.database = Some(value),
            "default_format" => self.format = Some(value),
            "query_id" => self.query_id = Some(value),
            "decompress" => self.compressed_body = value == "1",
            _ if IGNORED.contains(&name) => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => self.parameters.push((parameter.to_owned(), value)),
                None => self.preparation.settings.push((name.to_owned(), value)),
            },
        }
    }

    /// Reads statement and parameters from a `multipart/form-data` body; returns the body when it is no such.
    pub(super) async fn take_form(
        &mut self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Option<Body>, DbError> {
        let Some(content_type) = headers
            .get(CONTENT_TYPE)
            .filter(|value| value.to_str().is_ok_and(|text| text.starts_with("multipart/form-data")))
        else {
            return Ok(Some(body));
        };
        let bad = |e: &dyn std::fmt::Display| DbError::new(code::BAD_ARGUMENTS, format_args!("form: {e}"));
        let mut request = Request::new(body);
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        let mut form = Multipart::from_request(request, &()).await.map_err(|e| bad(&e))?;
        let mut left = MAX_STATEMENT_BYTES;
        while let Some(mut field) = form.next_field().await.map_err(|e| bad(&e))? {
            let name = field.name().unwrap_or_default().to_owned();
            let mut value = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(|e| bad(&e))? {
                left = left.checked_sub(chunk.len()).ok_or_else(too_large)?;
                value.extend_from_slice(&chunk);
            }
            let value = String::from_utf8(value).map_err(|_| bad(&"a field is not UTF-8"))?;
            if name == "query" || name.starts_with("param_") {
                self.take(&name, value);
            }
        }
        Ok(None)
    }
}

/// Reads a body into memory, up to the limit for statements.
pub(super) async fn read_statement(body: Body) -> Result<Vec<u8>, DbError> {
    let mut bytes = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| DbError::new(code::NETWORK_ERROR, e))?;
        if bytes.len() + chunk.len() > MAX_STATEMENT_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn too_large() -> DbError {
    DbError::new(
        code::TOO_LARGE_SIZE_COMPRESSED,
        format_args!("a statement has at most {MAX_STATEMENT_BYTES} bytes"),
    )
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The name of the user who proves to be one: by `X-ClickHouse-User` and `-Key`, by basic authentication, or
/// by the URL's `user` and `password`, in this order.
pub(super) fn authenticate<'a>(parts: &Parts, users: &'a [EngineUser]) -> Result<&'a str, DbError> {
    let (name, password) = credentials(parts);
    let mut found = None;
    for user in users {
        // Every user is compared in full, so that the time taken tells nothing.
        if equal(user.name.as_bytes(), name.as_bytes()) & equal(user.password.as_bytes(), password.as_bytes())
        {
            found = Some(user.name.as_str());
        }
    }
    found.ok_or_else(|| {
        DbError::new(code::AUTHENTICATION_FAILED, "authentication failed: unknown user or wrong password")
    })
}

fn credentials(parts: &Parts) -> (String, String) {
    let headers = &parts.headers;
    if let Some(name) = header(headers, "x-clickhouse-user") {
        return (name.to_owned(), header(headers, "x-clickhouse-key").unwrap_or_default().to_owned());
    }
    let basic = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(decode_basic);
    if let Some(pair) = basic {
        return pair;
    }
    let mut pair = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "user" => pair.0 = value.into_owned(),
            "password" => pair.1 = value.into_owned(),
            _ => {}
        }
    }
    pair
}

fn decode_basic(encoded: &str) -> Option<(String, String)> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// Compares without stopping at the first difference.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn settings_parameters_and_protocol_are_told_apart() {
        let uri =
            "/?query=SELECT+1&param_x=7&max_threads=2&decompress=1&role=a&default_format=CSV&database=d";
        let call = Call::read(&parts(uri, &[])).unwrap();
        assert_eq!(call.sql, "SELECT 1");
        assert_eq!(call.parameters, [("x".to_owned(), "7".to_owned())]);
        assert_eq!(call.preparation.settings, [("max_threads".to_owned(), "2".to_owned())]);
        assert_eq!(call.preparation.database.as_deref(), Some("d"));
        assert_eq!(call.format.as_deref(), Some("CSV"));
        assert!(call.compressed_body);
    }

    #[test]
    fn only_the_right_password_opens() {
        let users = [EngineUser { name: "store".to_owned(), password: "s3cret".to_owned() }];
        let right = parts("/", &[("x-clickhouse-user", "store"), ("x-clickhouse-key", "s3cret")]);
        assert_eq!(authenticate(&right, &users).unwrap(), "store");
        let basic = parts("/", &[("authorization", "Basic c3RvcmU6czNjcmV0")]);
        assert!(authenticate(&basic, &users).is_ok());
        assert!(authenticate(&parts("/?user=store&password=s3cret", &[]), &users).is_ok());
        for wrong in ["/", "/?user=store", "/?user=store&password=s3creT", "/?password=s3cret"] {
            assert_eq!(
                authenticate(&parts(wrong, &[]), &users).unwrap_err().code,
                code::AUTHENTICATION_FAILED
            );
        }
    }
}
