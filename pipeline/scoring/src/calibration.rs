//! From a raw output to a probability.

use serde::Deserialize;

/// Platt scaling (Platt 1999): `probability = sigmoid(scale * logit + shift)`, and the threshold of the label.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Slope; positive.
    pub scale: f64,
    /// Intercept.
    pub shift: f64,
    /// From this probability on the head is a label.
    pub threshold: f64,
}

impl Calibration {
    /// The calibrated probability, rounded to 4 decimals.
    pub fn probability(&self, logit: f32) -> f32 {
        rounded(sigmoid(self.scale * f64::from(logit) + self.shift))
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(self.scale.is_finite() && self.scale > 0.0 && self.shift.is_finite()) {
            return Err("scale must be positive, scale and shift finite");
        }
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err("threshold must lie between 0 and 1");
        }
        Ok(())
    }
}

/// The logistic function.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Rounded to 4 decimals: what leaves the crate does not pretend more, and small differences between machines vanish.
#[expect(clippy::cast_possible_truncation, reason = "a rounded score between 0 and 1")]
pub(crate) fn rounded(score: f64) -> f32 {
    ((score * 1e4).round() / 1e4) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_rise_with_the_output_and_are_rounded() {
        let calibration = Calibration { scale: 0.7, shift: -0.3, threshold: 0.5 };
        assert_eq!(calibration.probability(0.0), 0.4256);
        assert!(calibration.probability(3.0) > calibration.probability(2.0));
        assert_eq!(calibration.probability(1e30), 1.0);
        assert_eq!(calibration.probability(-1e30), 0.0);
    }
}
