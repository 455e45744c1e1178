//! Calls without a type check on each: the one place in the host with unsafe code.
//!
//! A fresh instance per call would mean comparing all types of the interface anew each time, a seventh of a call.
//! [`Checked`] compares them once and keeps the proof.
#![expect(
    unsafe_code,
    reason = "wasmtime takes a proof that was made earlier only through an unsafe function"
)]

use std::marker::PhantomData;

use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc,
};
use wasmtime::{AsContextMut, Result, format_err};

/// A function of one component that takes `Params` and gives `Answer`.
pub(crate) struct Checked<Params, Answer> {
    index: ComponentExportIndex,
    types: PhantomData<fn(Params) -> Answer>,
}

impl<Params, Answer> Checked<Params, Answer>
where
    Params: ComponentNamedList + Lower,
    Answer: ComponentNamedList + Lift,
{
    /// Compares the types with those of the component that `instance` is made from.
    pub(crate) fn new(
        mut store: impl AsContextMut,
        instance: &Instance,
        index: ComponentExportIndex,
    ) -> Result<Self> {
        instance.get_typed_func::<Params, Answer>(&mut store, &index)?;
        Ok(Self { index, types: PhantomData })
    }

    /// The function in this instance of the same component.
    pub(crate) fn of(
        &self,
        store: impl AsContextMut,
        instance: &Instance,
    ) -> Result<TypedFunc<Params, Answer>> {
        let func = instance
            .get_func(store, self.index)
            .ok_or_else(|| format_err!("the instance is not of the component that was checked"))?;
        // SAFETY: an index holds the identity of its component, and `get_func` finds nothing in an instance of another.
        // The type of an exported function is part of the component, so what `new` found for one instance is true for
        // this one.
        Ok(unsafe { TypedFunc::new_unchecked(func) })
    }
}
