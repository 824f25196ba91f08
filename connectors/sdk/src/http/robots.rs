//! robots.txt by RFC 9309: groups by product token, the longest matching rule wins, `*` and `$` in paths.

/// Rules kept of one file; more than that is no robots.txt.
const MAX_RULES: usize = 10_000;

/// A parsed robots.txt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Robots {
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    agents: Vec<String>,
    /// Allowed? and the path pattern.
    rules: Vec<(bool, String)>,
}

impl Robots {
    /// No rules.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Reads a file; lines that mean nothing are skipped, as the standard asks.
    pub fn parse(text: &str) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut in_agents = false;
        let mut count = 0;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    if !in_agents {
                        groups.push(Group::default());
                    }
                    in_agents = true;
                    if let Some(group) = groups.last_mut() {
                        group.agents.push(value.to_ascii_lowercase());
                    }
                }
                key @ ("allow" | "disallow") => {
                    in_agents = false;
                    count += 1;
                    if let Some(group) = groups.last_mut().filter(|_| !value.is_empty() && count <= MAX_RULES)
                    {
                        group.rules.push((key == "allow", value.to_owned()));
                    }
                }
                _ => {}
            }
        }
        Self { groups }
    }

    /// May `agent` (product token, lower case) read `path` (with query)?
    pub fn allows(&self, agent: &str, path: &str) -> bool {
        if path == "/robots.txt" {
            return true;
        }
        let mut named = false;
        let mut best: Option<(usize, bool)> = None;
        for pass in [agent, "*"] {
            for group in self.groups.iter().filter(|g| g.agents.iter().any(|a| a == pass)) {
                named = true;
                for (allow, pattern) in &group.rules {
                    let better = best.is_none_or(|(length, allowed)| {
                        pattern.len() > length || (pattern.len() == length && *allow && !allowed)
                    });
                    if better && matches(pattern, path) {
                        best = Some((pattern.len(), *allow));
                    }
                }
            }
            // The group for everybody counts only where none names us.
            if named {
                break;
            }
        }
        best.is_none_or(|(_, allow)| allow)
    }
}

/// Matches a pattern with `*` (anything) and a final `$` (end) against the start of a path.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, anchored) = pattern.strip_suffix('$').map_or((pattern, false), |p| (p, true));
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = if anchored { parts.pop() } else { None };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    match (anchored, last) {
        (false, _) => true,
        (true, Some(last)) => rest.ends_with(last),
        (true, None) => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_wins_and_allow_wins_ties() {
        let robots = Robots::parse(
            "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /*.pdf$\nAllow: /t\nDisallow: /t",
        );
        assert!(!robots.allows("streife", "/a/x"));
        assert!(robots.allows("streife", "/a/b/x"));
        assert!(!robots.allows("streife", "/x/y.pdf"));
        assert!(robots.allows("streife", "/x/y.pdf?z"));
        assert!(robots.allows("streife", "/t"));
    }

    #[test]
    fn a_group_that_names_us_replaces_the_group_for_all() {
        let robots = Robots::parse(
            "User-agent: *\nDisallow: /\n\nUser-agent: Streife\nuser-agent: other\nDisallow: /private",
        );
        assert!(robots.allows("streife", "/"));
        assert!(!robots.allows("streife", "/private/x"));
        assert!(!robots.allows("someone", "/"));
    }

    #[test]
    fn an_empty_disallow_allows_everything() {
        assert!(Robots::parse("User-agent: *\nDisallow:").allows("streife", "/x"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: String, path: String) {
            Robots::parse(&text).allows("streife", &path);
        }
    }
}
