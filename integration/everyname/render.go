package everyname

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// renderer writes types in such a way that two are equal to users exactly if their texts are: without names of
// parameters, through aliases, without what is unexported, and with packages of a pair by their common name.
type renderer struct {
	names map[string]string // of packages by path
}

func newRenderer(pairs []Pair) renderer {
	r := renderer{names: make(map[string]string)}
	for _, p := range pairs {
		r.names[p.Theirs], r.names[p.Ours] = p.Name, p.Name
	}
	return r
}

// object renders what is declared. The value of a constant belongs to it.
func (r renderer) object(obj types.Object) string {
	switch o := obj.(type) {
	case *types.Const:
		return fmt.Sprintf("const %s = %s", r.typ(o.Type()), o.Val())
	case *types.Var:
		if o.IsField() {
			if o.Embedded() {
				return "embedded " + r.typ(o.Type())
			}
			return "field " + r.typ(o.Type())
		}
		return "var " + r.typ(o.Type())
	case *types.Func:
		sig := o.Signature()
		receiver := ""
		if recv := sig.Recv(); recv != nil && !types.IsInterface(recv.Type()) {
			receiver = "(value) "
			if _, ok := recv.Type().(*types.Pointer); ok {
				receiver = "(pointer) "
			}
		}
		return receiver + r.signature(sig)
	case *types.TypeName:
		if o.IsAlias() {
			return "type = " + r.typ(o.Type())
		}
		params := ""
		if named, ok := o.Type().(*types.Named); ok {
			params = r.typeParams(named.TypeParams())
		}
		return "type" + params + " " + r.declared(o.Type().Underlying())
	default:
		return obj.String()
	}
}

// declared renders the underlying type of a declaration. Of a struct users see the exported fields.
func (r renderer) declared(t types.Type) string {
	s, ok := t.(*types.Struct)
	if !ok {
		return r.typ(t)
	}
	var fields []string
	hidden := false
	for f := range s.Fields() {
		if f.Exported() {
			fields = append(fields, f.Name()+" "+r.object(f))
		} else {
			hidden = true
		}
	}
	if hidden {
		// It can be made with names of fields only, in any order.
		slices.Sort(fields)
	}
	return "struct{" + strings.Join(fields, "; ") + "}"
}

func (r renderer) typ(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		return r.named(t)
	case *types.TypeParam:
		return fmt.Sprintf("$%d", t.Index())
	case *types.Pointer:
		return "*" + r.typ(t.Elem())
	case *types.Slice:
		return "[]" + r.typ(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), r.typ(t.Elem()))
	case *types.Map:
		return "map[" + r.typ(t.Key()) + "]" + r.typ(t.Elem())
	case *types.Chan:
		return [...]string{"chan ", "chan<- ", "<-chan "}[t.Dir()] + r.typ(t.Elem())
	case *types.Signature:
		return r.signature(t)
	case *types.Interface:
		return r.iface(t)
	case *types.Union:
		var terms []string
		for term := range t.Terms() {
			tilde := ""
			if term.Tilde() {
				tilde = "~"
			}
			terms = append(terms, tilde+r.typ(term.Type()))
		}
		return strings.Join(terms, " | ")
	case *types.Struct:
		return r.declared(t)
	default:
		return t.String()
	}
}

func (r renderer) named(t *types.Named) string {
	obj := t.Obj()
	if obj.Pkg() == nil {
		return obj.Name() // error
	}
	if !obj.Exported() {
		if i, ok := t.Underlying().(*types.Interface); ok {
			return r.iface(i) // anything that has the methods will do
		}
		return "unexported"
	}
	pkg := obj.Pkg().Path()
	if name, ok := r.names[pkg]; ok {
		pkg = name
	}
	var args []string
	for a := range t.TypeArgs().Types() {
		args = append(args, r.typ(a))
	}
	if len(args) > 0 {
		return pkg + "." + obj.Name() + "[" + strings.Join(args, ", ") + "]"
	}
	return pkg + "." + obj.Name()
}

func (r renderer) iface(t *types.Interface) string {
	var parts []string
	for m := range t.Methods() { // sorted, and with those that are embedded
		name := m.Name()
		if !m.Exported() {
			name = "unexported"
		}
		parts = append(parts, name+strings.TrimPrefix(r.signature(m.Signature()), "func"))
	}
	for e := range t.EmbeddedTypes() {
		if _, ok := types.Unalias(e).(*types.Union); ok {
			parts = append(parts, r.typ(e))
		}
	}
	if len(parts) == 0 {
		return "any"
	}
	return "interface{" + strings.Join(parts, "; ") + "}"
}

func (r renderer) signature(s *types.Signature) string {
	params := r.tuple(s.Params(), s.Variadic())
	results := r.tuple(s.Results(), false)
	switch s.Results().Len() {
	case 0:
		results = ""
	case 1:
		results = " " + results
	default:
		results = " (" + results + ")"
	}
	return "func" + r.typeParams(s.TypeParams()) + "(" + params + ")" + results
}

func (r renderer) tuple(t *types.Tuple, variadic bool) string {
	var parts []string
	for v := range t.Variables() {
		parts = append(parts, r.typ(v.Type()))
	}
	if last := len(parts) - 1; variadic {
		parts[last] = "..." + strings.TrimPrefix(parts[last], "[]")
	}
	return strings.Join(parts, ", ")
}

func (r renderer) typeParams(list *types.TypeParamList) string {
	var parts []string
	for p := range list.TypeParams() {
		parts = append(parts, r.typ(p)+" "+r.typ(p.Constraint()))
	}
	if len(parts) == 0 {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
