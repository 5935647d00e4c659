package moodle

import (
	"bytes"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// heredoc evaluates a text between <<<NAME and NAME, or <<<'NAME'. One whose
// end is indented, which takes that much off each line, is unknown.
func (r *reader) heredoc(e *ast.ScalarHeredoc) value {
	const what = "a text between <<< marks"
	if e.OpenHeredocTkn == nil || len(e.Parts) == 0 {
		return unknown(what)
	}
	last, ok := e.Parts[len(e.Parts)-1].(*ast.ScalarEncapsedStringPart)
	if !ok {
		return unknown(what)
	}
	body, whole := strings.CutSuffix(string(last.Value), "\n") // of the line before the end
	if !whole {
		return unknown(what + " whose end is indented")
	}
	body = strings.TrimSuffix(body, "\r")
	if bytes.ContainsRune(e.OpenHeredocTkn.Value, '\'') {
		if len(e.Parts) > 1 {
			return unknown(what)
		}
		return strValue(body)
	}
	out := strValue("")
	for i, p := range e.Parts {
		t, text := p.(*ast.ScalarEncapsedStringPart)
		switch {
		case !text:
			out = concat(out, r.encapsed([]ast.Vertex{p}))
		case strings.Contains(string(t.Value), `\"`):
			return unknown(what + ` that holds \"`) // it stays as it is there, and only there
		case i == len(e.Parts)-1:
			out = concat(out, strValue(doubleQuoted(body)))
		default:
			out = concat(out, strValue(doubleQuoted(string(t.Value))))
		}
	}
	return out
}

// classConstant knows NAME::class, which is the name itself.
func (r *reader) classConstant(e *ast.ExprClassConstFetch) value {
	id, ok := e.Const.(*ast.Identifier)
	if !ok || !strings.EqualFold(string(id.Value), "class") {
		return unknown("a class constant")
	}
	full, ok := e.Class.(*ast.NameFullyQualified)
	if !ok { // without a leading backslash it depends on namespace and use
		return unknown("the name of a class")
	}
	var parts []string
	for _, p := range full.Parts {
		if part, ok := p.(*ast.NamePart); ok {
			parts = append(parts, string(part.Value))
		}
	}
	return strValue(strings.Join(parts, `\`))
}

// plus is +, which joins two arrays and keeps what the first has.
func plus(l, o value) value {
	if l.kind == isArray && o.kind == isArray {
		return union(l, o)
	}
	return sum(l, o, 1)
}

// assignList takes an array apart: [$a, 'key' => $b] = $v.
func (r *reader) assignList(items []ast.Vertex, v value) {
	for i, item := range items {
		it, ok := item.(*ast.ExprArrayItem)
		if !ok || it.Val == nil {
			continue
		}
		key := intValue(int64(i))
		if it.Key != nil {
			key = r.eval(it.Key)
		}
		part := unknown("a list assignment")
		if v.kind == isArray && key.kind != isUnknown && it.AmpersandTkn == nil {
			part = v.arr.m[key.text()]
		}
		r.assign(it.Val, part)
	}
}

// unsetElement takes one element out of an array. What is not an array that
// is known whole is unknown from then on.
func (r *reader) unsetElement(t *ast.ExprArrayDimFetch) {
	var key value
	if t.Dim != nil {
		key = r.eval(t.Dim)
	}
	if base, ok := t.Var.(*ast.ExprVariable); ok && varName(base) == "GLOBALS" {
		r.halt("$GLOBALS")
		return
	}
	holder := r.fetch(t.Var).copyOf()
	switch {
	case holder.kind == isNull:
	case holder.kind == isArray && t.Dim != nil && key.kind != isUnknown:
		holder.arr.drop(key.text())
		r.assign(t.Var, holder)
	default:
		r.assign(t.Var, unknown("an unset"))
	}
}

func (a *phpArray) drop(key string) {
	if _, ok := a.m[key]; !ok {
		return
	}
	delete(a.m, key)
	for i, k := range a.keys {
		if k == key {
			a.keys = append(a.keys[:i:i], a.keys[i+1:]...)
			return
		}
	}
}

// castCollection is (object) or (array) of an array: the same pairs.
func (r *reader) castCollection(n ast.Vertex) value {
	var inner ast.Vertex
	switch e := n.(type) {
	case *ast.ExprCastObject:
		inner = e.Expr
	case *ast.ExprCastArray:
		inner = e.Expr
	}
	v := r.eval(inner)
	if v.kind != isArray {
		return unknown("a cast")
	}
	return v
}
