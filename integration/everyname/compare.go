package everyname

import (
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Relation is what one of our names is to the one of luno/reflex.
type Relation int

// The relations.
const (
	// Missing says that we have no such name.
	Missing Relation = iota
	// Same says that users can't tell the types apart.
	Same
	// BothForms says that ours is generic, and takes business logic in the form that theirs takes,
	// and in the older one with a fate.Fate.
	BothForms
	// Different says that the types differ in any other way.
	Different
)

// Comparison is one name of luno/reflex beside ours.
type Comparison struct {
	// Name is the name in its package, as Names has it.
	Name string
	// Relation says what ours is to theirs.
	Relation Relation
	// Theirs and Ours are the types, as text.
	Theirs, Ours string
}

// Comparer compares packages that were type-checked together.
type Comparer struct {
	pairs    []Pair
	packages map[string]*types.Package
	render   renderer
}

// NewComparer returns a Comparer of the packages by path, as Load returns them.
func NewComparer(pairs []Pair, packages map[string]*types.Package) *Comparer {
	return &Comparer{pairs: pairs, packages: packages, render: newRenderer(pairs)}
}

// Compare compares all names of luno/reflex's package of the pair with ours.
func (c *Comparer) Compare(p Pair) []Comparison {
	theirs, ours := c.packages[p.Theirs], c.packages[p.Ours]
	var all []Comparison
	for _, name := range Names(theirs) {
		all = append(all, c.compare(name, lookup(theirs, name), lookup(ours, name)))
	}
	return all
}

func (c *Comparer) compare(name string, theirs, ours types.Object) Comparison {
	res := Comparison{Name: name, Theirs: c.render.object(theirs)}
	if ours == nil {
		return res
	}
	res.Ours = c.render.object(ours)
	switch {
	case res.Ours == res.Theirs, wider(res.Theirs, res.Ours):
		res.Relation = Same
	case c.takesBothForms(theirs, ours):
		res.Relation = BothForms
	default:
		res.Relation = Different
	}
	return res
}

// wider reports whether the two are a method whose receiver is a pointer with them and a value with us: whoever
// calls theirs can call ours.
func wider(theirs, ours string) bool {
	theirs, isPointer := strings.CutPrefix(theirs, "(pointer) ")
	ours, isValue := strings.CutPrefix(ours, "(value) ")
	return isPointer && isValue && theirs == ours
}

// lookup returns what the name of Names stands for, also where it is promoted, nil if there is nothing.
func lookup(pkg *types.Package, name string) types.Object {
	if pkg == nil {
		return nil
	}
	outer, member, isMember := strings.Cut(name, ".")
	obj := pkg.Scope().Lookup(outer)
	if obj == nil || !obj.Exported() || !isMember {
		return exported(obj)
	}
	if _, ok := obj.(*types.TypeName); !ok {
		return nil
	}
	found, _, _ := types.LookupFieldOrMethod(obj.Type(), true, pkg, member)
	return exported(found)
}

func exported(obj types.Object) types.Object {
	if obj == nil || !obj.Exported() {
		return nil
	}
	return obj
}

// takesBothForms reports whether ours is theirs with one thing changed: where theirs takes business logic, a
// function of a context and something else, ours takes that and the same with a fate.Fate between.
func (c *Comparer) takesBothForms(theirs, ours types.Object) bool {
	their, ok := theirs.Type().(*types.Signature)
	if !ok {
		return false
	}
	our, ok := ours.Type().(*types.Signature)
	if !ok || our.TypeParams().Len() != 1 || their.Params().Len() != our.Params().Len() {
		return false
	}
	logic := -1
	for i := range our.Params().Len() {
		if p, ok := types.Unalias(our.Params().At(i).Type()).(*types.TypeParam); ok && p == our.TypeParams().At(0) {
			if logic >= 0 {
				return false
			}
			logic = i
		}
	}
	if logic < 0 {
		return false
	}
	// Their named type may be one of ours too, and must fit as well as the function that it is.
	declared := c.translate(their.Params().At(logic).Type())
	plain, ok := declared.Underlying().(*types.Signature)
	if !ok {
		return false
	}
	want := c.render.signature(their)
	for _, form := range []types.Type{declared, plain, c.withFate(plain)} {
		if form == nil {
			return false
		}
		inst, err := types.Instantiate(nil, our, []types.Type{form}, true)
		if err != nil {
			return false
		}
		if form == declared && c.render.signature(inst.(*types.Signature)) != want {
			return false
		}
	}
	return true
}

// translate returns their type with each of the types of their packages replaced by ours of that name. What we don't
// have is left as it is, and so equals nothing of ours.
func (c *Comparer) translate(t types.Type) types.Type {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		for _, p := range c.pairs {
			if pkg := t.Obj().Pkg(); pkg != nil && pkg.Path() == p.Theirs {
				if obj := lookup(c.packages[p.Ours], t.Obj().Name()); obj != nil {
					return types.Unalias(obj.Type())
				}
			}
		}
		return t
	case *types.Pointer:
		return types.NewPointer(c.translate(t.Elem()))
	case *types.Slice:
		return types.NewSlice(c.translate(t.Elem()))
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, c.translateAll(t.Params()), c.translateAll(t.Results()), t.Variadic())
	default:
		return t
	}
}

func (c *Comparer) translateAll(t *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range t.Variables() {
		vars = append(vars, types.NewParam(token.NoPos, nil, "", c.translate(v.Type())))
	}
	return types.NewTuple(vars...)
}

// withFate returns the older form of the function, nil if it is no business logic.
func (c *Comparer) withFate(plain *types.Signature) types.Type {
	fate := lookup(c.packages[fatePath], "Fate")
	if fate == nil || plain.Params().Len() != 2 {
		return nil
	}
	vars := slices.Collect(plain.Params().Variables())
	vars = slices.Insert(vars, 1, types.NewParam(token.NoPos, nil, "", fate.Type()))
	return types.NewSignatureType(nil, nil, nil, types.NewTuple(vars...), plain.Results(), false)
}
