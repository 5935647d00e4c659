package moodle

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// eval gives the value of an expression and carries out its assignments.
func (r *reader) eval(n ast.Vertex) value {
	if n == nil {
		return value{}
	}
	if !r.tick() {
		return unknown(orElse(r.stop, "an expression after exit"))
	}
	r.depth++
	defer func() { r.depth-- }()
	v := r.evalLeaf(n)
	if len(v.s) > textLimit {
		return unknown("a text of more than a megabyte")
	}
	return v
}

func (r *reader) evalLeaf(n ast.Vertex) value {
	switch e := n.(type) {
	case *ast.ScalarString:
		return strValue(stringLiteral(string(e.Value)))
	case *ast.ScalarLnumber:
		return number(string(e.Value))
	case *ast.ScalarDnumber:
		f, err := strconv.ParseFloat(strings.ReplaceAll(string(e.Value), "_", ""), 64)
		if err != nil {
			return unknown("a number")
		}
		return value{kind: isFloat, f: f}
	case *ast.ScalarMagicConstant:
		switch strings.ToUpper(string(e.Value)) {
		case "__DIR__":
			return strValue(filepath.Dir(r.file))
		case "__FILE__":
			return strValue(r.file)
		}
		return unknown(string(e.Value))
	case *ast.ScalarEncapsed:
		return r.encapsed(e.Parts)
	case *ast.ScalarHeredoc:
		return r.heredoc(e)
	case *ast.ExprBrackets:
		return r.eval(e.Expr)
	case *ast.ExprErrorSuppress:
		return r.eval(e.Expr)
	case *ast.ExprArray:
		return r.array(e)
	case *ast.ExprConstFetch:
		return r.constant(nameOf(e.Const))
	case *ast.ExprVariable, *ast.ExprPropertyFetch, *ast.ExprNullsafePropertyFetch, *ast.ExprArrayDimFetch:
		return r.fetch(n)
	case *ast.ExprIsset:
		for _, v := range e.Vars {
			got := r.fetch(v)
			if got.kind == isUnknown {
				return got
			}
			if got.kind == isNull {
				return boolValue(false)
			}
		}
		return boolValue(true)
	case *ast.ExprEmpty:
		got := r.fetch(e.Expr)
		if got.kind == isUnknown {
			return got
		}
		return boolValue(!got.truth())
	}
	return r.evalActive(n)
}

// evalActive evaluates what assigns, calls, includes or chooses.
func (r *reader) evalActive(n ast.Vertex) value {
	switch e := n.(type) {
	case *ast.ExprAssign:
		if _, fresh := e.Expr.(*ast.ExprNew); fresh && isCFG(e.Var) {
			r.cfg = map[string]value{}
			return value{}
		}
		return r.assign(e.Var, r.eval(e.Expr))
	case *ast.ExprAssignReference:
		r.assign(e.Var, unknown("a reference"))
		return unknown("a reference")
	case *ast.ExprAssignConcat:
		return r.assign(e.Var, concat(r.fetch(e.Var), r.eval(e.Expr)))
	case *ast.ExprAssignPlus:
		return r.assign(e.Var, plus(r.fetch(e.Var), r.eval(e.Expr)))
	case *ast.ExprAssignCoalesce:
		if now := r.fetch(e.Var); now.kind != isNull {
			return now
		}
		return r.assign(e.Var, r.eval(e.Expr))
	case *ast.ExprTernary:
		return r.ternary(e)
	case *ast.ExprMatch:
		return r.match(e)
	case *ast.ExprFunctionCall:
		return r.call(e)
	case *ast.ExprInclude:
		return r.include(r.eval(e.Expr), false, false)
	case *ast.ExprIncludeOnce:
		return r.include(r.eval(e.Expr), true, false)
	case *ast.ExprRequire:
		return r.include(r.eval(e.Expr), false, true)
	case *ast.ExprRequireOnce:
		return r.include(r.eval(e.Expr), true, true)
	case *ast.ExprExit:
		r.exited = true
		return value{}
	case *ast.ExprEval:
		r.halt("an eval()")
		return unknown("an eval()")
	case *ast.ExprCastObject, *ast.ExprCastArray:
		return r.castCollection(n)
	case *ast.ExprNew:
		return unknown("an object")
	case *ast.ExprMethodCall, *ast.ExprStaticCall, *ast.ExprNullsafeMethodCall:
		return unknown("a method call")
	case *ast.ExprClosure, *ast.ExprArrowFunction:
		return unknown("a function")
	case *ast.ExprClassConstFetch:
		return r.classConstant(e)
	}
	return r.operator(n)
}

