//! Writing. Record ids come from the content, so that the same input gives the same file.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use streife_domain::Timestamp;

use crate::merkle::{sha256, sha256_hex};

/// One exchange: what was asked and what came back.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Address.
    pub url: &'a str,
    /// When the answer was complete.
    pub at: Timestamp,
    /// Address of the server.
    pub server_address: Option<&'a str>,
    /// Method and headers; `None` when nothing was asked (messages of a stream, pictures made here).
    pub request: Option<(&'a str, &'a [(String, String)])>,
    /// HTTP status and headers; `None` makes a `resource` record.
    pub response: Option<(u16, &'a [(String, String)])>,
    /// Media type of the body.
    pub media_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Where a record lies in the file, for the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Address.
    pub url: String,
    /// When.
    pub at: Timestamp,
    /// Media type.
    pub media_type: String,
    /// HTTP status, if any.
    pub status: Option<u16>,
    /// `sha256:` and hex of the payload.
    pub digest: String,
    /// First byte.
    pub offset: usize,
    /// Length in bytes.
    pub length: usize,
}

/// Writes all exchanges; returns the file and the place of each response or resource.
pub fn write(software: &str, exchanges: &[Exchange<'_>]) -> (Vec<u8>, Vec<Record>) {
    let mut file = Vec::new();
    let at = exchanges.iter().map(|e| e.at).min().unwrap_or_default();
    let info = format!("software: {software}\r\nformat: WARC File Format 1.1\r\n");
    let fields = [
        ("WARC-Type", "warcinfo".to_owned()),
        ("WARC-Record-ID", record_id(&[b"warcinfo", info.as_bytes(), at.to_string().as_bytes()])),
        ("WARC-Date", at.to_string()),
        ("WARC-Filename", "data.warc.gz".to_owned()),
        ("WARC-Block-Digest", digest(info.as_bytes())),
        ("Content-Type", "application/warc-fields".to_owned()),
    ];
    append(&mut file, &fields, info.as_bytes());
    let mut index = Vec::new();
    for (number, exchange) in exchanges.iter().enumerate() {
        index.push(append_exchange(&mut file, number, exchange));
    }
    (file, index)
}

fn append_exchange(file: &mut Vec<u8>, number: usize, exchange: &Exchange<'_>) -> Record {
    let (kind, content_type, block) = match exchange.response {
        Some((status, headers)) => {
            let mut block = format!("HTTP/1.1 {status} \r\n").into_bytes();
            append_headers(&mut block, headers);
            block.extend_from_slice(exchange.body);
            ("response", "application/http; msgtype=response", block)
        }
        None => ("resource", exchange.media_type, exchange.body.to_vec()),
    };
    let date = exchange.at.to_string();
    let id = record_id(&[
        kind.as_bytes(),
        &number.to_be_bytes(),
        exchange.url.as_bytes(),
        date.as_bytes(),
        &block,
    ]);
    let mut fields = vec![
        ("WARC-Type", kind.to_owned()),
        ("WARC-Record-ID", id.clone()),
        ("WARC-Date", date.clone()),
        ("WARC-Target-URI", target(exchange.url)),
        ("WARC-Block-Digest", digest(&block)),
        ("WARC-Payload-Digest", digest(exchange.body)),
        ("Content-Type", content_type.to_owned()),
    ];
    if let Some(address) = exchange.server_address {
        fields.push(("WARC-IP-Address", target(address)));
    }
    let offset = file.len();
    append(file, &fields, &block);
    let record = Record {
        url: target(exchange.url),
        at: exchange.at,
        media_type: exchange.media_type.to_owned(),
        status: exchange.response.map(|(status, _)| status),
        digest: digest(exchange.body),
        offset,
        length: file.len() - offset,
    };
    if let Some((method, headers)) = exchange.request {
        let (host, path) = host_and_path(exchange.url);
        let mut block = format!("{} {path} HTTP/1.1\r\n", one_line(method)).into_bytes();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            block.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        append_headers(&mut block, headers);
        let request_id = record_id(&[b"request", id.as_bytes(), &block]);
        let fields = [
            ("WARC-Type", "request".to_owned()),
            ("WARC-Record-ID", request_id),
            ("WARC-Date", date),
            ("WARC-Target-URI", target(exchange.url)),
            ("WARC-Concurrent-To", id),
            ("WARC-Block-Digest", digest(&block)),
            ("WARC-Payload-Digest", digest(&[])),
            ("Content-Type", "application/http; msgtype=request".to_owned()),
        ];
        append(file, &fields, &block);
    }
    record
}

fn append(file: &mut Vec<u8>, fields: &[(&str, String)], block: &[u8]) {
    let mut head = String::from("WARC/1.1\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", block.len()));
    let mut member =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    // Writing into memory cannot fail; a failure would show as a digest that does not match on reading.
    let _ = member.write_all(head.as_bytes());
    let _ = member.write_all(block);
    let _ = member.write_all(b"\r\n\r\n");
    file.extend_from_slice(&member.finish().unwrap_or_default());
}

fn append_headers(block: &mut Vec<u8>, headers: &[(String, String)]) {
    for (name, value) in headers {
        block.extend_from_slice(format!("{}: {}\r\n", one_line(name), one_line(value)).as_bytes());
    }
    block.extend_from_slice(b"\r\n");
}

/// A header from outside must not bring lines of its own into the record.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An address as it may stand in a WARC field.
fn target(url: &str) -> String {
    url.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

/// A UUID of version 8 (RFC 9562) over the parts' hash.
fn record_id(parts: &[&[u8]]) -> String {
    let joined: Vec<u8> = parts.iter().flat_map(|part| sha256(part)).collect();
    let hash = sha256(&joined);
    let mut id = [0u8; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let text = hex::encode(id);
    format!("<urn:uuid:{}-{}-{}-{}-{}>", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn host_and_path(url: &str) -> (String, String) {
    let url = target(url);
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    (host.rsplit('@').next().unwrap_or(host).to_owned(), path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warc::read;

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(
            body in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
            status in 100u16..600,
            header in "[ -~\r\n]{0,30}",
            with_http in proptest::bool::ANY,
        ) {
            let headers = vec![("X-Test".to_owned(), header)];
            let exchange = Exchange {
                url: "https://example.org/a?b=c",
                at: Timestamp::from_secs(1_700_000_000),
                server_address: None,
                request: with_http.then_some(("GET", headers.as_slice())),
                response: with_http.then_some((status, headers.as_slice())),
                media_type: "application/json",
                body: &body,
            };
            let (file, index) = write("test", &[exchange, exchange]);
            let records = read(&file).unwrap();
            let payloads: Vec<_> = records
                .iter()
                .filter(|r| r.kind == "response" || r.kind == "resource")
                .map(|r| r.payload.clone())
                .collect();
            proptest::prop_assert_eq!(payloads, vec![body.clone(), body]);
            for (record, place) in records.iter().filter(|r| r.kind != "request" && r.kind != "warcinfo").zip(&index) {
                proptest::prop_assert_eq!(record.offset, place.offset);
                proptest::prop_assert_eq!(record.length, place.length);
            }
        }
    }
}
