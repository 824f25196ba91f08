-- Answers to a post are found by the native id they name; without an index each look at an item read that column whole.
ALTER TABLE flagged_identities ADD INDEX IF NOT EXISTS by_reply reply_to TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE flagged_identities MATERIALIZE INDEX by_reply;
