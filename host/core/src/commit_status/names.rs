//! Checks of an expression before it runs: that it names only what exists, and nests no deeper than stack and time can bear.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};
use cel::{Context, ExecutionError, Value};
use std::sync::Arc;

use super::{CompileExprError, VARIABLES, functions, shorten};

/// How deep a compiled expression may nest: evaluating it takes some kilobytes of stack for each level.
const MAX_DEPTH: usize = 32;

/// How many loops may stand inside one another: each multiplies the work, and nothing interrupts it.
const MAX_LOOPS: usize = 2;

/// How deep brackets may nest in the text: the parser takes several calls for each.
const MAX_BRACKETS: usize = 24;

/// Checks how deep the text nests, before the parser walks down it.
pub(super) fn check_nesting(source: &str) -> Result<(), CompileExprError> {
    let mut depth: usize = 0;
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Err(CompileExprError::TooDeep);
        }
    }
    Ok(())
}

/// Checks every name and gives the variables that are used.
pub(super) fn check(expression: &IdedExpr) -> Result<Vec<&'static str>, CompileExprError> {
    let mut walk = Walk {
        context: Context::with_env(Arc::clone(functions::environment())),
        bound: Vec::new(),
        n_loops: 0,
        used: Vec::new(),
    };
    walk.visit(expression, 0)?;
    Ok(walk.used)
}

struct Walk<'a> {
    /// Without variables: what it resolves is a type, and what it calls is a function.
    context: Context<'a, 'a>,
    /// Names that a comprehension around this place binds.
    bound: Vec<&'a str>,
    /// How many loops are around this place.
    n_loops: usize,
    used: Vec<&'static str>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, expression: &'a IdedExpr, depth: usize) -> Result<(), CompileExprError> {
        if depth > MAX_DEPTH {
            return Err(CompileExprError::TooDeep);
        }
        let depth = depth + 1;
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.visit(&select.operand, depth),
            Expr::Call(call) => self.call(call, depth),
            Expr::List(list) => {
                list.elements.iter().try_for_each(|element| self.visit(element, depth))
            }
            Expr::Map(map) => {
                map.entries.iter().try_for_each(|entry| self.entry(&entry.expr, depth))
            }
            Expr::Struct(literal) => {
                literal.entries.iter().try_for_each(|entry| self.entry(&entry.expr, depth))
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, depth)?;
                self.visit(&comprehension.accu_init, depth)?;
                self.n_loops += 1;
                if self.n_loops > MAX_LOOPS {
                    return Err(CompileExprError::TooDeep);
                }
                let n_bound = self.bound.len();
                self.bound
                    .extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                self.bound.extend(comprehension.iter_var2.as_deref());
                self.visit(&comprehension.loop_cond, depth)?;
                self.visit(&comprehension.loop_step, depth)?;
                self.visit(&comprehension.result, depth)?;
                self.bound.truncate(n_bound);
                self.n_loops -= 1;
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr, depth: usize) -> Result<(), CompileExprError> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, depth),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, depth)?;
                self.visit(&entry.value, depth)
            }
        }
    }

    fn variable(&mut self, name: &str) -> Result<(), CompileExprError> {
        let name = name.strip_prefix('.').unwrap_or(name);
        if self.bound.contains(&name) {
            return Ok(());
        }
        if let Some(variable) = VARIABLES.into_iter().find(|variable| *variable == name) {
            if !self.used.contains(&variable) {
                self.used.push(variable);
            }
            return Ok(());
        }
        if self.exists(Expr::Ident(name.to_owned())) {
            return Ok(());
        }
        Err(CompileExprError::UnknownVariable { name: shorten(name) })
    }

    fn call(&mut self, call: &'a CallExpr, depth: usize) -> Result<(), CompileExprError> {
        call.args.iter().try_for_each(|argument| self.visit(argument, depth))?;
        // Operators are calls by names that nobody can write.
        let is_operator = !call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
        let Some(target) = &call.target else {
            let known = is_operator || self.exists(called(None, &call.func_name));
            return known.then_some(()).ok_or_else(|| unknown_function(&call.func_name));
        };
        // `sets.contains(…)` looks like a call on a variable `sets`.
        if let Some(root) = qualified_root(target)
            && !self.bound.contains(&root)
            && !VARIABLES.contains(&root)
            && self.exists(called(Some(target.as_ref().clone()), &call.func_name))
        {
            return Ok(());
        }
        self.visit(target, depth)?;
        let empty =
            IdedExpr { id: 0, expr: Expr::List(cel::common::ast::ListExpr::new(Vec::new())) };
        let known = is_operator || self.exists(called(Some(empty), &call.func_name));
        known.then_some(()).ok_or_else(|| unknown_function(&call.func_name))
    }

    /// Whether the language knows a name: only then does its use without arguments fail differently, or not at all.
    fn exists(&self, expr: Expr) -> bool {
        let result = Value::resolve(&IdedExpr { id: 0, expr }, &self.context);
        !matches!(result, Err(ExecutionError::UndeclaredReference(_)))
    }
}

fn called(target: Option<IdedExpr>, function: &str) -> Expr {
    Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: target.map(Box::new),
        args: Vec::new(),
    })
}

fn unknown_function(name: &str) -> CompileExprError {
    CompileExprError::UnknownFunction { name: shorten(name) }
}

/// The first name of `a.b.c`; none when it is something else.
fn qualified_root(expression: &IdedExpr) -> Option<&str> {
    let mut current = expression;
    loop {
        match &current.expr {
            Expr::Ident(name) => return Some(name),
            Expr::Select(select) if !select.test => current = &select.operand,
            _ => return None,
        }
    }
}
