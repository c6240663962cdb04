package reflex

import (
	"context"
	"reflect"

	"github.com/luno/fate"
)

// Logic is the business logic of a consumer, in one of two forms. The second also gets a
// fate.Fate to tempt, so that failures happen now and then on purpose.
type Logic interface {
	~func(context.Context, *Event) error | ~func(context.Context, fate.Fate, *Event) error
}

type (
	plainLogic = func(context.Context, *Event) error
	fateLogic  = func(context.Context, fate.Fate, *Event) error
)

// newLogic returns fn as the one form that the consumer calls. f returns the
// fate for the second form, and is only called if it is that.
func newLogic[L Logic](fn L, f func() fate.Fate) ConsumerFunc {
	// A type switch would miss the named types that the constraint lets in.
	v := reflect.ValueOf(fn)
	if plain := reflect.TypeFor[plainLogic](); v.CanConvert(plain) {
		return v.Convert(plain).Interface().(plainLogic)
	}
	logic := v.Convert(reflect.TypeFor[fateLogic]()).Interface().(fateLogic)
	tempter := f()
	return func(ctx context.Context, e *Event) error { return logic(ctx, tempter, e) }
}
