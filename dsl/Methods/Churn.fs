namespace Sgm

open System.Collections.Immutable
open Sgm.Engine
open Sgm.Stepping

[<AutoOpen>]
module ChurnMethod =
    /// The flow's methods that a churned step may go on with.
    let private allowed = [ "flow"; "flowHeun"; "dpm2"; "dpmpp2s" ]

    /// From ρ up to ρ̂ = ρ(1 + g): the state rescaled, and noise of deviation S_noise·√(ρ̂² − ρ²) in x/m.
    let private raised name share noise (t: Transition) =
        let upper = Forward.atRatio t.Forward (t.Upper.Sigma / t.Upper.Mean * (1.0 + share))

        upper,
        Tableau(
            Method = name,
            From = t.Upper,
            To = upper,
            Stages = ImmutableArray.Empty,
            A = upper.Mean / t.Upper.Mean,
            B = ImmutableArray.Empty,
            C = noise * upper.Mean * t.Upper.Sigma / t.Upper.Mean * sqrt (share * (2.0 + share))
        )

    let private step name s least most noise (method: PredictorMethod) (t: Transition) =
        let rho = t.Upper.Sigma / t.Upper.Mean

        let share =
            if rho >= least && rho <= most then
                min (s / float t.Count) (sqrt 2.0 - 1.0)
            else
                0.0

        if share = 0.0 then
            method.Step t
        else
            let upper, up = raised name share noise t

            method.Step(Transition.Alone(t.Forward, upper, t.Lower))
            |> Result.map (fun down -> Instruction.Step up :: down)

    let private churning word (numbers: (string * float) list) faults s least most noise (method: PredictorMethod) =
        {
            Word = word
            Arguments = [ for _, value in numbers -> Numeral.ofFloat value ] @ [ method.ToString() ]
            Faults =
                [
                    yield! within "s" 0.0 1e9 "a churn S from 0 (none) to 1e9" s
                    yield! faults
                    if not (List.contains method.Word allowed) then
                        let expected =
                            "a method of the flow that starts anew at every step: " + String.concat ", " allowed

                        [ Segment.Part "method" ], Fault.WrongKind($"'{method.Word}'", expected, None)
                ]
            IsCustom = false
            Step = step word s least most noise method
        }

    /// Noise up to ρ(1 + min(S/n, √2 − 1)) before every one of the n steps, then the method from there.
    let churn s method = churning "churn" [ "s", s ] [] s 0.0 infinity 1.0 method

    /// The same where ρ is from S_min to S_max, the noise times S_noise.
    let churnWithin s least most noise method =
        let faults =
            [
                yield! within "sMin" 0.0 1e50 "a σ/m from 0" least
                yield! within "sMax" least 1e50 "a σ/m from S_min on" most
                yield! within "sNoise" 0.0 10.0 "a factor of the noise from 0 to 10" noise
            ]

        let numbers = [ "s", s; "sMin", least; "sMax", most; "sNoise", noise ]
        churning "churnWithin" numbers faults s least most noise method

    let internal churnEntry =
        {
            Words =
                [
                    Word.word2
                        "churn"
                        ("s", Kind.number)
                        ("method", Kind.predictor)
                        Kind.predictor
                        churn
                        "churn 10.0 flowHeun"
                        "noise up to ρ(1 + min(S/n, √2 − 1)) before every one of the n steps of an anneal, then the method from there (EDM); two steps a transition"
                ]
            Method = churn 10.0 flowHeun
            Formula = "ρ̂ = ρ(1 + min(S/n, √2 − 1)), ẑ = z + √(ρ̂² − ρ²)ξ, then the method from ρ̂ to ρ′"
            Source = "Karras et al. 2022, algorithm 2"
            UsualNames = [ "EDM stochastic sampler"; "k-diffusion sample_euler, sample_heun, sample_dpm_2 (s_churn)" ]
            Order = 2
            Evaluations = 2
        }

    let internal churnWithinEntry =
        { churnEntry with
            Words =
                [
                    Word.word5
                        "churnWithin"
                        ("s", Kind.number)
                        ("sMin", Kind.number)
                        ("sMax", Kind.number)
                        ("sNoise", Kind.number)
                        ("method", Kind.predictor)
                        Kind.predictor
                        churnWithin
                        "churnWithin 10.0 0.05 50.0 1.0 flowHeun"
                        "`churn` where σ/m is from S_min to S_max, the noise times S_noise"
                ]
            Method = churnWithin 10.0 0.05 50.0 1.0 flowHeun
            Formula = "`churn` where S_min ≤ ρ ≤ S_max, ẑ = z + S_noise·√(ρ̂² − ρ²)ξ"
            UsualNames = [ "EDM stochastic sampler"; "k-diffusion (s_churn, s_tmin, s_tmax, s_noise)" ]
        }
