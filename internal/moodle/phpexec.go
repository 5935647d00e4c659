package moodle

import (
	"github.com/VKCOM/php-parser/pkg/ast"
	"github.com/VKCOM/php-parser/pkg/visitor/traverser"

	phpvisitor "github.com/VKCOM/php-parser/pkg/visitor"
)

// signal is how a statement ended.
type signal struct {
	kind sigKind
	val  value
}

type sigKind uint8

const (
	sigNone sigKind = iota
	sigBreak
	sigReturn
	sigExit
)

// tick counts a step and tells whether the limits still allow one.
func (r *reader) tick() bool {
	r.steps++
	if r.steps > stepLimit || r.depth > depthLimit {
		r.stop = "a config.php too long or too deep to be followed"
		return false
	}
	return !r.exited
}

func (r *reader) block(stmts []ast.Vertex) signal {
	for _, s := range stmts {
		if f, ok := s.(*ast.StmtFunction); ok {
			r.funcs[nameOf(f.Name)] = f
		}
	}
	for _, s := range stmts {
		if sig := r.exec(s); sig.kind != sigNone {
			return sig
		}
		if r.exited {
			return signal{kind: sigExit}
		}
	}
	return signal{}
}

// exec runs one statement.
func (r *reader) exec(n ast.Vertex) signal {
	if !r.tick() {
		return signal{kind: sigExit}
	}
	r.depth++
	defer func() { r.depth-- }()
	switch s := n.(type) {
	case *ast.StmtExpression:
		r.eval(s.Expr)
	case *ast.StmtStmtList:
		return r.block(s.Stmts)
	case *ast.StmtNamespace:
		return r.block(s.Stmts)
	case *ast.StmtIf:
		return r.execIf(s)
	case *ast.StmtSwitch:
		return r.execSwitch(s)
	case *ast.StmtTry:
		return r.execTry(s)
	case *ast.StmtReturn:
		var v value
		if s.Expr != nil {
			v = r.eval(s.Expr)
		}
		return signal{kind: sigReturn, val: v}
	case *ast.StmtBreak:
		return signal{kind: sigBreak}
	case *ast.StmtUnset:
		r.unset(s.Vars)
	case *ast.StmtConstList:
		for _, c := range s.Consts {
			if k, ok := c.(*ast.StmtConstant); ok {
				r.consts[nameOf(k.Name)] = r.eval(k.Expr)
			}
		}
	case *ast.StmtFor, *ast.StmtWhile, *ast.StmtDo:
		r.havoc(n, "a loop")
	case *ast.StmtForeach:
		return r.execForeach(s)
	case *ast.StmtThrow, *ast.StmtHaltCompiler:
		return signal{kind: sigExit}
	case *ast.StmtGoto:
		r.stop = "a goto"
		return signal{kind: sigExit}
	case *ast.StmtDeclare:
		if s.Stmt != nil {
			return r.exec(s.Stmt)
		}
	}
	return signal{}
}

// branch is one arm of an if: a nil cond is the else.
type branch struct {
	cond ast.Vertex
	body ast.Vertex
}

func (r *reader) execIf(s *ast.StmtIf) signal {
	arms := []branch{{s.Cond, s.Stmt}}
	for _, e := range s.ElseIf {
		if ei, ok := e.(*ast.StmtElseIf); ok {
			arms = append(arms, branch{ei.Cond, ei.Stmt})
		}
	}
	if e, ok := s.Else.(*ast.StmtElse); ok {
		arms = append(arms, branch{nil, e.Stmt})
	}
	return r.arms(arms)
}

func (r *reader) arms(arms []branch) signal {
	for i, a := range arms {
		if a.cond == nil {
			return r.exec(a.body)
		}
		c := r.eval(a.cond)
		if c.kind != isUnknown {
			if c.truth() {
				return r.exec(a.body)
			}
			continue
		}
		before := r.save()
		one := r.exec(a.body)
		after := r.save()
		exited := r.exited
		r.exited = false
		r.load(before)
		two := r.arms(arms[i+1:])
		switch {
		case one.kind == sigExit: // Moodle would not run at all on that way
			return two
		case two.kind == sigExit:
			r.exited = exited
			r.load(after)
			return one
		case one.kind != two.kind:
			r.halt("a return under a condition, " + c.why)
		}
		r.merge(after, "a condition, "+c.why)
		return two
	}
	return signal{}
}

func (r *reader) execSwitch(s *ast.StmtSwitch) signal {
	subject := r.eval(s.Cond)
	start, fallback := -1, -1
	for i, c := range s.Cases {
		switch k := c.(type) {
		case *ast.StmtDefault:
			fallback = i
		case *ast.StmtCase:
			v := r.eval(k.Cond)
			if v.kind == isUnknown || subject.kind == isUnknown {
				r.havoc(s, "a switch on "+subject.tint(v.why).why)
				return signal{}
			}
			if start < 0 && loose(subject, v) {
				start = i
			}
		}
	}
	if start < 0 {
		start = fallback
	}
	if start < 0 {
		return signal{}
	}
	for _, c := range s.Cases[start:] {
		var body []ast.Vertex
		switch k := c.(type) {
		case *ast.StmtDefault:
			body = k.Stmts
		case *ast.StmtCase:
			body = k.Stmts
		}
		sig := r.block(body)
		if sig.kind == sigBreak {
			return signal{}
		}
		if sig.kind != sigNone {
			return sig
		}
	}
	return signal{}
}

