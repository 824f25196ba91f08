module servers
go 1.23
require github.com/superseriousbusiness/gotosocial v0.17.3
