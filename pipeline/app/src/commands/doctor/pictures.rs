//! Are the pictures of posts looked at as the configuration says?

use super::Finding;
use crate::config::Config;
use crate::roles::pictures::{bank, sources_with_pictures, tesseract};
use crate::say::tr;

/// Nothing where no source wants pictures.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let section = &config.collect.pictures;
    if sources_with_pictures(&config.source).is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !section.bank.is_empty() {
        let result = bank(&section.bank)
            .map(|bank| {
                let hashes = bank.map_or(0, |bank| bank.len());
                format!("{hashes} {}", tr("Hashes bekannter Bilder", "hashes of known pictures"))
            })
            .map_err(|failure| format!("{:#}", failure.error));
        findings.push(Finding::of(
            "hash banks",
            result,
            "correct the file, or its name in collect.pictures.bank",
        ));
    }
    if let Some(ocr) = &section.ocr {
        let result = tesseract(ocr)
            .map(|_| format!("{} {}", ocr.program.display(), ocr.languages))
            .map_err(|error| format!("{:#}", anyhow::Error::new(error)));
        findings.push(Finding::of(
            "text in pictures",
            result,
            "apt install tesseract-ocr tesseract-ocr-deu; where namespaces are forbidden: collect.pictures.ocr.isolation = \"limits\"",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "[[source]]\nname = 'a'\nkind = 'feed'\n[source.media]\npolicy = 'hash'\n";

    #[test]
    fn an_absent_reading_program_and_a_broken_bank_are_named_where_a_source_needs_them() {
        let needs = "[collect.pictures]\nbank = [{ file = '/nowhere/bank.txt' }]\nocr = { program = '/nowhere/tesseract', isolation = 'limits' }\n";
        let findings = check(&crate::config::read(&format!("{needs}{SOURCE}"), &[]).unwrap());
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| !finding.ok && finding.fix.is_some()));
        assert!(findings[0].detail.contains("/nowhere/bank.txt"), "{findings:?}");
        assert!(findings[1].detail.contains("tesseract-ocr"), "{findings:?}");
        assert_eq!(check(&crate::config::read(needs, &[]).unwrap()), []);
        assert_eq!(check(&crate::config::read(SOURCE, &[]).unwrap()), []);
    }
}
