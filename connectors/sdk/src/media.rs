//! `[source.media]`: what is done with the pictures that a source's posts refer to.

use serde::{Deserialize, Serialize};
use streife_domain::{Media, MediaPolicy};

/// Formats that can be looked at.
const KNOWN_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];
/// The largest file that may be configured.
const MAX_MEGABYTES: usize = 32;
/// Most pictures of one post that may be configured.
const MAX_FILES: usize = 16;

/// Off by default: nothing is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaSettings {
    /// `address` (nothing is fetched) or `hash` (fetched, looked at, not kept).
    pub policy: MediaPolicy,
    /// Larger files are not read.
    pub max_megabytes: usize,
    /// So many pictures of one post.
    pub max_files: usize,
    /// As the server calls them.
    pub types: Vec<String>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            policy: MediaPolicy::Address,
            max_megabytes: 8,
            max_files: 4,
            types: KNOWN_TYPES.map(str::to_owned).to_vec(),
        }
    }
}

impl MediaSettings {
    /// Are pictures looked at?
    pub fn is_on(&self) -> bool {
        self.policy != MediaPolicy::Address
    }

    /// Everything that is wrong, at once.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.policy == MediaPolicy::File {
            problems.push(
                "media.policy: collected pictures are never kept; write \"hash\", and [evidence] media = \"file\" for sealed cases"
                    .to_owned(),
            );
        }
        if !(1..=MAX_MEGABYTES).contains(&self.max_megabytes) {
            problems.push(format!("media.max_megabytes: 1 to {MAX_MEGABYTES}"));
        }
        if !(1..=MAX_FILES).contains(&self.max_files) {
            problems.push(format!("media.max_files: 1 to {MAX_FILES}"));
        }
        for unknown in self.types.iter().filter(|name| !KNOWN_TYPES.contains(&name.as_str())) {
            problems
                .push(format!("media.types: {unknown:?} is not read; known are {}", KNOWN_TYPES.join(", ")));
        }
        problems
    }

    /// Is this one of the types to be looked at, as a server's `Content-Type` names it?
    pub fn takes_type(&self, content_type: &str) -> bool {
        let named = content_type.split(';').next().unwrap_or_default().trim();
        self.types.iter().any(|known| known.eq_ignore_ascii_case(named))
    }

    /// The pictures of a post that are to be fetched, by their places: with an address on the web, not known to be too large
    /// or of another type, and looked at by nobody yet.
    pub fn wanted(&self, media: &[Media]) -> Vec<usize> {
        if !self.is_on() {
            return Vec::new();
        }
        let is_wanted = |media: &Media| {
            let on_the_web = media
                .url
                .as_ref()
                .is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"));
            let of_type = media.media_type == "image" || self.takes_type(&media.media_type);
            let too_large = media.bytes.is_some_and(|bytes| bytes > self.max_bytes() as u64);
            on_the_web && of_type && !too_large && !media.is_seen()
        };
        (0..)
            .zip(media)
            .filter(|(_, media)| is_wanted(media))
            .map(|(at, _)| at)
            .take(self.max_files)
            .collect()
    }

    /// The largest file, in bytes.
    pub const fn max_bytes(&self) -> usize {
        self.max_megabytes * 1024 * 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(media_type: &str, url: &str) -> Media {
        Media { media_type: media_type.to_owned(), url: Some(url.to_owned()), ..Media::default() }
    }

    #[test]
    fn nothing_is_fetched_unless_the_configuration_says_so_and_within_its_limits() {
        let post = [
            media("image", "https://a.example/1"),
            media("image/svg+xml", "https://a.example/2"),
            media("video", "https://a.example/3"),
            media("image", "file:///etc/passwd"),
            media("image", "data:image/png;base64,AAAA"),
            Media { bytes: Some(9 << 20), ..media("image/png", "https://a.example/4") },
            Media { sha256: Some(String::new()), ..media("image/png", "https://a.example/5") },
            media("image/PNG", "http://a.example/6"),
            media("link", "https://a.example/7"),
        ];
        assert_eq!(MediaSettings::default().wanted(&post), [0_usize; 0]);
        let on = MediaSettings { policy: MediaPolicy::Hash, ..MediaSettings::default() };
        assert_eq!(on.wanted(&post), [0, 7]);
        assert_eq!(MediaSettings { max_files: 1, ..on }.wanted(&post), [0]);
    }

    #[test]
    fn settings_that_cannot_hold_are_refused() {
        let wrong: MediaSettings =
            toml::from_str("policy='file'\nmax_megabytes=0\nmax_files=99\ntypes=['image/tiff']").unwrap();
        assert_eq!(wrong.problems().len(), 4);
        assert_eq!(MediaSettings::default().problems(), [""; 0]);
    }
}
