//! A bank of perceptual hashes of known pictures.
//!
//! Its file is text, one hash a line: 64 hexadecimal digits, the list's name, and where there is one a category. Empty lines
//! and lines that begin with `#` say nothing. A file with a wrong line is refused as a whole: a hash that was silently left
//! out would be a picture that is silently let through.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use streife_domain::{BankMatch, Priority};

use crate::{HashIndex, MATCH_DISTANCE, Pdq};

/// Wrong lines that are named at once.
const MAX_NAMED_LINES: usize = 10;
/// Longest line.
const MAX_LINE_BYTES: usize = 1_024;
/// Different lists with their categories.
const MAX_LISTS: usize = u16::MAX as usize;

/// What a file of hashes means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// Pictures of it may not be kept, read or shown: only that it matched is recorded.
    pub never_store: bool,
    /// How urgent a match is.
    pub priority: Priority,
}

/// A bank that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The file cannot be read.
    #[error("the hash bank {file} cannot be read")]
    Io {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Some lines are wrong.
    #[error("the hash bank {file}: {}; write 64 hexadecimal digits, the list's name, a category", lines.join("; "))]
    Lines {
        /// Its name.
        file: String,
        /// The first of them.
        lines: Vec<String>,
    },
    /// More than can be numbered.
    #[error("more than {MAX_LISTS} lists or 2^32 hashes")]
    TooMany,
}

struct List {
    name: String,
    category: Option<String>,
    treatment: Treatment,
}

/// Gathers the files of a bank.
#[derive(Default)]
pub struct BankBuilder {
    hashes: Vec<Pdq>,
    list_of: Vec<u16>,
    lists: Vec<List>,
}

impl BankBuilder {
    /// Adds a file.
    ///
    /// # Errors
    /// [`BankError`], with file and line.
    pub fn add_file(&mut self, path: &Path, treatment: Treatment) -> Result<(), BankError> {
        let name = path.display().to_string();
        let unreadable = |source| BankError::Io { file: name.clone(), source };
        let file = File::open(path).map_err(unreadable)?;
        self.add(&name, BufReader::with_capacity(1 << 20, file), treatment)
    }

    /// Adds the lines of `reader`, called `file` in errors.
    ///
    /// # Errors
    /// As [`Self::add_file`].
    pub fn add(
        &mut self,
        file: &str,
        mut reader: impl BufRead,
        treatment: Treatment,
    ) -> Result<(), BankError> {
        let unreadable = |source| BankError::Io { file: file.to_owned(), source };
        let mut known: HashMap<(String, Option<String>), u16> = HashMap::new();
        let (mut line, mut wrong) = (Vec::new(), Vec::new());
        for number in 1_u64.. {
            line.clear();
            // A file without line ends must not fill the memory.
            let read = io::Read::take(&mut reader, MAX_LINE_BYTES as u64 + 1)
                .read_until(b'\n', &mut line)
                .map_err(unreadable)?;
            if read == 0 || wrong.len() >= MAX_NAMED_LINES {
                break;
            }
            match parse_line(&line) {
                Ok(None) => {}
                Ok(Some((hash, list, category))) => {
                    let key = (list.to_owned(), category.map(str::to_owned));
                    let id = match known.get(&key) {
                        Some(id) => *id,
                        None => {
                            let id = u16::try_from(self.lists.len()).map_err(|_| BankError::TooMany)?;
                            let (name, category) = key.clone();
                            self.lists.push(List { name, category, treatment });
                            known.insert(key, id);
                            id
                        }
                    };
                    self.hashes.push(hash);
                    self.list_of.push(id);
                }
                Err(what) => wrong.push(format!("line {number}: {what}")),
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(BankError::Lines { file: file.to_owned(), lines: wrong }) }
    }

    /// Builds the index.
    ///
    /// # Errors
    /// [`BankError::TooMany`].
    pub fn build(self) -> Result<Bank, BankError> {
        let index = HashIndex::new(&self.hashes).ok_or(BankError::TooMany)?;
        Ok(Bank { index, list_of: self.list_of, lists: self.lists })
    }
}

/// Hash, list, category.
type Line<'a> = (Pdq, &'a str, Option<&'a str>);

fn parse_line(line: &[u8]) -> Result<Option<Line<'_>>, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("longer than {MAX_LINE_BYTES} bytes"));
    }
    let line = std::str::from_utf8(line).map_err(|_| "no UTF-8".to_owned())?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (hash, list, category, more) = (words.next(), words.next(), words.next(), words.next());
    let Some(hash) = hash.and_then(Pdq::from_hex) else { return Err("the hash is wrong".to_owned()) };
    match (list, more) {
        (None, _) => Err("the list's name is missing".to_owned()),
        (Some(_), Some(_)) => Err("more than three words".to_owned()),
        (Some(list), None) => Ok(Some((hash, list, category))),
    }
}

/// A bank that can be asked.
pub struct Bank {
    index: HashIndex,
    list_of: Vec<u16>,
    lists: Vec<List>,
}

impl Bank {
    /// How many hashes.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The lists that know the picture, each once with its nearest hash, nearest first.
    pub fn matches(&self, hash: &Pdq) -> Vec<BankMatch> {
        let mut told = Vec::new();
        let mut found = Vec::new();
        for near in self.index.within(hash, MATCH_DISTANCE) {
            let id = self.list_of[near.position as usize];
            if told.contains(&id) {
                continue;
            }
            told.push(id);
            let list = &self.lists[id as usize];
            found.push(BankMatch {
                list: list.name.clone(),
                category: list.category.clone(),
                distance: near.distance,
                never_store: list.treatment.never_store,
                priority: list.treatment.priority,
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARRED: Treatment = Treatment { never_store: true, priority: Priority::High };

    fn bank(text: &str) -> Result<Bank, BankError> {
        let mut builder = BankBuilder::default();
        builder.add("test.txt", text.as_bytes(), BARRED)?;
        builder.build()
    }

    #[test]
    fn each_list_answers_once_with_its_nearest() {
        let zero = "0".repeat(64);
        let one = format!("{}1", "0".repeat(63));
        let bank = bank(&format!("# a comment\n\n{one} a x\n{zero} a x\r\n{one}\tb\n")).unwrap();
        let found = bank.matches(&Pdq([0; 32]));
        let told: Vec<_> =
            found.iter().map(|m| (m.list.as_str(), m.category.as_deref(), m.distance)).collect();
        assert_eq!(told, [("a", Some("x"), 0), ("b", None, 1)]);
        assert!(found.iter().all(|m| m.never_store && m.priority == Priority::High));
        assert_eq!(bank.matches(&Pdq([255; 32])), []);
    }

    #[test]
    fn a_wrong_line_refuses_the_bank_and_is_named() {
        let zero = "0".repeat(64);
        let text = format!("{zero} a\nabc a\n{zero}\n{zero} a b c\n{}\n", "0".repeat(MAX_LINE_BYTES + 1));
        let told = bank(&text).err().unwrap().to_string();
        for part in ["test.txt", "line 2: the hash", "line 3: the list's", "line 4: more", "line 5: longer"] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}
