namespace Sgm.Verification

open Sgm.Engine

/// What comparisons come to.
type Judgement =
    {
        /// The comparison that decides: the conclusion when all hold, the worst otherwise. None when nothing was compared.
        Decisive: Comparison option
        Verdict: Verdict
        /// Why, when not `Holds`.
        Reason: string option
        IsVacuous: bool
    }

/// Measured values against the bounds of a theorem.
module Judge =
    /// The largest value of a bound that says something, by metric: total variation below 1; χ² and KL where they bound total
    /// variation below 1 (TV ≤ ½√χ², TV ≤ √(KL/2)); W2 below that of a sampler which always returns the target's mean.
    let informativeBelow (metric: Metric) (plan: Plan) =
        metric.Match(
            tv = (fun () -> 1.0),
            kl = (fun () -> 2.0),
            chi2 = (fun () -> 4.0),
            w2 = (fun () -> sqrt (Constants.covarianceTrace plan.Target NoiseLevel.Data))
        )

    /// How many times as many particles would decide a sampled comparison whose interval narrows with the square root of their number.
    let private moreParticles (c: Comparison) =
        let value = c.Measured.Value.Value
        let away = abs (c.Bound - value)
        let half = if c.Bound > value then c.Measured.Upper - value else value - c.Measured.Lower

        if c.Measured.Confidence = 1.0 then
            ""
        elif System.Double.IsPositiveInfinity c.Measured.Upper then
            $"; {c.Measured.Reason}"
        elif away > 0.0 && System.Double.IsFinite half then
            $"; about {ceil ((half / away) ** 2.0):g3} times as many particles would decide"
        else
            "; the value is the bound, more particles may not decide"

    /// measured/bound; what has no value, or no number for a bound, is worse than any that has.
    let private ratio (c: Comparison) =
        let found = if c.Measured.Value.HasValue then c.Measured.Value.Value / c.Bound else infinity
        if System.Double.IsNaN found then infinity else found

    let private open' (c: Comparison) =
        if System.Double.IsNaN c.Bound then
            "the bound is not a number"
        elif not c.Measured.Value.HasValue then
            c.Measured.Reason
        else
            $"the bound {c.Bound:g8} lies inside the interval [{c.Measured.Lower:g8}, {c.Measured.Upper:g8}]{moreParticles c}"

    /// The verdict on a theorem's inequalities, measured on a plan; the last one is the conclusion.
    let comparisons metric plan (compared: Comparison list) =
        let verdicts = compared |> List.map (fun c -> c, Verdict.ofBound c.Measured c.Bound)

        match List.tryLast compared with
        | None ->
            {
                Decisive = None
                Verdict = Inconclusive
                Reason = Some "nothing was compared"
                IsVacuous = false
            }
        | Some final ->
            let verdict = verdicts |> List.map snd |> Verdict.all

            // When all hold the last one speaks for the theorem: it is the conclusion, the others are its steps.
            let decisive =
                if verdict = Holds then
                    final
                else
                    verdicts |> List.filter (fun (_, v) -> v = verdict) |> List.map fst |> List.maxBy ratio

            {
                Decisive = Some decisive
                Verdict = verdict
                Reason =
                    match verdict with
                    | Holds -> None
                    | Violated ->
                        Some
                            $"{decisive.What}: measured at least {decisive.Measured.Lower:g8}, above the bound {decisive.Bound:g8}"
                    | Inconclusive
                    | NotApplicable -> Some $"{decisive.What}: {open' decisive}"
                IsVacuous = not (System.Double.IsNaN final.Bound) && not (final.Bound < informativeBelow metric plan)
            }