func (r *reader) ternary(e *ast.ExprTernary) value {
	c := r.eval(e.Cond)
	if c.kind == isUnknown {
		before := r.save()
		one := c
		if e.IfTrue != nil {
			one = r.eval(e.IfTrue)
		}
		after := r.save()
		r.load(before)
		two := r.eval(e.IfFalse)
		r.merge(after, c.why)
		if identical(one, two) {
			return one
		}
		return unknown(c.why)
	}
	if !c.truth() {
		return r.eval(e.IfFalse)
	}
	if e.IfTrue == nil {
		return c
	}
	return r.eval(e.IfTrue)
}

func (r *reader) match(e *ast.ExprMatch) value {
	subject := r.eval(e.Expr)
	var fallback ast.Vertex
	for _, a := range e.Arms {
		arm, ok := a.(*ast.MatchArm)
		if !ok {
			continue
		}
		if len(arm.Exprs) == 0 {
			fallback = arm.ReturnExpr
		}
		for _, x := range arm.Exprs {
			v := r.eval(x)
			if v.kind == isUnknown || subject.kind == isUnknown {
				return unknown("a match on " + subject.tint(v.why).why)
			}
			if identical(subject, v) {
				return r.eval(arm.ReturnExpr)
			}
		}
	}
	if fallback == nil {
		return unknown("a match without a matching arm")
	}
	return r.eval(fallback)
}

// operator evaluates unary and binary operators and casts.
func (r *reader) operator(n ast.Vertex) value {
	switch e := n.(type) {
	case *ast.ExprBinaryConcat:
		return concat(r.eval(e.Left), r.eval(e.Right))
	case *ast.ExprBinaryCoalesce:
		if l := r.fetch(e.Left); l.kind != isNull {
			return l
		}
		return r.eval(e.Right)
	case *ast.ExprBooleanNot:
		return r.unary(e.Expr, func(v value) value { return boolValue(!v.truth()) })
	case *ast.ExprCastString:
		return r.unary(e.Expr, func(v value) value { return strValue(v.text()) })
	case *ast.ExprCastInt:
		return r.unary(e.Expr, func(v value) value { return intValue(v.integer()) })
	case *ast.ExprCastBool:
		return r.unary(e.Expr, func(v value) value { return boolValue(v.truth()) })
	case *ast.ExprUnaryMinus:
		return r.unary(e.Expr, func(v value) value { return intValue(-v.integer()) })
	case *ast.ExprBinaryBooleanAnd:
		return r.logic(e.Left, e.Right, false)
	case *ast.ExprBinaryLogicalAnd:
		return r.logic(e.Left, e.Right, false)
	case *ast.ExprBinaryBooleanOr:
		return r.logic(e.Left, e.Right, true)
	case *ast.ExprBinaryLogicalOr:
		return r.logic(e.Left, e.Right, true)
	case *ast.ExprBinaryEqual:
		return r.compare(e.Left, e.Right, loose)
	case *ast.ExprBinaryIdentical:
		return r.compare(e.Left, e.Right, identical)
	case *ast.ExprBinaryNotEqual:
		return r.compare(e.Left, e.Right, func(a, b value) bool { return !loose(a, b) })
	case *ast.ExprBinaryNotIdentical:
		return r.compare(e.Left, e.Right, func(a, b value) bool { return !identical(a, b) })
	case *ast.ExprBinaryPlus:
		return plus(r.eval(e.Left), r.eval(e.Right))
	case *ast.ExprBinaryMinus:
		return sum(r.eval(e.Left), r.eval(e.Right), -1)
	case *ast.ExprPrint:
		r.eval(e.Expr)
		return intValue(1)
	}
	r.havoc(n, "an expression of a kind that is not followed")
	return unknown("an expression of a kind that is not followed")
}

