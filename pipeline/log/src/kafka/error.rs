//! Which of the log's error classes an error of Kafka is.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::LogError;

/// `doing` says what was tried, for the message.
pub(super) fn class_of(doing: &str, error: &KafkaError) -> LogError {
    let message = format!("{doing}: {error}");
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            LogError::Refused(message)
        }
        _ => class_of_code(message, error.rdkafka_error_code()),
    }
}

pub(super) fn class_of_code(message: String, code: Option<Code>) -> LogError {
    match code {
        Some(
            Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::InvalidTopic
            | Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::InvalidReplicationFactor
            | Code::InvalidPartitions
            | Code::InvalidConfig
            | Code::PolicyViolation
            | Code::UnsupportedVersion
            | Code::InvalidArgument,
        ) => LogError::Refused(message),
        _ => LogError::Unavailable(message),
    }
}

/// A commit that came while the group was dividing its partitions anew: to be tried again once that is done.
pub(super) fn is_rebalance(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::RebalanceInProgress
                | Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::WaitingForCoordinator
        )
    )
}

/// The producer is to be made anew: it is beyond repair, or it has not delivered for so long that it may have lost its brokers for
/// good ([`super::reach`]).
pub(super) fn ends_producer(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::Fatal | Code::PurgeInflight | Code::PurgeQueue | Code::MessageTimedOut)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_pass_is_transient_and_what_cannot_is_refused() {
        let of = |code| class_of("x", &KafkaError::MessageProduction(code));
        assert!(of(Code::MessageTimedOut).is_transient());
        assert!(of(Code::BrokerTransportFailure).is_transient());
        assert!(!of(Code::MessageSizeTooLarge).is_transient());
        assert!(!of(Code::TopicAuthorizationFailed).is_transient());
    }
}
