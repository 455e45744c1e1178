//! The functions that an expression can call: the standard library with strings and encoders as `cel` has them, and
//! what Flux's language has besides: sets, and the ends of a list.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelOptional, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, extensions};

/// The environment that all expressions share.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        env.set_error_on_duplicate_map_keys(false);
        extend(&mut env).expect("the names below are declared once each");
        Arc::new(env)
    });
    &ENVIRONMENT
}

fn extend(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::encoders)?;
    env.add_member_overload("first", "list.first()", LIST_TYPE, vec![], first)?;
    env.add_member_overload("last", "list.last()", LIST_TYPE, vec![], last)?;
    let two_lists = || vec![LIST_TYPE, LIST_TYPE];
    env.add_overload("sets.contains", "sets.contains(list,list)", two_lists(), sets_contains)?;
    env.add_overload(
        "sets.equivalent",
        "sets.equivalent(list,list)",
        two_lists(),
        sets_equivalent,
    )?;
    env.add_overload("sets.intersects", "sets.intersects(list,list)", two_lists(), sets_intersects)
}

type Returned<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

fn first<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Returned<'b, 'v> {
    let [list] = exactly(args)?;
    let item = items(list.as_ref())?.first().map(|item| item.clone_as_boxed());
    Ok(CowVal::owned(CelOptional::from(item)))
}

fn last<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Returned<'b, 'v> {
    let [list] = exactly(args)?;
    let item = items(list.as_ref())?.last().map(|item| item.clone_as_boxed());
    Ok(CowVal::owned(CelOptional::from(item)))
}

fn sets_contains<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Returned<'b, 'v> {
    let [list, part] = exactly(args)?;
    Ok(boolean(has_all(&items(list.as_ref())?, &items(part.as_ref())?)))
}

fn sets_equivalent<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Returned<'b, 'v> {
    let [one, other] = exactly(args)?;
    let (one, other) = (items(one.as_ref())?, items(other.as_ref())?);
    Ok(boolean(has_all(&one, &other) && has_all(&other, &one)))
}

fn sets_intersects<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Returned<'b, 'v> {
    let [one, other] = exactly(args)?;
    let (one, other) = (items(one.as_ref())?, items(other.as_ref())?);
    Ok(boolean(one.iter().any(|item| other.iter().any(|wanted| item.equals(*wanted)))))
}

fn exactly<'b, 'v, const N: usize>(
    args: Vec<CowVal<'b, 'v>>,
) -> Result<[CowVal<'b, 'v>; N], ExecutionError> {
    args.try_into().map_err(|args: Vec<_>| ExecutionError::invalid_argument_count(N, args.len()))
}

fn items<'b, 'v>(list: &'b (dyn Val + 'v)) -> Result<Vec<&'b (dyn Val + 'v)>, ExecutionError> {
    let iterable = list.as_iterable().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let mut iterator = iterable.iter();
    Ok(std::iter::from_fn(|| iterator.next()).collect())
}

fn has_all(list: &[&dyn Val], part: &[&dyn Val]) -> bool {
    part.iter().all(|wanted| list.iter().any(|item| item.equals(*wanted)))
}

fn boolean<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}