func (r *reader) unary(n ast.Vertex, f func(value) value) value {
	v := r.eval(n)
	if v.kind == isUnknown {
		return v
	}
	return f(v).tint(v.why)
}

// logic is && and ||; decisive is the value of the left side that decides.
func (r *reader) logic(left, right ast.Vertex, decisive bool) value {
	l := r.eval(left)
	if l.kind != isUnknown && l.truth() == decisive {
		return boolValue(decisive)
	}
	if l.kind == isUnknown {
		before := r.save()
		o := r.eval(right)
		r.merge(before, l.why)
		if o.kind != isUnknown && o.truth() == decisive {
			return boolValue(decisive)
		}
		return l
	}
	o := r.eval(right)
	if o.kind == isUnknown {
		return o
	}
	return boolValue(o.truth())
}

func (r *reader) compare(left, right ast.Vertex, f func(a, b value) bool) value {
	l, o := r.eval(left), r.eval(right)
	if l.kind == isUnknown {
		return l
	}
	if o.kind == isUnknown {
		return o
	}
	return boolValue(f(l, o))
}

func concat(a, b value) value {
	if a.kind == isUnknown {
		return a
	}
	if b.kind == isUnknown {
		return b
	}
	return strValue(a.text() + b.text()).tint(a.why).tint(b.why)
}

func sum(a, b value, sign int64) value {
	if a.kind == isUnknown || b.kind == isUnknown {
		return unknown(a.tint(b.why).why)
	}
	return intValue(a.integer() + sign*b.integer()).tint(a.why).tint(b.why)
}

func union(a, b value) value {
	c := a.copyOf()
	for _, k := range b.arr.keys {
		if _, ok := c.arr.m[k]; !ok {
			c.arr.set(k, b.arr.m[k])
		}
	}
	return c
}

// encapsed joins the parts of a double-quoted string.
func (r *reader) encapsed(parts []ast.Vertex) value {
	out := strValue("")
	for _, p := range parts {
		switch t := p.(type) {
		case *ast.ScalarEncapsedStringPart:
			out = concat(out, strValue(doubleQuoted(string(t.Value))))
		case *ast.ScalarEncapsedStringBrackets:
			out = concat(out, r.eval(t.Var))
		case *ast.ScalarEncapsedStringVar:
			v := value{kind: isUnknown, why: "a variable of a variable name"}
			if id, ok := t.Name.(*ast.Identifier); ok && t.Dim == nil {
				v = r.variable(strings.TrimPrefix(string(id.Value), "$"))
			}
			out = concat(out, v)
		default:
			out = concat(out, r.eval(p))
		}
	}
	return out
}

func (r *reader) array(e *ast.ExprArray) value {
	a := newArray()
	for _, item := range e.Items {
		it, ok := item.(*ast.ExprArrayItem)
		if !ok || it.Val == nil {
			continue
		}
		if it.EllipsisTkn != nil {
			return unknown("an array that is spread into another")
		}
		v := r.eval(it.Val).copyOf()
		if it.Key == nil {
			a.add(v)
			continue
		}
		k := r.eval(it.Key)
		if k.kind == isUnknown {
			return unknown("an array with a key that comes from " + k.why)
		}
		a.set(k.text(), v)
	}
	return value{kind: isArray, arr: a}
}

func stringLiteral(raw string) string {
	if len(raw) < 2 {
		return raw
	}
	body := raw[1 : len(raw)-1]
	switch raw[0] {
	case '\'':
		return singleQuoted(body)
	case '"':
		return doubleQuoted(body)
	}
	return raw
}

func number(lit string) value {
	n, err := strconv.ParseInt(lit, 0, 64)
	if err != nil {
		return unknown("a number")
	}
	return intValue(n)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
