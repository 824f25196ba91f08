//! From librdkafka's borrowed values to ours.

use bytes::Bytes;
use rdkafka::TopicPartitionList;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use crate::{Headers, Message, Record, TopicPartition};

pub(super) fn message(borrowed: &BorrowedMessage<'_>) -> Message {
    let copied = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice).unwrap_or_default();
    let headers: Headers = borrowed
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), copied(header.value))).collect())
        .unwrap_or_default();
    Message {
        topic: borrowed.topic().to_owned(),
        partition: borrowed.partition(),
        offset: borrowed.offset(),
        timestamp_ms: borrowed.timestamp().to_millis().unwrap_or_default(),
        record: Record { key: copied(borrowed.key()), value: copied(borrowed.payload()), headers },
    }
}

pub(super) fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = list.elements();
    elements
        .iter()
        .map(|element| TopicPartition { topic: element.topic().to_owned(), partition: element.partition() })
        .collect()
}
