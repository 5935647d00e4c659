package moodle

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// secretLimit is how much of a file a config.php may read into a setting.
const secretLimit = 64 << 10

// pure holds the functions of strings and numbers that config.php files use.
// They see their arguments only.
var pure = map[string]func(a []value) value{
	"trim":       func(a []value) value { return strValue(strings.Trim(text(a, 0), cutset(a))) },
	"rtrim":      func(a []value) value { return strValue(strings.TrimRight(text(a, 0), cutset(a))) },
	"chop":       func(a []value) value { return strValue(strings.TrimRight(text(a, 0), cutset(a))) },
	"ltrim":      func(a []value) value { return strValue(strings.TrimLeft(text(a, 0), cutset(a))) },
	"strtolower": func(a []value) value { return strValue(strings.ToLower(text(a, 0))) },
	"strtoupper": func(a []value) value { return strValue(strings.ToUpper(text(a, 0))) },
	"strval":     func(a []value) value { return strValue(text(a, 0)) },
	"intval":     func(a []value) value { return intValue(arg(a, 0).integer()) },
	"boolval":    func(a []value) value { return boolValue(arg(a, 0).truth()) },
	"strlen":     func(a []value) value { return intValue(int64(len(text(a, 0)))) },
	"basename":   func(a []value) value { return strValue(strings.TrimSuffix(filepath.Base(text(a, 0)), text(a, 1))) },
	"dirname":    dirname,
	"is_string":  func(a []value) value { return boolValue(arg(a, 0).kind == isString) },
	"is_null":    func(a []value) value { return boolValue(arg(a, 0).kind == isNull) },
	"is_array":   func(a []value) value { return boolValue(arg(a, 0).kind == isArray) },
	"str_replace": func(a []value) value {
		if arg(a, 0).kind == isArray || arg(a, 1).kind == isArray || arg(a, 2).kind == isArray {
			return unknown("the function str_replace() of arrays")
		}
		if text(a, 0) == "" {
			return strValue(text(a, 2))
		}
		return strValue(strings.ReplaceAll(text(a, 2), text(a, 0), text(a, 1)))
	},
	"str_starts_with": func(a []value) value { return boolValue(strings.HasPrefix(text(a, 0), text(a, 1))) },
	"str_ends_with":   func(a []value) value { return boolValue(strings.HasSuffix(text(a, 0), text(a, 1))) },
	"str_contains":    func(a []value) value { return boolValue(strings.Contains(text(a, 0), text(a, 1))) },
	"strpos": func(a []value) value {
		if i := strings.Index(text(a, 0), text(a, 1)); i >= 0 && len(a) == 2 {
			return intValue(int64(i))
		} else if len(a) == 2 {
			return boolValue(false)
		}
		return unknown("the function strpos() with an offset")
	},
	"in_array": func(a []value) value {
		if arg(a, 1).kind != isArray {
			return unknown("the function in_array() of no array")
		}
		for _, v := range a[1].arr.m {
			if !arg(a, 2).truth() && loose(a[0], v) || identical(a[0], v) {
				return boolValue(true)
			}
		}
		return boolValue(false)
	},
	"array_merge":   arrayMerge,
	"php_sapi_name": func([]value) value { return strValue("cli") },
}

// quiet holds functions that change nothing that matters here.
var quiet = map[string]bool{
	"ini_set": true, "error_reporting": true, "set_time_limit": true, "date_default_timezone_set": true, "umask": true,
	"mkdir": true, "header": true, "error_log": true, "setlocale": true, "mb_internal_encoding": true, "ob_start": true,
	"session_name": true, "spl_autoload_register": true, "register_shutdown_function": true, "var_dump": true,
	"putenv": true, "is_writable": true, "chmod": true, "gethostname": true, "php_uname": true, "time": true, "date": true,
	"json_decode": true, "file": true, "explode": true, "implode": true, "preg_replace": true, "sprintf": true, "parse_url": true,
	"parse_ini_file": true, "hash": true, "md5": true, "sha1": true, "base64_decode": true, "ini_get": true, "version_compare": true,
}

// call calls a function: one that is known, or one that the file declares.
func (r *reader) call(e *ast.ExprFunctionCall) value {
	name := strings.ToLower(nameOf(e.Function))
	var args []value
	for _, a := range e.Args {
		arg, ok := a.(*ast.Argument)
		if !ok || arg.VariadicTkn != nil || arg.Name != nil {
			return r.strange(e, name)
		}
		args = append(args, r.fetch(arg.Expr))
	}
	if f, ok := pure[name]; ok {
		tint := ""
		for _, a := range args {
			if a.kind == isUnknown {
				return a
			}
			tint = orElse(tint, a.why)
		}
		return f(args).tint(tint)
	}
	if v, ok := r.impure(name, args); ok {
		return v
	}
	for declared, f := range r.funcs {
		if strings.EqualFold(declared, name) {
			return r.callOwn(f, e, args)
		}
	}
	return r.strange(e, name)
}

