package everyname_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/integration/everyname"
)

var pair = everyname.Pair{Name: "reflex", Theirs: "their.org/reflex", Ours: "our.org/kreflex/reflex"}

// theirs and ours are two packages that users can't tell apart but where a comment says so.
const (
	theirs = `package reflex
		import "context"
		type Event struct { ID string; MetaData []byte }
		func (e *Event) IDInt() int64 { return 0 }
		type Consumer interface { Name() string; Consume(context.Context, *Event) error }
		type ConsumerFunc func(context.Context, *Event) error
		type consumer struct{}
		type ConsumerOption func(*consumer)
		type Spec struct { c Consumer; Options []ConsumerOption }
		func (s Spec) Stop() error { return nil }
		type Wrapped struct { *Event }
		type streamServer interface { Send(*Event) error }
		func Serve(s streamServer) {}
		func NewConsumer(name string, fn ConsumerFunc, opts ...ConsumerOption) Consumer { return nil }
		func Batch(fn func(context.Context, []*Event) error) {}
		type Hash int
		const HashID Hash = 1
		var Err error
	`
	ours = `package reflex
		import "context"
		import "github.com/luno/fate"
		type Event struct { ID string; MetaData []byte }
		func (event *Event) IDInt() int64 { return 1 }
		type Consumer interface { Consume(ctx context.Context, event *Event) error; Name() string }
		type ConsumerFunc func(ctx context.Context, event *Event) error
		type worker struct{ n int }
		type ConsumerOption func(*worker)
		type Spec struct { Options []ConsumerOption; hidden int }
		func (s Spec) Stop() error { return nil }
		type Wrapped struct { *Event; Extra bool } // more than theirs
		type sender interface { Send(*Event) error }
		func Serve(s sender) {}
		type Logic interface { ~func(context.Context, *Event) error | ~func(context.Context, fate.Fate, *Event) error }
		func NewConsumer[L Logic](name string, fn L, opts ...ConsumerOption) Consumer { return nil } // both forms
		func Batch[L interface{ ~func(context.Context, []*Event) error | ~func(context.Context, fate.Fate, []*Event) error }](fn L) {} // both forms
		type Hash int
		const HashID Hash = 1
		var Err error
	`
)

func TestRelationsOfNames(t *testing.T) {
	got := compareSources(t, ours)
	want := map[string]everyname.Relation{
		"Batch": everyname.BothForms, "NewConsumer": everyname.BothForms, "Wrapped": everyname.Different,
		"Consumer": everyname.Same, "Consumer.Consume": everyname.Same, "Consumer.Name": everyname.Same,
		"ConsumerFunc": everyname.Same, "ConsumerOption": everyname.Same, "Err": everyname.Same,
		"Event": everyname.Same, "Event.ID": everyname.Same, "Event.IDInt": everyname.Same, "Event.MetaData": everyname.Same,
		"Hash": everyname.Same, "HashID": everyname.Same, "Serve": everyname.Same,
		"Spec": everyname.Same, "Spec.Options": everyname.Same, "Spec.Stop": everyname.Same, "Wrapped.Event": everyname.Same,
	}
	require.Equal(t, want, got)
}

