//! WACZ 1.1.1: a WARC with its index and list of pages in one archive that players of web archives open.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use serde::Deserialize;
use serde_json::json;
use streife_domain::Timestamp;

use crate::merkle::sha256_hex;
use crate::package::zip::{self, Files, ReadError, WriteError};
use crate::warc::{self, Exchange, Record, WarcError};

const WARC: &str = "archive/data.warc.gz";
const INDEX: &str = "indexes/index.cdx.gz";
const INDEX_OF_INDEX: &str = "indexes/index.idx";
const PAGES: &str = "pages/pages.jsonl";
const PACKAGE: &str = "datapackage.json";
const PACKAGE_DIGEST: &str = "datapackage-digest.json";
/// Largest index unpacked.
const MAX_INDEX_BYTES: u64 = 64 * 1024 * 1024;

/// A page listed in `pages.jsonl`.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Address; must be the address of an exchange.
    pub url: &'a str,
    /// Title shown to the reader.
    pub title: &'a str,
    /// When it was captured.
    pub at: Timestamp,
}

/// Builds a WACZ. Same input, same bytes.
///
/// # Errors
/// [`WriteError`] when it would be too large.
pub fn write(
    software: &str,
    title: &str,
    created: Timestamp,
    exchanges: &[Exchange<'_>],
    pages: &[Page<'_>],
) -> Result<Vec<u8>, WriteError> {
    let (warc, records) = warc::write(software, exchanges);
    let mut lines: Vec<(String, String)> = records.iter().map(cdx_line).collect();
    lines.sort();
    let index: String = lines.iter().map(|(key, rest)| format!("{key} {rest}\n")).collect();
    let packed = gzip(index.as_bytes());
    let first = lines.first().map(|(key, _)| key.as_str()).unwrap_or_default();
    let place = json!({"offset": 0, "length": packed.len(), "digest": format!("sha256:{}", sha256_hex(&packed)), "filename": "index.cdx.gz"});
    let index_of_index = format!(
        "!meta 0 {}\n{first} {place}\n",
        json!({"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"})
    );
    let mut page_lines =
        format!("{}\n", json!({"format": "json-pages-1.0", "id": "pages", "title": "Pages"}));
    for page in pages {
        let id = &sha256_hex(page.url.as_bytes())[..16];
        page_lines.push_str(
            &json!({"id": id, "url": page.url, "title": page.title, "ts": page.at.to_string()}).to_string(),
        );
        page_lines.push('\n');
    }
    let mut files: Files = [
        (WARC, warc),
        (INDEX, packed),
        (INDEX_OF_INDEX, index_of_index.into_bytes()),
        (PAGES, page_lines.into_bytes()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into();
    let resources: Vec<_> = files
        .iter()
        .map(|(path, content)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            json!({"name": name, "path": path, "hash": format!("sha256:{}", sha256_hex(content)), "bytes": content.len()})
        })
        .collect();
    let mut package = json!({
        "profile": "data-package", "wacz_version": "1.1.1", "title": title, "software": software,
        "created": created.to_string(), "resources": resources,
    });
    if let (Some(page), Some(fields)) = (pages.first(), package.as_object_mut()) {
        fields.insert("mainPageUrl".into(), page.url.into());
        fields.insert("mainPageDate".into(), page.at.to_string().into());
    }
    let package = format!("{package:#}\n");
    let digest = json!({"path": PACKAGE, "hash": format!("sha256:{}", sha256_hex(package.as_bytes()))});
    files.insert(PACKAGE.into(), package.into_bytes());
    files.insert(PACKAGE_DIGEST.into(), format!("{digest:#}\n").into_bytes());
    zip::write(&files)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    // Writing into memory cannot fail; a failure would show as a hash that does not match.
    let _ = member.write_all(bytes);
    member.finish().unwrap_or_default()
}

/// Key (sortable address and time) and fields of an index line.
fn cdx_line(record: &Record) -> (String, String) {
    let time: String = record.at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let status = record.status.map_or("200".to_owned(), |status| status.to_string());
    let fields = json!({
        "url": record.url, "mime": record.media_type, "status": status, "digest": record.digest,
        "length": record.length.to_string(), "offset": record.offset.to_string(), "filename": "data.warc.gz",
    });
    (format!("{} {time}", sortable(&record.url)), fields.to_string())
}

/// `https://www.example.org/A` becomes `org,example,www)/a`, the order that index readers search in.
fn sortable(url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else { return url.to_ascii_lowercase() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit('@').next().unwrap_or(host).to_ascii_lowercase();
    let (name, port) = host.split_once(':').map_or((host.as_str(), None), |(name, port)| (name, Some(port)));
    let name = name.strip_prefix("www.").unwrap_or(name);
    let mut key = name.split('.').rev().collect::<Vec<_>>().join(",");
    if let Some(port) = port {
        key = format!("{key}:{port}");
    }
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{key}){slash}{}", path.to_ascii_lowercase())
}

/// Why a WACZ is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum WaczError {
    /// The archive itself.
    #[error("archive: {0}")]
    Archive(#[from] ReadError),
    /// The WARC in it.
    #[error("{WARC}: {0}")]
    Warc(#[from] WarcError),
    /// A file that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A file that is not listed.
    #[error("{0} is not listed in {PACKAGE}")]
    NotListed(String),
    /// Anything else.
    #[error("{file}: {what}")]
    Content {
        /// Which file.
        file: &'static str,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
struct DataPackage {
    profile: String,
    wacz_version: String,
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    path: String,
    hash: String,
    bytes: usize,
}

#[derive(Deserialize)]
struct PackageDigest {
    path: String,
    hash: String,
}

/// The contents of a sound WACZ.
#[derive(Debug)]
pub struct ReadWacz {
    /// All records of its WARC.
    pub records: Vec<warc::ReadRecord>,
    /// Addresses of its pages.
    pub pages: Vec<String>,
}

/// Reads and checks a WACZ: listed files complete both ways, hashes, pages there and archived, index exact.
///
/// # Errors
/// [`WaczError`] for the first thing that is not as it should be.
pub fn read(bytes: &[u8]) -> Result<ReadWacz, WaczError> {
    let archive = zip::read(bytes);
    if let Some(problem) = archive.problems.into_iter().next() {
        return Err(problem.into());
    }
    let files = archive.files;
    let file = |name: &'static str| files.get(name).map(Vec::as_slice).ok_or(WaczError::Missing(name));
    let digest: PackageDigest = parse(PACKAGE_DIGEST, file(PACKAGE_DIGEST)?)?;
    if digest.path != PACKAGE || digest.hash != format!("sha256:{}", sha256_hex(file(PACKAGE)?)) {
        return Err(wrong(PACKAGE_DIGEST, "is not the hash of datapackage.json"));
    }
    let package: DataPackage = parse(PACKAGE, file(PACKAGE)?)?;
    if package.profile != "data-package" || package.wacz_version != "1.1.1" {
        return Err(wrong(PACKAGE, "profile or version is not that of WACZ 1.1.1"));
    }
    for resource in &package.resources {
        let content = files.get(&resource.path);
        let fits = content.is_some_and(|content| {
            content.len() == resource.bytes && resource.hash == format!("sha256:{}", sha256_hex(content))
        });
        if !fits {
            return Err(wrong(
                PACKAGE,
                &format!("{} is missing or does not have the listed hash", resource.path),
            ));
        }
    }
    for name in files.keys() {
        let listed = package.resources.iter().any(|resource| resource.path == *name);
        if !listed && name != PACKAGE && name != PACKAGE_DIGEST {
            return Err(WaczError::NotListed(name.clone()));
        }
    }
    let records = warc::read(file(WARC)?)?;
    check_index(file(INDEX)?, &records)?;
    let pages = pages(file(PAGES)?)?;
    for page in &pages {
        if !records.iter().any(|record| record.field("WARC-Target-URI") == Some(page)) {
            return Err(wrong(PAGES, &format!("{page} is listed but not archived")));
        }
    }
    Ok(ReadWacz { records, pages })
}

fn wrong(file: &'static str, what: &str) -> WaczError {
    WaczError::Content { file, what: what.to_owned() }
}

fn parse<T: for<'de> Deserialize<'de>>(file: &'static str, bytes: &[u8]) -> Result<T, WaczError> {
    serde_json::from_slice(bytes).map_err(|error| wrong(file, &error.to_string()))
}

fn check_index(packed: &[u8], records: &[warc::ReadRecord]) -> Result<(), WaczError> {
    let mut index = String::new();
    GzDecoder::new(packed)
        .take(MAX_INDEX_BYTES)
        .read_to_string(&mut index)
        .map_err(|error| wrong(INDEX, &error.to_string()))?;
    let mut indexed = 0;
    for line in index.lines() {
        let fields = line.splitn(3, ' ').nth(2).ok_or_else(|| wrong(INDEX, "a line without fields"))?;
        let fields: serde_json::Value = parse(INDEX, fields.as_bytes())?;
        let number = |key: &str| fields[key].as_str().and_then(|n| n.parse::<usize>().ok());
        let found = records.iter().any(|record| {
            Some(record.offset) == number("offset")
                && Some(record.length) == number("length")
                && record.field("WARC-Target-URI") == fields["url"].as_str()
                && record.field("WARC-Payload-Digest") == fields["digest"].as_str()
        });
        if !found {
            return Err(wrong(INDEX, "a line that fits no record"));
        }
        indexed += 1;
    }
    if indexed != records.iter().filter(|r| matches!(r.kind.as_str(), "response" | "resource")).count() {
        return Err(wrong(INDEX, "not every record is indexed once"));
    }
    Ok(())
}

fn pages(bytes: &[u8]) -> Result<Vec<String>, WaczError> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong(PAGES, "not UTF-8"))?;
    let mut lines = text.lines();
    let head: serde_json::Value = parse(PAGES, lines.next().unwrap_or_default().as_bytes())?;
    if head["format"] != "json-pages-1.0" {
        return Err(wrong(PAGES, "the first line does not name the format json-pages-1.0"));
    }
    let mut urls = Vec::new();
    for line in lines {
        let page: serde_json::Value = parse(PAGES, line.as_bytes())?;
        let url = page["url"].as_str().ok_or_else(|| wrong(PAGES, "a page without address"))?;
        let time = page["ts"].as_str().and_then(|ts| Timestamp::parse(ts).ok());
        time.ok_or_else(|| wrong(PAGES, "a page without time"))?;
        urls.push(url.to_owned());
    }
    if urls.is_empty() {
        return Err(wrong(PAGES, "no page is listed"));
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let at = Timestamp::from_secs(1_700_000_000);
        let exchange = Exchange {
            url: "https://www.example.org/A?b",
            at,
            server_address: Some("192.0.2.1"),
            request: Some(("GET", &[])),
            response: Some((200, &[])),
            media_type: "text/html",
            body: b"<p>hello</p>",
        };
        let page = Page { url: exchange.url, title: "A page", at };
        write("test", "title", at, &[exchange], &[page]).unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let read = read(&sample()).unwrap();
        assert_eq!(read.pages, ["https://www.example.org/A?b"]);
        assert_eq!(
            read.records.iter().map(|r| r.kind.as_str()).collect::<Vec<_>>(),
            ["warcinfo", "response", "request"]
        );
    }

    #[test]
    fn a_missing_or_extra_file_is_named() {
        let files = zip::read(&sample()).files;
        for name in [PAGES, INDEX, WARC, PACKAGE, PACKAGE_DIGEST] {
            let mut less = files.clone();
            less.remove(name);
            let error = read(&zip::write(&less).unwrap()).unwrap_err().to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
        let mut more = files;
        more.insert("archive/more.warc".into(), Vec::new());
        assert!(matches!(read(&zip::write(&more).unwrap()), Err(WaczError::NotListed(_))));
    }

    #[test]
    fn addresses_are_sorted_by_their_host_from_the_right() {
        assert_eq!(sortable("https://www.Example.org:8443/A?B=c#d"), "org,example:8443)/a?b=c");
        assert_eq!(sortable("at://did/x"), "did)/x");
        assert_eq!(sortable("nonsense"), "nonsense");
    }
}
