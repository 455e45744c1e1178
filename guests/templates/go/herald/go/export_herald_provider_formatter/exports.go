// Package export_herald_provider_formatter is what the generated code calls: it passes each call on to the module that is
// served.
package export_herald_provider_formatter

import (
	"errors"

	"go.bytecodealliance.org/pkg/wit/types"
	formatter "herald.dev/herald/herald_provider_formatter"
)

// Module is what an author writes.
type Module interface {
	// Describe says what the host needs to know before the first delivery.
	Describe() formatter.Description
	// Check says everything that is wrong with a Provider and can be told without an event.
	Check(provider formatter.Provider) []string
	// Next says what to send for one event.
	Next(delivery formatter.Delivery) (formatter.Action, error)
}

// Served is the module of this program.
var Served Module

// Failed is a failure of the interface as an error.
type Failed struct{ Failure formatter.Failure }

func (*Failed) Error() string { return "the delivery cannot go on" }

func Describe() formatter.Description { return Served.Describe() }

func Check(provider formatter.Provider) []string { return Served.Check(provider) }

func Next(delivery formatter.Delivery) wit_types.Result[formatter.Action, formatter.Failure] {
	action, err := Served.Next(delivery)
	if err == nil {
		return wit_types.Ok[formatter.Action, formatter.Failure](action)
	}
	var failed *Failed
	if errors.As(err, &failed) {
		return wit_types.Err[formatter.Action, formatter.Failure](failed.Failure)
	}
	// An error that is no failure of the interface is a bug of the module, as a panic is.
	panic(err)
}
