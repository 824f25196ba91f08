//go:build tools

// Package servers pins the server by go.mod and go.sum; nothing of it is in this repository.
package servers

import _ "github.com/bluesky-social/jetstream/cmd/jetstream"
