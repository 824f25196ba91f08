-- Rules in shadow that matched a recent post: for the charts of those who write them. They vanish with the post.
ALTER TABLE recent_posts ADD COLUMN IF NOT EXISTS shadow_rules Array(LowCardinality(String)) AFTER rules;
