package everyname

import (
	"fmt"
	"go/types"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"golang.org/x/tools/go/packages"
)

// Pair is a package of luno/reflex and the one of kreflex in its place.
type Pair struct {
	// Name is what both are called.
	Name string
	// Theirs and Ours are the import paths.
	Theirs, Ours string
}

// Pairs are the packages that are compared. rsql and rblob have nothing in their place: what
// takes it is the business of other packages.
func Pairs() []Pair {
	const (
		theirs = "github.com/luno/reflex"
		ours   = "github.com/kreflex/kreflex"
	)
	return []Pair{
		{"reflex", theirs, ours + "/reflex"},
		{"rpatterns", theirs + "/rpatterns", ours + "/rpatterns"},
		{"filters", theirs + "/filters", ours + "/reflex/filters"},
		{"testmock", theirs + "/testmock", ours + "/reflex/testmock"},
		{"grpctest", theirs + "/grpctest", ours + "/reflex/grpctest"},
		{"reflexpb", theirs + "/reflexpb", ours + "/reflex/reflexpb"},
	}
}

// fatePath is the package of the older form of business logic.
const fatePath = "github.com/luno/fate"

// Load type-checks the packages of all pairs as the module of this package sees them. One of ours that is
// not there is left out.
func Load(pairs []Pair) (map[string]*types.Package, error) {
	patterns := []string{fatePath}
	mayLack := make(map[string]bool)
	for _, p := range pairs {
		patterns = append(patterns, p.Theirs, p.Ours)
		mayLack[p.Ours] = true
	}
	// All in one call, so that a type of a third package is the same type in all of them.
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile,
	}, patterns...)
	if err != nil {
		return nil, errors.Wrap(err, "load packages")
	}
	found := make(map[string]*types.Package)
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			if mayLack[p.PkgPath] && p.Name == "" {
				continue
			}
			return nil, errors.New("load package", j.MKV{"package": p.PkgPath, "errors": fmt.Sprint(p.Errors)})
		}
		found[p.PkgPath] = p.Types
	}
	return found, nil
}
