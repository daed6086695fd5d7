namespace Sgm.Verification

open System.Runtime.CompilerServices

/// What several hypotheses ask of the same plan, target or subject.
module internal Once =
    /// The same function, evaluated once an argument (by reference) and kept as long as the argument is. What throws is not kept.
    let per (find: 'key -> 'fact) : 'key -> 'fact =
        let known = ConditionalWeakTable<'key, System.Lazy<'fact>>()

        fun key ->
            known
                .GetValue(
                    key,
                    fun key ->
                        System.Lazy<_>((fun () -> find key), System.Threading.LazyThreadSafetyMode.PublicationOnly)
                )
                .Value
