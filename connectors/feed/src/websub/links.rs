//! Discovery (section 4 of the Recommendation): the `Link` headers go first, then the feed's own links; a JSON Feed names its hubs.

use serde::Deserialize;
use streife_sdk::Observation;
use streife_sdk::websub::HubLinks;
use url::Url;

/// Links read of one page.
const MAX_LINKS: usize = 100;

/// A JSON Feed 1.1, as far as hubs go.
#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonFeed {
    feed_url: Option<String>,
    hubs: Vec<JsonHub>,
}

#[derive(Deserialize)]
struct JsonHub {
    url: String,
}

/// The first hub and the topic; nothing where either is missing.
pub(super) fn of(observation: &Observation) -> Option<HubLinks> {
    let headers = observation.response_headers.iter().filter(|(name, _)| name == "link");
    let mut found: Vec<(String, String)> = headers.flat_map(|(_, value)| in_header(value)).collect();
    if !(has(&found, "hub") && has(&found, "self")) {
        found.extend(in_body(observation));
    }
    let base = Url::parse(&observation.url).ok()?;
    let address = |wanted: &str| {
        let (_, href) = found.iter().find(|(rel, _)| rel == wanted)?;
        let url = base.join(href).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| String::from(url))
    };
    // The topic is the publisher's own spelling: the hub compares it letter by letter.
    let (_, own) = found.iter().find(|(rel, _)| rel == "self")?;
    let topic = if Url::parse(own).is_ok() { own.clone() } else { address("self")? };
    Some(HubLinks { hub: address("hub")?, topic })
}

fn has(links: &[(String, String)], wanted: &str) -> bool {
    links.iter().any(|(rel, _)| rel == wanted)
}

/// `<address>; rel="hub self", <address>; rel=self` (RFC 8288): relation and address, one each.
fn in_header(value: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((address, parameters)) = after.split_once('>') else { break };
        let end = end_of_link(parameters);
        for parameter in parameters[..end].split(';') {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            if name.trim().eq_ignore_ascii_case("rel") {
                let relations = value.trim().trim_matches('"').split_ascii_whitespace();
                links.extend(relations.map(|rel| (rel.to_ascii_lowercase(), address.trim().to_owned())));
            }
        }
        rest = &parameters[end..];
        if links.len() >= MAX_LINKS {
            break;
        }
    }
    links
}

/// The comma behind a link's parameters; one within quotes belongs to them.
fn end_of_link(parameters: &str) -> usize {
    let mut is_quoted = false;
    for (at, c) in parameters.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => return at,
            _ => {}
        }
    }
    parameters.len()
}

/// Links of the feed itself, not of its entries.
fn in_body(observation: &Observation) -> Vec<(String, String)> {
    if let Ok(feed) = serde_json::from_slice::<JsonFeed>(&observation.body) {
        let hubs = feed.hubs.into_iter().take(MAX_LINKS).map(|hub| ("hub".to_owned(), hub.url));
        return hubs.chain(feed.feed_url.map(|url| ("self".to_owned(), url))).collect();
    }
    // Without a base, so that addresses stay as they are written.
    let Ok(feed) = feed_rs::parser::parse(&observation.body[..]) else { return Vec::new() };
    let relation = |link: feed_rs::model::Link| Some((link.rel?.to_ascii_lowercase(), link.href));
    feed.links.into_iter().take(MAX_LINKS).filter_map(relation).collect()
}

#[cfg(test)]
mod tests {
    use streife_domain::Timestamp;

    use super::*;

    fn links(body: &str, headers: &[&str]) -> Option<(String, String)> {
        let headers = headers.iter().map(|value| ("Link", *value));
        let observation = Observation::new(
            "https://x.test/blog/feed",
            body.to_owned(),
            Timestamp::from_secs(1_780_000_000),
        )
        .with_response_headers(headers);
        of(&observation).map(|links| (links.hub, links.topic))
    }

    fn some(hub: &str, topic: &str) -> Option<(String, String)> {
        Some((hub.to_owned(), topic.to_owned()))
    }

    const ATOM: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:f</id><title>t</title><updated>2026-01-02T03:04:05Z</updated><link rel='hub' href='https://hub.test/'/><link rel='self' href='https://x.test/feed'/><entry><id>urn:1</id><title>a</title><updated>2026-01-02T03:04:05Z</updated><link rel='hub' href='https://evil.test/'/></entry></feed>";
    const RSS: &str = "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>t</title><link>https://x.test/</link><atom:link rel='self' href='https://x.test/feed'/><atom:link rel='hub' href='https://hub.test/'/><item><title>a</title></item></channel></rss>";

    #[test]
    fn feeds_name_their_hub_and_themselves() {
        assert_eq!(links(ATOM, &[]), some("https://hub.test/", "https://x.test/feed"));
        assert_eq!(links(RSS, &[]), some("https://hub.test/", "https://x.test/feed"));
        let json = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"feed_url\":\"https://x.test/feed\",\"hubs\":[{\"type\":\"WebSub\",\"url\":\"https://hub.test/\"}],\"items\":[]}";
        assert_eq!(links(json, &[]), some("https://hub.test/", "https://x.test/feed"));
    }

    #[test]
    fn headers_go_first_and_come_in_every_notation() {
        let both = ["<https://h.test/a,b>; title=\"x, y\"; rel=\"hub\", <https://x.test/f>; rel=self"];
        assert_eq!(links(ATOM, &both), some("https://h.test/a,b", "https://x.test/f"));
        let two = ["<https://h.test/>; rel=hub", "<https://x.test/f>; REL=\"other self\""];
        assert_eq!(links("", &two), some("https://h.test/", "https://x.test/f"));
        assert_eq!(
            links("", &["</hub>; rel=hub, <feed2>; rel=self"]),
            some("https://x.test/hub", "https://x.test/blog/feed2")
        );
    }

    #[test]
    fn half_of_it_is_nothing() {
        assert_eq!(links("", &["<https://h.test/>; rel=hub"]), None);
        assert_eq!(
            links(&ATOM.replace("rel='hub' href='https://hub", "rel='x' href='https://hub"), &[]),
            None
        );
        assert_eq!(links("", &["<ftp://h.test/>; rel=hub, <https://x.test/f>; rel=self"]), None);
        assert_eq!(links("", &["<https://h.test/; rel=hub"]), None);
        assert_eq!(links("no feed", &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text: String) {
            in_header(&text);
        }
    }
}
