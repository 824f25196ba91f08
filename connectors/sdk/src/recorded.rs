//! Recorded answers: compressed files, cassettes of HTTP exchanges, pages wrapped in JSON.
//!
//! Every `parse` passes through [`each`], so that `streife sources parse` reads a recording as if it came live.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use streife_domain::RejectCode;

use crate::{Observation, ParseContext, Parsed};

/// A recording after decompression may be this large.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// One exchange of a cassette.
#[derive(Deserialize)]
struct Exchange {
    request: ExchangeRequest,
    response: ExchangeResponse,
}

#[derive(Deserialize)]
struct ExchangeRequest {
    uri: String,
}

#[derive(Deserialize)]
struct ExchangeResponse {
    status: Value,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    body: Option<String>,
}

/// A page with its address.
#[derive(Deserialize)]
struct WrappedPage {
    url: String,
    html: String,
}

/// Parses what lies in `observation`: itself, or each recorded answer in it.
pub fn each(
    observation: &Observation,
    context: &ParseContext,
    parse: fn(&Observation, &ParseContext) -> Parsed,
) -> Parsed {
    let unpacked;
    let packed = &observation.body;
    let unpacking = if packed.starts_with(&[0x1f, 0x8b]) {
        Some(read_bounded(MultiGzDecoder::new(&packed[..])))
    } else if packed.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some(zstd::Decoder::new(&packed[..]).map_err(|e| e.to_string()).and_then(read_bounded))
    } else {
        None
    };
    let observation = if let Some(result) = unpacking {
        match result {
            Ok(body) => {
                unpacked = Observation { body, ..observation.clone() };
                &unpacked
            }
            Err(message) => return Parsed::refused(RejectCode::BadField, message, observation),
        }
    } else {
        observation
    };
    let start: Vec<u8> =
        observation.body.iter().copied().filter(|b| !b.is_ascii_whitespace()).take(11).collect();
    if start.starts_with(b"[{\"request\"") || start.starts_with(b"[{\"response") {
        if let Ok(exchanges) = serde_json::from_slice::<Vec<Exchange>>(&observation.body) {
            return cassette(exchanges, observation, context, parse);
        }
    } else if start.starts_with(b"{\"")
        && let Ok(page) = serde_json::from_slice::<WrappedPage>(&observation.body)
    {
        let page = Observation::new(page.url, page.html.into_bytes(), observation.observed_at);
        return parse(&page, context);
    }
    parse(observation, context)
}

/// Unpacks; damaged data give what came before the damage, when that is anything.
fn read_bounded(decoder: impl Read) -> Result<Bytes, String> {
    let mut out = Vec::new();
    if let Err(error) = decoder.take(MAX_BYTES + 1).read_to_end(&mut out)
        && out.is_empty()
    {
        return Err(format!("the compressed data are broken: {error}"));
    }
    if out.len() as u64 > MAX_BYTES {
        return Err(format!("larger than {MAX_BYTES} bytes when unpacked"));
    }
    Ok(out.into())
}

fn cassette(
    exchanges: Vec<Exchange>,
    observation: &Observation,
    context: &ParseContext,
    parse: fn(&Observation, &ParseContext) -> Parsed,
) -> Parsed {
    let mut parsed = Parsed::default();
    for Exchange { request, response } in exchanges {
        let status =
            response.status.as_u64().or_else(|| response.status.get("code")?.as_u64()).unwrap_or(200);
        if !(200..300).contains(&status) {
            parsed.ignore("error_answer");
            continue;
        }
        let headers: Vec<(String, String)> = response
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let value = value.as_str().or_else(|| value.get(0)?.as_str())?;
                Some((name.clone(), value.to_owned()))
            })
            // Bodies of cassettes are text already.
            .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
            .collect();
        let body = response.body.unwrap_or_default();
        if body.trim().is_empty() {
            parsed.ignore("empty_answer");
            continue;
        }
        let recorded = Observation::new(request.uri, body.into_bytes(), observation.observed_at)
            .with_response_headers(headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        parsed.append(parse(&recorded, context));
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;

    fn length(observation: &Observation, _: &ParseContext) -> Parsed {
        let mut parsed = Parsed::default();
        parsed.ignored.insert("bytes", observation.body.len() as u64);
        parsed
    }

    #[test]
    fn each_answer_of_a_cassette_is_parsed_by_itself() {
        let text = br#"[{"request":{"uri":"http://a/"},"response":{"status":{"code":200},"body":"abc"}},
                        {"request":{"uri":"http://a/"},"response":{"status":404,"body":"x"}}]"#;
        let o = Observation::new("f", &text[..], Timestamp::default());
        let parsed = each(&o, &ParseContext::default(), length);
        assert_eq!(parsed.ignored.get("bytes"), Some(&3));
        assert_eq!(parsed.ignored.get("error_answer"), Some(&1));
    }

    #[test]
    fn broken_gzip_is_refused_with_its_bytes() {
        let o = Observation::new("f", &[0x1f, 0x8b, 1, 2][..], Timestamp::default());
        assert_eq!(each(&o, &ParseContext::default(), length).problems[0].raw.len(), 4);
    }
}
