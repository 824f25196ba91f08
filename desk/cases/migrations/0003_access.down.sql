DROP TABLE bulk_items;
DROP TABLE outbox;
DROP TABLE api_tokens
