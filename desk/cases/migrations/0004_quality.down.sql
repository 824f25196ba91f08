DROP TABLE item_rules;
DROP INDEX decisions_by_post;
DROP INDEX cases_by_campaign;
DROP TABLE blind_reviews;
DROP TABLE golden_items
