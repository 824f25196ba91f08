//! What changed between two texts, line by line.

/// Lines of a text that are compared at most; of longer texts everything counts as changed.
const MAX_LINES: usize = 2_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// In both.
    Same,
    /// Only in the new text.
    Added,
    /// Only in the old text.
    Removed,
}

impl Mark {
    /// CSS class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    /// The sign before the line, so that nobody needs to see colours.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Added => "+",
            Self::Removed => "−",
        }
    }
}

/// The lines of both texts in one order: by a longest common subsequence.
pub(crate) fn lines(old: &str, new: &str) -> Vec<(Mark, String)> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if a.len() > MAX_LINES || b.len() > MAX_LINES {
        let removed = a.iter().map(|line| (Mark::Removed, (*line).to_owned()));
        return removed.chain(b.iter().map(|line| (Mark::Added, (*line).to_owned()))).collect();
    }
    // common[i][j]: lines in common from a[i] and b[j] on.
    let width = b.len() + 1;
    let mut common = vec![0u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::with_capacity(a.len().max(b.len())));
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((Mark::Same, a[i].to_owned()));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            out.push((Mark::Removed, a[i].to_owned()));
            i += 1;
        } else {
            out.push((Mark::Added, b[j].to_owned()));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_line_is_one_out_and_one_in() {
        let marks: Vec<Mark> = lines("a\nb\nc", "a\nx\nc").into_iter().map(|(mark, _)| mark).collect();
        assert_eq!(marks, [Mark::Same, Mark::Removed, Mark::Added, Mark::Same]);
    }

    proptest::proptest! {
        #[test]
        fn both_texts_can_be_read_back(old in "([a-c]\n){0,12}", new in "([a-c]\n){0,12}") {
            let all = lines(&old, &new);
            let keep = |not: Mark| -> String {
                all.iter().filter(|(mark, _)| *mark != not).map(|(_, line)| format!("{line}\n")).collect()
            };
            proptest::prop_assert_eq!(keep(Mark::Added), old.clone());
            proptest::prop_assert_eq!(keep(Mark::Removed), new.clone());
            if old == new {
                proptest::prop_assert!(all.iter().all(|(mark, _)| *mark == Mark::Same));
            }
        }
    }
}
