//! The court set: loose files within the limits of the judiciary's mail (EGVP, eBO), split over several messages
//! where needed, each with its own covering letter. A ZIP is not a document format there (ERVV s. 2), so the
//! container never goes into such a message: the letter names it by its hash.

use streife_domain::Timestamp;

use super::zip::Files;
use crate::input::ReferralInput;
use crate::merkle::sha256_hex;
use crate::record::{self, Evidence};
use crate::report::{self, Letter, ReportError};

/// Most bytes of one message (ERVB: 200 MB), less room for the letter and the envelope.
pub const MAX_MESSAGE_BYTES: usize = 195_000_000;
/// Most files of one message (ERVB: 1000), less the letter.
pub const MAX_MESSAGE_FILES: usize = 999;

/// Why no court set was made.
#[derive(Debug, thiserror::Error)]
pub enum CourtError {
    /// One file is larger than a message may be.
    #[error(
        "{0} is larger than a message may be ({MAX_MESSAGE_BYTES} bytes); hand it over on a data carrier"
    )]
    TooLarge(String),
    /// The letter could not be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Splits files of the given sizes over messages, in order. `None` when one file alone is too large.
pub fn messages(sizes: &[usize], max_bytes: usize, max_files: usize) -> Option<Vec<Vec<usize>>> {
    let mut messages: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (at, size) in sizes.iter().copied().enumerate() {
        if size > max_bytes {
            return None;
        }
        match messages.last_mut() {
            Some(message) if size <= room && message.len() < max_files => {
                message.push(at);
                room -= size;
            }
            _ => {
                messages.push(vec![at]);
                room = max_bytes - size;
            }
        }
    }
    Some(messages)
}

/// The files of the court set; in folders `Sendung_01` ... where one message does not hold them.
pub(super) fn court_set(
    input: &ReferralInput,
    created_at: Timestamp,
    report: &[u8],
    container_sha256: &str,
    container: &str,
) -> Result<Files, CourtError> {
    let mut documents: Vec<(String, String, Vec<u8>)> =
        vec![("02_Bericht.pdf".into(), "Bericht".into(), report.to_vec())];
    for (at, item) in input.items.iter().enumerate() {
        if let Some(pdf) = &item.page_pdf {
            let name = format!("{:02}_Seitenausdruck_{:04}.pdf", documents.len() + 2, at + 1);
            documents.push((name, format!("Seitenausdruck der Sicherung {:04}", at + 1), pdf.clone()));
        }
    }
    let listed: Vec<Evidence> = documents
        .iter()
        .map(|(path, role, content)| Evidence {
            path: path.clone(),
            sha256: sha256_hex(content),
            bytes: content.len() as u64,
            role: role.clone(),
        })
        .collect();
    let data_set = record::xml(input, created_at, &listed).into_bytes();
    documents.push((format!("{:02}_Datensatz.xml", documents.len() + 2), "Datensatz".into(), data_set));
    let sizes: Vec<usize> = documents.iter().map(|(_, _, content)| content.len()).collect();
    let Some(messages) = messages(&sizes, MAX_MESSAGE_BYTES, MAX_MESSAGE_FILES) else {
        let largest = documents.iter().max_by_key(|(_, _, content)| content.len());
        return Err(CourtError::TooLarge(largest.map(|(name, ..)| name.clone()).unwrap_or_default()));
    };
    let mut files = Files::new();
    for (number, message) in messages.iter().enumerate() {
        let folder = if messages.len() == 1 { String::new() } else { format!("Sendung_{:02}/", number + 1) };
        let enclosed = message.iter().filter_map(|at| documents.get(*at));
        let letter = Letter {
            message: number + 1,
            messages: messages.len(),
            enclosed: enclosed
                .clone()
                .map(|(name, what, content)| (name.clone(), what.clone(), sha256_hex(content)))
                .collect(),
            container: container.to_owned(),
            container_sha256: container_sha256.to_owned(),
        };
        files.insert(
            format!("{folder}01_Uebersendungsschreiben.pdf"),
            report::letter(input, created_at, &letter)?,
        );
        for (name, _, content) in enclosed {
            files.insert(format!("{folder}{name}"), content.clone());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn messages_hold_every_file_once_within_the_limits(sizes in proptest::collection::vec(0usize..60, 0..50)) {
            let split = messages(&sizes, 59, 7).unwrap();
            let all: Vec<usize> = split.iter().flatten().copied().collect();
            proptest::prop_assert_eq!(all, (0..sizes.len()).collect::<Vec<_>>());
            for message in split {
                proptest::prop_assert!(message.len() <= 7);
                proptest::prop_assert!(message.iter().map(|at| sizes[*at]).sum::<usize>() <= 59);
            }
            proptest::prop_assert_eq!(messages(&[60], 59, 7), None);
        }
    }
}
