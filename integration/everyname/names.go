package everyname

import (
	"go/types"
	"slices"
)

// Names returns all that users can name in the package, in alphabetic order: "Run", "Event", "Event.ID",
// "Event.IDInt". Of a type that is embedded it has the field only, not what is promoted from there.
func Names(pkg *types.Package) []string {
	var names []string
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if !obj.Exported() {
			continue
		}
		names = append(names, name)
		if t, ok := obj.(*types.TypeName); ok && !t.IsAlias() {
			for _, member := range members(t.Type()) {
				names = append(names, name+"."+member)
			}
		}
	}
	slices.Sort(names)
	return names
}

// members returns the exported fields and methods that the type declares.
func members(t types.Type) []string {
	var names []string
	add := func(obj types.Object) {
		if obj.Exported() {
			names = append(names, obj.Name())
		}
	}
	if named, ok := t.(*types.Named); ok {
		for m := range named.Methods() {
			add(m)
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			add(f)
		}
	case *types.Interface:
		for m := range u.Methods() {
			add(m)
		}
	}
	return names
}
