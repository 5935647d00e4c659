package moodle

import (
	"fmt"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// fetch reads a variable, a property, an array element or any other
// expression, without complaint where it is not set: that is null.
func (r *reader) fetch(n ast.Vertex) value {
	switch e := n.(type) {
	case *ast.ExprBrackets:
		return r.fetch(e.Expr)
	case *ast.ExprErrorSuppress:
		return r.fetch(e.Expr)
	case *ast.ExprVariable:
		if _, plain := e.Name.(*ast.Identifier); !plain {
			return unknown("a variable of a variable name")
		}
		return r.variable(varName(e))
	case *ast.ExprPropertyFetch:
		return r.property(e.Var, e.Prop)
	case *ast.ExprNullsafePropertyFetch:
		return r.property(e.Var, e.Prop)
	case *ast.ExprArrayDimFetch:
		return r.element(e)
	}
	return r.eval(n)
}

func (r *reader) variable(name string) value {
	switch name {
	case "CFG":
		return unknown("$CFG as a whole")
	case "_SERVER", "_ENV", "_GET", "_POST", "_REQUEST", "_COOKIE", "GLOBALS":
		return unknown("$" + name)
	}
	return r.vars[name]
}

func (r *reader) property(object, prop ast.Vertex) value {
	if !isCFG(object) {
		return unknown("a property of an object")
	}
	key := r.propName(prop)
	if key.kind == isUnknown {
		return key
	}
	return r.cfg[key.text()]
}

// propName gives the name of a property, computed or not.
func (r *reader) propName(prop ast.Vertex) value {
	if id, ok := prop.(*ast.Identifier); ok {
		return strValue(string(id.Value))
	}
	return r.eval(prop)
}

func (r *reader) element(e *ast.ExprArrayDimFetch) value {
	if e.Dim == nil {
		return unknown("an array element without a key")
	}
	key := r.eval(e.Dim)
	if key.kind == isUnknown {
		return key
	}
	if v, ok := e.Var.(*ast.ExprVariable); ok {
		if got, super := r.superglobal(varName(v), key.text()); super {
			return got
		}
	}
	from := r.fetch(e.Var)
	switch from.kind { //nolint:exhaustive // every other kind is below
	case isArray:
		return from.arr.m[key.text()].tint(from.why)
	case isUnknown:
		return from
	case isString:
		if i := key.integer(); i >= 0 && i < int64(len(from.s)) {
			return strValue(from.s[i : i+1])
		}
	}
	return value{why: from.why}
}

// superglobal reads an element of PHP's own arrays as a command sees them.
func (r *reader) superglobal(array, key string) (value, bool) {
	switch array {
	case "_SERVER", "_ENV", "_GET", "_POST", "_REQUEST", "_COOKIE":
	default:
		return value{}, false
	}
	if own, ok := r.vars[array]; ok {
		if own.kind == isUnknown {
			return own, true
		}
		if own.kind == isArray {
			if v, ok := own.arr.m[key]; ok {
				return v, true
			}
		}
	}
	if array == "_SERVER" || array == "_ENV" {
		if v, ok := r.env[key]; ok {
			return strValue(v), true
		}
	}
	switch key {
	case "argv", "argc", "PHP_SELF", "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_TRANSLATED", "REQUEST_TIME", "REQUEST_TIME_FLOAT":
		return unknown(fmt.Sprintf("$%s['%s']", array, key)), true
	}
	return value{why: fmt.Sprintf("$%s['%s'], which only the web server knows", array, key)}, true
}

// assign sets a variable, a setting or an array element.
func (r *reader) assign(target ast.Vertex, v value) value {
	v = v.copyOf()
	switch t := target.(type) {
	case *ast.ExprBrackets:
		return r.assign(t.Expr, v)
	case *ast.ExprVariable:
		r.assignVariable(t, v)
	case *ast.ExprPropertyFetch:
		if key, ok := r.cfgKey(t); ok {
			r.cfg[key] = v
		} else if isCFG(t.Var) {
			r.halt("a setting whose name is computed")
		} else {
			r.assignInside(t.Var)
		}
	case *ast.ExprArrayDimFetch:
		r.assignElement(t, v)
	case *ast.ExprArray:
		r.assignList(t.Items, v)
	case *ast.ExprList:
		r.assignList(t.Items, v)
	}
	return v
}

func (r *reader) assignVariable(t *ast.ExprVariable, v value) {
	if _, plain := t.Name.(*ast.Identifier); !plain {
		r.halt("a variable of a variable name")
		return
	}
	name := varName(t)
	if name != "CFG" {
		r.vars[name] = v
		return
	}
	switch v.kind {
	case isArray: // $CFG = (object) [...]
		r.cfg = v.arr.m
	case isUnknown:
		r.halt(v.why)
	default:
		r.cfg = map[string]value{}
	}
}

// assignInside is an assignment to a part of something that is not followed.
func (r *reader) assignInside(holder ast.Vertex) {
	switch h := holder.(type) {
	case *ast.ExprPropertyFetch:
		if key, ok := r.cfgKey(h); ok {
			r.cfg[key] = unknown("a property of an object")
			return
		}
		r.assignInside(h.Var)
	case *ast.ExprArrayDimFetch:
		if v, ok := h.Var.(*ast.ExprVariable); ok && varName(v) == "GLOBALS" {
			r.halt("$GLOBALS")
			return
		}
		r.assignInside(h.Var)
	case *ast.ExprVariable:
		if name := varName(h); name != "CFG" && r.vars[name].why == "$CFG as a whole" {
			r.halt("another name for $CFG")
		}
	}
}

func (r *reader) assignElement(t *ast.ExprArrayDimFetch, v value) {
	var holder value
	if base, ok := t.Var.(*ast.ExprVariable); ok {
		name := varName(base)
		if name == "GLOBALS" {
			r.halt("$GLOBALS")
			return
		}
		holder = r.vars[name]
	} else {
		holder = r.fetch(t.Var)
	}
	switch holder.kind {
	case isNull:
		holder = value{kind: isArray, arr: newArray()}
	case isArray:
		holder = holder.copyOf()
	default:
		if holder.kind != isUnknown {
			holder = unknown("an element of something that is no array")
		}
		r.assign(t.Var, holder)
		return
	}
	if t.Dim == nil {
		holder.arr.add(v)
	} else {
		key := r.eval(t.Dim)
		if key.kind == isUnknown {
			r.assign(t.Var, unknown("an array with a key that comes from "+key.why))
			return
		}
		holder.arr.set(key.text(), v)
	}
	r.assign(t.Var, holder)
}

// cfgKey tells which setting a property stands for, if it is one of $CFG
// with a name that is known.
func (r *reader) cfgKey(p *ast.ExprPropertyFetch) (string, bool) {
	if !isCFG(p.Var) {
		return "", false
	}
	key := r.propName(p.Prop)
	return key.text(), key.kind != isUnknown && key.kind != isNull
}

func isCFG(n ast.Vertex) bool {
	v, ok := n.(*ast.ExprVariable)
	return ok && varName(v) == "CFG"
}

func varName(v *ast.ExprVariable) string {
	if id, ok := v.Name.(*ast.Identifier); ok {
		return strings.TrimPrefix(string(id.Value), "$")
	}
	return ""
}

// nameOf gives the last part of a name, so that \getenv is getenv.
func nameOf(n ast.Vertex) string {
	var parts []ast.Vertex
	switch t := n.(type) {
	case *ast.Identifier:
		return string(t.Value)
	case *ast.Name:
		parts = t.Parts
	case *ast.NameFullyQualified:
		parts = t.Parts
	case *ast.NameRelative:
		parts = t.Parts
	}
	if len(parts) == 0 {
		return ""
	}
	if p, ok := parts[len(parts)-1].(*ast.NamePart); ok {
		return string(p.Value)
	}
	return ""
}

func (r *reader) constant(name string) value {
	switch strings.ToLower(name) {
	case "true":
		return boolValue(true)
	case "false":
		return boolValue(false)
	case "null":
		return value{}
	}
	if v, ok := r.consts[name]; ok {
		return v
	}
	return unknown("the constant " + name)
}