func (r *reader) execTry(s *ast.StmtTry) signal {
	sig := r.block(s.Stmts)
	if f, ok := s.Finally.(*ast.StmtFinally); ok {
		if fin := r.block(f.Stmts); fin.kind != sigNone {
			return fin
		}
	}
	return sig
}

// execForeach runs a loop over an array that is known; over anything else it
// cannot be followed.
func (r *reader) execForeach(s *ast.StmtForeach) signal {
	over := r.eval(s.Expr)
	if over.kind != isArray {
		r.havoc(s, "a loop over "+orElse(over.why, "something that is no array"))
		return signal{}
	}
	for _, k := range over.arr.copyOf().keys {
		if s.Key != nil {
			r.assign(s.Key, strValue(k))
		}
		r.assign(s.Var, over.arr.m[k])
		sig := r.exec(s.Stmt)
		if sig.kind == sigBreak {
			break
		}
		if sig.kind != sigNone {
			return sig
		}
	}
	return signal{}
}

func (r *reader) unset(vars []ast.Vertex) {
	for _, v := range vars {
		switch t := v.(type) {
		case *ast.ExprVariable:
			if name := varName(t); name == "CFG" {
				r.cfg = map[string]value{}
			} else {
				delete(r.vars, name)
			}
		case *ast.ExprPropertyFetch:
			if key, ok := r.cfgKey(t); ok {
				delete(r.cfg, key)
			} else {
				r.halt("an unset of a setting by a computed name")
			}
		case *ast.ExprArrayDimFetch:
			r.unsetElement(t)
		default:
			r.havoc(v, "an unset")
		}
	}
}

// havoc makes unknown whatever the statements in n assign anywhere.
func (r *reader) havoc(n ast.Vertex, why string) {
	w := &assigned{r: r, why: why}
	traverser.NewTraverser(w).Traverse(n)
}

// assigned visits every assignment below a node and makes its target unknown.
type assigned struct {
	phpvisitor.Null
	r   *reader
	why string
}

func (a *assigned) mark(target ast.Vertex)                           { a.r.assign(target, unknown(a.why)) }
func (a *assigned) ExprAssign(n *ast.ExprAssign)                     { a.mark(n.Var) }
func (a *assigned) ExprAssignReference(n *ast.ExprAssignReference)   { a.mark(n.Var) }
func (a *assigned) ExprAssignConcat(n *ast.ExprAssignConcat)         { a.mark(n.Var) }
func (a *assigned) ExprAssignCoalesce(n *ast.ExprAssignCoalesce)     { a.mark(n.Var) }
func (a *assigned) ExprAssignPlus(n *ast.ExprAssignPlus)             { a.mark(n.Var) }
func (a *assigned) ExprAssignMinus(n *ast.ExprAssignMinus)           { a.mark(n.Var) }
func (a *assigned) ExprAssignMul(n *ast.ExprAssignMul)               { a.mark(n.Var) }
func (a *assigned) ExprAssignDiv(n *ast.ExprAssignDiv)               { a.mark(n.Var) }
func (a *assigned) ExprAssignMod(n *ast.ExprAssignMod)               { a.mark(n.Var) }
func (a *assigned) ExprAssignPow(n *ast.ExprAssignPow)               { a.mark(n.Var) }
func (a *assigned) ExprAssignBitwiseAnd(n *ast.ExprAssignBitwiseAnd) { a.mark(n.Var) }
func (a *assigned) ExprAssignBitwiseOr(n *ast.ExprAssignBitwiseOr)   { a.mark(n.Var) }
func (a *assigned) ExprAssignBitwiseXor(n *ast.ExprAssignBitwiseXor) { a.mark(n.Var) }
func (a *assigned) ExprPreInc(n *ast.ExprPreInc)                     { a.mark(n.Var) }
func (a *assigned) ExprPreDec(n *ast.ExprPreDec)                     { a.mark(n.Var) }
func (a *assigned) ExprPostInc(n *ast.ExprPostInc)                   { a.mark(n.Var) }
func (a *assigned) ExprPostDec(n *ast.ExprPostDec)                   { a.mark(n.Var) }
func (a *assigned) StmtUnset(n *ast.StmtUnset) {
	for _, v := range n.Vars {
		if d, ok := v.(*ast.ExprArrayDimFetch); ok {
			v = d.Var
		}
		a.mark(v)
	}
}
func (a *assigned) ExprInclude(*ast.ExprInclude)         { a.r.halt(a.why) }
func (a *assigned) ExprIncludeOnce(*ast.ExprIncludeOnce) { a.r.halt(a.why) }
func (a *assigned) ExprRequire(*ast.ExprRequire)         { a.r.halt(a.why) }
func (a *assigned) ExprRequireOnce(*ast.ExprRequireOnce) { a.r.halt(a.why) }
func (a *assigned) ExprEval(*ast.ExprEval)               { a.r.halt(a.why) }
