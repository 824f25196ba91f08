//! Single-key commands: shown on their buttons, each can be given another key, all can be switched off (WCAG 2.1.4).

use std::collections::BTreeMap;

/// Commands and the keys they have unless a person chose others. Digits stay with norms and reasons.
pub const COMMANDS: [(&str, &str); 13] = [
    ("next", "n"),
    ("claim", "c"),
    ("undo", "u"),
    ("second", "s"),
    ("dismiss", "d"),
    ("danger", "!"),
    ("reveal", "v"),
    ("translate", "t"),
    ("evidence", "e"),
    ("down", "j"),
    ("up", "k"),
    ("search", "/"),
    ("help", "?"),
];

/// A person's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(BTreeMap<&'static str, String>);

impl Default for Keys {
    fn default() -> Self {
        Self(COMMANDS.into_iter().map(|(name, key)| (name, key.to_owned())).collect())
    }
}

impl Keys {
    /// The key of a command.
    pub fn of(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The keys that belong to no button, in the order that the script expects.
    pub fn moves(&self) -> String {
        ["down", "up", "search", "help"].map(|name| self.of(name)).join(" ")
    }

    /// Gives `name` another key; ignored when it is no single printable character or a digit.
    pub fn set(&mut self, name: &str, key: &str) {
        let mut chars = key.chars();
        let (Some(one), None) = (chars.next(), chars.next()) else { return };
        if one.is_control() || one.is_whitespace() || one.is_ascii_digit() {
            return;
        }
        if let Some((command, _)) = COMMANDS.into_iter().find(|(command, _)| *command == name) {
            self.0.insert(command, key.to_owned());
        }
    }

    /// The first two commands that share a key.
    pub fn clash(&self) -> Option<(&'static str, &'static str)> {
        let list: Vec<(&'static str, &String)> = self.0.iter().map(|(name, key)| (*name, key)).collect();
        list.iter().enumerate().find_map(|(n, (a, key))| {
            list[n + 1..].iter().find(|(_, other)| other == key).map(|(b, _)| (*a, *b))
        })
    }

    /// Command and key, in the order of [`COMMANDS`].
    pub fn list(&self) -> Vec<(&'static str, String)> {
        COMMANDS.into_iter().map(|(name, _)| (name, self.of(name).to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_printable_character_that_nobody_else_has() {
        let mut keys = Keys::default();
        assert_eq!(keys.clash(), None);
        for bad in ["", "ab", "1", "\n", " "] {
            keys.set("next", bad);
        }
        assert_eq!(keys.of("next"), "n");
        keys.set("next", "w");
        assert_eq!(keys.of("next"), "w");
        keys.set("undo", "w");
        assert_eq!(keys.clash(), Some(("next", "undo")));
    }
}
