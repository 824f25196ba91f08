//! Chains the stages: retry, back-pressure, shutdown, health, metrics.
