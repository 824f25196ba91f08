//! Spaces: on a site that several authorities share, the rules, lists and suppressions of one of them.
//!
//! A file whose path begins with `space/NAME/` belongs to the space NAME, every other file to the house. What a space has
//! is called `NAME/...` in the set, so it never stands in the place of what the house or another space has. A name that is
//! written in a space means the space's own list or rule first, then the house's; no text reaches another space. Rules of a
//! space hit, and its suppressions keep back, only posts of the sources that `space/NAME/sources.yaml` names: none without
//! that file.

use std::collections::BTreeMap;

use crate::yaml::{self, File, Node, NodeKind};

const FOLDER: &str = "space/";
const SOURCES_FILE: &str = "sources.yaml";
/// Between the name of a space and a name in it; no name of a rule or list holds it.
const MARK: char = '/';
/// The house and as many spaces as a number of two bytes tells apart.
const MAX_SPACES: usize = u16::MAX as usize;

/// The space of a file; empty for the house.
pub(crate) fn space_of(path: &str) -> &str {
    let inside = path.strip_prefix(FOLDER).and_then(|rest| rest.split_once(MARK));
    inside.map_or("", |(space, _)| space)
}

/// What `name`, written in `space`, is called in the set.
pub(crate) fn called(space: &str, name: &str) -> String {
    if space.is_empty() { name.to_owned() } else { format!("{space}{MARK}{name}") }
}

/// What something of `space` is called in it; `None` when it is of another.
pub(crate) fn plain<'n>(space: &str, called: &'n str) -> Option<&'n str> {
    match called.split_once(MARK) {
        None => space.is_empty().then_some(called),
        Some((owner, name)) => (owner == space).then_some(name),
    }
}

/// What `name`, written in `space`, may mean: one's own, then the house's. A name with a space in it means nothing.
pub(crate) fn meanings(space: &str, name: &str) -> impl Iterator<Item = String> {
    let own = (!space.is_empty()).then(|| called(space, name));
    own.into_iter().chain(Some(name.to_owned())).filter(|_| !name.contains(MARK))
}

/// Does this file name the sources of its space?
pub(crate) fn names_sources(path: &str) -> bool {
    let inside = path.strip_prefix(FOLDER).and_then(|rest| rest.split_once(MARK));
    inside.is_some_and(|(_, name)| name == SOURCES_FILE)
}

/// The spaces of a set, each with its sources in order. Number 0 is the house, which hits everywhere.
#[derive(Debug, Default)]
pub(crate) struct Spaces {
    numbers: BTreeMap<String, u16>,
    sources: Vec<Vec<String>>,
}

impl Spaces {
    /// The number of a space; `None` when there are too many, and what it has is left out.
    pub(crate) fn number(&mut self, space: &str) -> Option<u16> {
        if space.is_empty() {
            return Some(0);
        }
        if let Some(number) = self.numbers.get(space) {
            return Some(*number);
        }
        let number = u16::try_from(self.sources.len() + 1).ok().filter(|n| usize::from(*n) < MAX_SPACES)?;
        self.numbers.insert(space.to_owned(), number);
        self.sources.push(Vec::new());
        Some(number)
    }

    /// Reads the sources of a space from its file.
    pub(crate) fn read(&mut self, file: &File<'_>) {
        let (documents, _) = yaml::read(file);
        let Some(number) = self.number(space_of(file.path)) else { return };
        let mut sources: Vec<String> = documents.iter().flat_map(sources_of).collect();
        sources.sort();
        if let Some(own) = usize::from(number).checked_sub(1).and_then(|at| self.sources.get_mut(at)) {
            *own = sources;
        }
    }

    /// Do rules of this space see posts of this source?
    pub(crate) fn sees(&self, space: u16, source: &str) -> bool {
        usize::from(space).checked_sub(1).is_none_or(|at| {
            let own = self.sources.get(at);
            own.is_some_and(|own| own.binary_search_by(|one| one.as_str().cmp(source)).is_ok())
        })
    }

    /// What of the spaces shapes results.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.numbers.iter().map(|(space, number)| {
            let own = usize::from(*number).checked_sub(1).and_then(|at| self.sources.get(at));
            format!("space {space} {own:?}")
        })
    }
}

fn sources_of(document: &Node) -> Vec<String> {
    let NodeKind::Map(pairs) = &document.kind else { return Vec::new() };
    let named = pairs.iter().find(|(key, _)| key.text() == Some("sources"));
    match named.map(|(_, value)| &value.kind) {
        Some(NodeKind::Sequence(items)) => {
            items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_space() {
        for (path, space) in [
            ("space/nord/rule/a.yaml", "nord"),
            ("desk/rule/space/nord.yaml", ""),
            ("config/space/nord/a.yaml", ""),
            ("space/a.yaml", ""),
        ] {
            assert_eq!(space_of(path), space, "{path}");
        }
        assert!(names_sources("space/nord/sources.yaml"));
        assert!(!names_sources("space/nord/rule/sources.yaml") && !names_sources("space/sources.yaml"));
    }

    #[test]
    fn a_name_means_ones_own_first_then_the_houses_and_never_anothers() {
        let all = |space, name| meanings(space, name).collect::<Vec<_>>();
        assert_eq!(all("nord", "seen"), ["nord/seen", "seen"]);
        assert_eq!(all("", "seen"), ["seen"]);
        assert!(all("nord", "sued/seen").is_empty() && all("", "nord/seen").is_empty());
    }
}
