//! One measured figure, and how it is printed.

use serde::Serialize;

use crate::say;

/// What a figure is held against, measured in the same run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) value: f64,
}

/// A measured value with its unit, and the peer's where there is one.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) figure: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) against: Option<Peer>,
}

/// The shape of a line with `--json` (`docs/cli.md`).
#[derive(Serialize)]
struct Line<'a> {
    bench: &'a str,
    figure: &'a str,
    value: f64,
    unit: &'a str,
    against: Option<&'a Peer>,
    ratio: Option<f64>,
}

impl Figure {
    pub(crate) fn new(figure: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { figure: figure.into(), value, unit, against: None }
    }

    /// The same figure of a peer, measured in the same run.
    pub(crate) fn against(mut self, name: impl Into<String>, value: f64) -> Self {
        self.against = Some(Peer { name: name.into(), value });
        self
    }

    /// Ours divided by the peer's.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let peer = self.against.as_ref()?;
        (peer.value != 0.0).then(|| self.value / peer.value)
    }

    pub(crate) fn print(&self, bench: &str, json: bool) -> anyhow::Result<()> {
        if json {
            return say::json(&Line {
                bench,
                figure: &self.figure,
                value: self.value,
                unit: self.unit,
                against: self.against.as_ref(),
                ratio: self.ratio(),
            });
        }
        let beside = match (&self.against, self.ratio()) {
            (Some(peer), Some(ratio)) => {
                format!("   {}: {} ({ratio:.2} times)", peer.name, readable(peer.value))
            }
            _ => String::new(),
        };
        say::line(&format!("  {:<48} {:>12} {}{beside}", self.figure, readable(self.value), self.unit));
        Ok(())
    }
}

/// Three significant digits below a thousand, whole numbers above.
fn readable(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1000.0 || magnitude == 0.0 {
        format!("{value:.0}")
    } else if magnitude >= 100.0 {
        format!("{value:.1}")
    } else if magnitude >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_a_peer_that_did_something() {
        assert_eq!(Figure::new("posts", 10.0, "posts/CPU-s").ratio(), None);
        assert_eq!(Figure::new("posts", 10.0, "posts/CPU-s").against("peer", 0.0).ratio(), None);
        assert_eq!(Figure::new("posts", 10.0, "posts/CPU-s").against("peer", 4.0).ratio(), Some(2.5));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(readable(12_345.6), "12346");
        assert_eq!(readable(99.123), "99.12");
        assert_eq!(readable(0.012_34), "0.0123");
    }
}
