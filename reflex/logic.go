package reflex

import (
	"context"

	"github.com/luno/fate"

	"github.com/kreflex/kreflex/internal/logic"
)

// Logic is the business logic of a consumer, in one of two forms. The second also gets a
// fate.Fate to tempt, so that failures happen now and then on purpose.
type Logic interface {
	~func(context.Context, *Event) error | ~func(context.Context, fate.Fate, *Event) error
}

// newLogic returns fn as the one form that the consumer calls. f returns the
// fate for the second form, and is only called if it is that.
func newLogic[L Logic](fn L, f func() fate.Fate) ConsumerFunc {
	plain, tempted := logic.Split[*Event](fn)
	if plain != nil {
		return plain
	}
	tempter := f()
	return func(ctx context.Context, e *Event) error { return tempted(ctx, tempter, e) }
}
