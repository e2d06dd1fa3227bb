//! Loops compiled for the instructions of the processor at hand.

/// Defines a function whose body is compiled for each instruction set that `pulp` knows of, and run with the
/// best one that the processor has. A closure handed to `Arch::dispatch` would not do: what is not inlined
/// into it is compiled for the oldest processor, fused multiply-add and all.
macro_rules! vectorised {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),* $(,)?) -> $output:ty
        $body:block
    ) => {
        $(#[$meta])*
        $visibility fn $name<$($life),*>($($argument: $type),*) -> $output {
            struct Kernel<$($life),*> {
                $($argument: $type,)*
            }
            impl<$($life),*> pulp::NullaryFnOnce for Kernel<$($life),*> {
                type Output = $output;
                #[inline(always)]
                fn call(self) -> $output {
                    // A call of its own, so that its exclusive borrows stay known to be exclusive.
                    #[inline(always)]
                    fn body<$($life),*>($($argument: $type),*) -> $output $body
                    body($(self.$argument),*)
                }
            }
            pulp::Arch::new().dispatch(Kernel { $($argument),* })
        }
    };
}

pub(crate) use vectorised;
