//! Sitemaps: which pages a site has, and when each last changed (sitemaps.org, 0.9).

use streife_sdk::Observation;
use streife_sdk::html;
use streife_sdk::listing::{Entry, List};

/// Addresses read of one sitemap: what the format allows.
const MAX_LOCATIONS: usize = 50_000;

/// Reads a sitemap or an index of sitemaps. Only addresses of the sitemap's own host count.
pub(crate) fn entries(observation: &Observation, _: &List) -> Result<Vec<Entry>, String> {
    let text = html::decode(observation);
    let is_index = text.contains("<sitemapindex");
    if !is_index && !text.contains("<urlset") {
        return Err("neither a sitemap nor an index of sitemaps".to_owned());
    }
    let host = host_of(&observation.url);
    let element = if is_index { "sitemap" } else { "url" };
    Ok(elements(&text, element)
        .take(MAX_LOCATIONS)
        .filter_map(|entry| {
            let url = value(entry, "loc").filter(|url| host_of(url) == host)?;
            if is_index {
                return Some(Entry::List(url));
            }
            let version = value(entry, "lastmod").unwrap_or_default();
            Some(Entry::Item { key: url.clone(), version, url })
        })
        .collect())
}

fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"))?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// The contents of `<name>` elements.
fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let body = &rest[rest.find(&open)? + open.len()..];
        let end = body.find(&close)?;
        rest = &body[end + close.len()..];
        Some(&body[..end])
    })
}

fn value(entry: &str, name: &str) -> Option<String> {
    let text = elements(entry, name).next()?.trim();
    let text = text.strip_prefix("<![CDATA[").and_then(|t| t.strip_suffix("]]>")).unwrap_or(text);
    Some(html::content(text).text).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::Timestamp;
    use streife_sdk::{ParseContext, Request};

    fn read(text: &str) -> Result<Vec<Entry>, String> {
        let list = List { request: Request::get(""), context: ParseContext::default() };
        let o =
            Observation::new("https://x.test/sitemap.xml", text.as_bytes().to_vec(), Timestamp::default());
        entries(&o, &list)
    }

    #[test]
    fn pages_of_the_own_host_with_their_dates() {
        let found = read(
            "<urlset><url><loc>https://x.test/a?b=1&amp;c=2</loc><lastmod>2026-01-02</lastmod></url><url><loc>https://other.test/</loc></url><url><loc>file:///etc</loc></url></urlset>",
        );
        let wanted = Entry::Item {
            key: "https://x.test/a?b=1&c=2".to_owned(),
            version: "2026-01-02".to_owned(),
            url: "https://x.test/a?b=1&c=2".to_owned(),
        };
        assert_eq!(found, Ok(vec![wanted]));
    }

    #[test]
    fn an_index_leads_on_and_nonsense_is_refused() {
        let found = read("<sitemapindex><sitemap><loc>https://x.test/1.xml</loc></sitemap></sitemapindex>");
        assert_eq!(found, Ok(vec![Entry::List("https://x.test/1.xml".to_owned())]));
        assert!(read("<html>").is_err());
        assert_eq!(read("<urlset><url><loc>https://x.test/a"), Ok(vec![]));
    }
}