// strange is a call whose effect is not known: its result is unknown, and so
// are the variables it was given.
func (r *reader) strange(e *ast.ExprFunctionCall, name string) value {
	why := "the function " + orElse(name, "of a variable name") + "()"
	if !quiet[name] {
		for _, a := range e.Args {
			if arg, ok := a.(*ast.Argument); ok {
				if v, ok := arg.Expr.(*ast.ExprVariable); ok && varName(v) != "" {
					r.assign(v, unknown(why))
				}
			}
		}
	}
	if name == "extract" {
		r.havocVars(why)
	}
	return unknown(why)
}

func (r *reader) havocVars(why string) {
	for k := range r.vars {
		r.vars[k] = unknown(why)
	}
}

// callOwn runs a function that the file itself declares.
func (r *reader) callOwn(f *ast.StmtFunction, e *ast.ExprFunctionCall, args []value) value {
	outer := r.vars
	inner := map[string]value{}
	for i, p := range f.Params {
		param, ok := p.(*ast.Parameter)
		if !ok || param.VariadicTkn != nil || param.AmpersandTkn != nil {
			r.havoc(f, "the function "+nameOf(f.Name)+"()")
			return r.strange(e, nameOf(f.Name))
		}
		v, ok := param.Var.(*ast.ExprVariable)
		switch {
		case !ok:
		case i < len(args):
			inner[varName(v)] = args[i]
		case param.DefaultValue != nil:
			inner[varName(v)] = r.eval(param.DefaultValue)
		}
	}
	r.vars = inner
	r.depth += 5
	sig := r.block(f.Stmts)
	r.depth -= 5
	r.vars = outer
	return sig.val
}

// impure holds the functions that look at the environment, at files or at
// constants.
func (r *reader) impure(name string, args []value) (value, bool) {
	for _, a := range args {
		if a.kind == isUnknown && impureNames[name] {
			return a, true
		}
	}
	tint := arg(args, 0).why
	switch name {
	case "getenv":
		if v, ok := r.env[text(args, 0)]; ok {
			return strValue(v), true
		}
		return boolValue(false).tint("the environment variable " + text(args, 0) + ", which is not set here"), true
	case "putenv":
		if k, v, ok := strings.Cut(text(args, 0), "="); ok {
			r.env[k] = v
		}
		return boolValue(true), true
	case "define":
		if _, ok := r.consts[text(args, 0)]; !ok {
			r.consts[text(args, 0)] = arg(args, 1)
		}
		return boolValue(true), true
	case "defined":
		_, ok := r.consts[text(args, 0)]
		return boolValue(ok), true
	case "constant":
		return r.constant(text(args, 0)), true
	case "file_exists", "is_readable":
		_, err := os.Stat(r.resolve(text(args, 0)))
		return boolValue(err == nil).tint(tint), true
	case "is_file":
		return boolValue(isFile(r.resolve(text(args, 0)))).tint(tint), true
	case "is_dir":
		return boolValue(isDir(r.resolve(text(args, 0)))).tint(tint), true
	case "realpath":
		p, err := filepath.EvalSymlinks(r.resolve(text(args, 0)))
		if err != nil {
			return boolValue(false).tint(tint), true
		}
		return strValue(p).tint(tint), true
	case "file_get_contents":
		src, err := readGuarded(r.resolve(text(args, 0)), secretLimit, r.owner)
		if err != nil {
			return unknown("the file " + text(args, 0) + ", which cannot be read here"), true
		}
		return strValue(string(src)).tint(tint), true
	case "function_exists":
		return boolValue(true), pure[strings.ToLower(text(args, 0))] != nil
	}
	return value{}, false
}

var impureNames = map[string]bool{
	"getenv": true, "define": true, "defined": true, "constant": true, "file_exists": true, "is_readable": true, "is_file": true,
	"is_dir": true, "realpath": true, "file_get_contents": true, "putenv": true,
}

// resolve makes a path absolute as PHP's working directory would: the reader
// runs PHP in the code root.
func (r *reader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), path)
}

func arg(a []value, i int) value {
	if i < len(a) {
		return a[i]
	}
	return value{}
}

func text(a []value, i int) string { return arg(a, i).text() }

func cutset(a []value) string {
	if len(a) > 1 {
		return text(a, 1)
	}
	return " \t\n\r\x00\x0b"
}

func dirname(a []value) value {
	p := text(a, 0)
	levels := int64(1)
	if len(a) > 1 {
		levels = a[1].integer()
	}
	for ; levels > 0 && p != "/" && p != "."; levels-- {
		p = filepath.Dir(p)
	}
	return strValue(p)
}

func arrayMerge(a []value) value {
	out := newArray()
	for _, v := range a {
		if v.kind != isArray {
			return unknown("the function array_merge() of no array")
		}
		for _, k := range v.arr.keys {
			if number(k).kind == isInt {
				out.add(v.arr.m[k])
			} else {
				out.set(k, v.arr.m[k])
			}
		}
	}
	return value{kind: isArray, arr: out}
}
