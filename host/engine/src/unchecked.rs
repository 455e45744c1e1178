//! What was checked earlier and is not checked again: the one place in the host with unsafe code.
//!
//! A fresh instance per call would mean comparing all types of the interface anew each time, a seventh of a call.
//! [`Checked`] compares them once and keeps the proof. Compiled code is not verified at all; [`Compiled`] is the proof that
//! it came from a compiler that this installation ran.
#![expect(
    unsafe_code,
    reason = "wasmtime takes a proof that was made earlier only through an unsafe function"
)]

use std::marker::PhantomData;

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc,
};
use wasmtime::{AsContextMut, Engine, Result, format_err};

use crate::compile::Compiled;

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

/// The component of compiled code.
pub(crate) fn deserialize(engine: &Engine, compiled: &Compiled) -> Result<Component> {
    // SAFETY: what is passed must have been made by wasmtime and not been changed since. There are three ways to a
    // `Compiled`: this process made it; or the answer of another process had the right seal, with a key that was given to
    // that process alone, which does nothing with it but `Job::run`; or a file had the right seal of this installation,
    // with a key that only its user can read, and `Compiled::keep` makes such files of a `Compiled` alone. Code of another
    // version of wasmtime, or for other settings, is refused in there.
    unsafe { Component::deserialize(engine, compiled.code()) }
}
