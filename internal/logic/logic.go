// Package logic knows the two forms in which business logic is written: with a
// fate.Fate to tempt, and without.
package logic

import (
	"context"
	"reflect"

	"github.com/luno/fate"
)

// Func is business logic for a T, in one of two forms. A constraint that is part of
// an exported signature spells both out, so that its documentation shows them.
type Func[T any] interface {
	~func(context.Context, T) error | ~func(context.Context, fate.Fate, T) error
}

// Split returns fn as the one form that it has. The other is nil.
func Split[T any, L Func[T]](fn L) (plain func(context.Context, T) error, tempted func(context.Context, fate.Fate, T) error) {
	// A type switch would miss the named types that the constraint lets in.
	v := reflect.ValueOf(fn)
	if form := reflect.TypeFor[func(context.Context, T) error](); v.CanConvert(form) {
		return v.Convert(form).Interface().(func(context.Context, T) error), nil
	}
	form := reflect.TypeFor[func(context.Context, fate.Fate, T) error]()
	return nil, v.Convert(form).Interface().(func(context.Context, fate.Fate, T) error)
}

// Tempted returns fn in the form that takes a fate. It is what a pattern hands on to
// reflex.NewConsumer, whose option may have set the fate.
func Tempted[T any, L Func[T]](fn L) func(context.Context, fate.Fate, T) error {
	plain, tempted := Split[T](fn)
	if tempted != nil {
		return tempted
	}
	return func(ctx context.Context, _ fate.Fate, t T) error { return plain(ctx, t) }
}
