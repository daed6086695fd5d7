namespace Sgm

/// Which metric it is, as a complete pattern: a match that forgets one does not compile, and neither does this with a further one.
[<AutoOpen>]
module Metrics =
    let (|Tv|Kl|Chi2|W2|) (metric: Engine.Metric) =
        metric.Match<Choice<unit, unit, unit, unit>>(
            tv = (fun () -> Choice1Of4()),
            kl = (fun () -> Choice2Of4()),
            chi2 = (fun () -> Choice3Of4()),
            w2 = (fun () -> Choice4Of4())
        )
