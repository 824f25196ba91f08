module servers
go 1.26.5
require github.com/bluesky-social/jetstream v0.1.0
