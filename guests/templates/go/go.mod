module {{package}}

go 1.25

require herald.dev/herald v0.1.0

require go.bytecodealliance.org/pkg v0.2.3 // indirect

replace herald.dev/herald => ./herald/go