// Each change of our package that users would notice is noticed.
func TestChangesAreNoticed(t *testing.T) {
	same := compareSources(t, ours)
	tests := []struct{ name, old, changed, relates string }{
		{"a method renamed", "IDInt()", "IDInteger()", "Event.IDInt missing"},
		{"a function renamed", "func Serve", "func Server", "Serve missing"},
		{"a type hidden", "type Hash int\n\t\tconst HashID Hash", "type hash int\n\t\tconst HashID hash", "Hash missing, HashID different"},
		{"a result changed", "IDInt() int64 { return 1 }", "IDInt() int { return 1 }", "Event.IDInt different"},
		{"a parameter changed", "Serve(s sender)", "Serve(s *sender)", "Serve different"},
		{"a parameter more", "Serve(s sender)", "Serve(s sender, n int)", "Serve different"},
		{"a field of another type", "MetaData []byte", "MetaData string", "Event different, Event.MetaData different"},
		{"fields in another order", "ID string; MetaData []byte", "MetaData []byte; ID string", "Event different"},
		{"a field more", "ID string;", "ID string; Size int;", "Event different"},
		{"a receiver that must be a pointer", "(s Spec) Stop", "(s *Spec) Stop", "Spec.Stop different"},
		{"a method more to implement", "; Name() string }", "; Name() string; Close() error }", "Consumer different"},
		{"an unexported method to implement", "; Name() string }", "; Name() string; hidden() }", "Consumer different"},
		{"another constant", "HashID Hash = 1", "HashID Hash = 2", "HashID different"},
		{"a variable of another type", "var Err error", "var Err any", "Err different"},
		{"no longer embedded", "{ *Event; Extra bool }", "{ Event *Event; Extra bool }", "Wrapped.Event different"},
		{"variadic no more", "opts ...ConsumerOption", "opts []ConsumerOption", "NewConsumer different"},
		{"without the older form", "| ~func(context.Context, fate.Fate, *Event) error", "", "NewConsumer different"},
		{"without the newer form", "~func(context.Context, *Event) error |", "", "NewConsumer different"},
		{"named functions refused", "~func(context.Context, *Event) error |", "func(context.Context, *Event) error |", "NewConsumer different"},
		{"plain functions refused", "~func(context.Context, *Event) error |", "ConsumerFunc |", "NewConsumer different"},
		{"generic in the wrong place", "[L Logic](name string, fn L", "[L Logic](name L, fn ConsumerFunc", "NewConsumer different"},
		{"the other result", "opts ...ConsumerOption) Consumer", "opts ...ConsumerOption) *Spec", "NewConsumer different"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(ours, test.old), "%q in the source", test.old)
			got := compareSources(t, strings.Replace(ours, test.old, test.changed, 1))
			var changed []string
			for _, name := range sorted(same) {
				if got[name] != same[name] {
					changed = append(changed, name+map[everyname.Relation]string{everyname.Missing: " missing", everyname.Different: " different"}[got[name]])
				}
			}
			require.Equal(t, test.relates, strings.Join(changed, ", "))
		})
	}
}

// Whoever calls a method on a pointer can call one on a value.
func TestAMethodThatAValueHasTooIsTheSame(t *testing.T) {
	got := compareSources(t, strings.Replace(ours, "(event *Event) IDInt", "(event Event) IDInt", 1))
	require.Equal(t, everyname.Same, got["Event.IDInt"])
}

func TestWhatIsPromotedIsThere(t *testing.T) {
	changed := strings.NewReplacer(
		"type Event struct { ID string; MetaData []byte }", "type base struct { ID string }\ntype Event struct { base; MetaData []byte }").Replace(ours)
	require.Equal(t, everyname.Same, compareSources(t, changed)["Event.ID"])
}

func compareSources(t *testing.T, ours string) map[string]everyname.Relation {
	t.Helper()
	universe := fakeImporter{
		"context":              check(t, "context", "package context; type Context interface { Err() error }", nil),
		"github.com/luno/fate": check(t, "github.com/luno/fate", "package fate; type Fate interface { Tempt() error }", nil),
	}
	packages := map[string]*types.Package{
		"github.com/luno/fate": universe["github.com/luno/fate"],
		pair.Theirs:            check(t, pair.Theirs, theirs, universe),
		pair.Ours:              check(t, pair.Ours, ours, universe),
	}
	relations := make(map[string]everyname.Relation)
	for _, c := range everyname.NewComparer([]everyname.Pair{pair}, packages).Compare(pair) {
		relations[c.Name] = c.Relation
	}
	return relations
}

func check(t *testing.T, path, source string, importer types.Importer) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path+".go", source, 0)
	require.NoError(t, err)
	// A change of the source may leave an import unused.
	conf := types.Config{Importer: importer, Error: func(err error) {
		require.ErrorContains(t, err, "imported and not used")
	}}
	pkg, err := conf.Check(path, fset, []*ast.File{file}, nil)
	if err != nil {
		require.ErrorContains(t, err, "imported and not used")
	}
	return pkg
}

// fakeImporter has packages by path.
type fakeImporter map[string]*types.Package

func (i fakeImporter) Import(path string) (*types.Package, error) {
	if pkg, ok := i[path]; ok {
		return pkg, nil
	}
	return nil, errors.New("no package " + path)
}
