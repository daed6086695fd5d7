namespace Sgm

open System
open System.Collections.Immutable
open Sgm.Engine

/// Who is asked to run a plan.
[<RequireQualifiedAccess>]
type By =
    /// The first exact law that applies, otherwise particles.
    | Auto
    /// An exact law, or nothing.
    | Exact
    /// Monte Carlo.
    | Particles

/// Why an interpreter cannot run a plan.
type Refusal = { Backend: string; Reason: string }

/// The interpreter that runs a plan.
type Choice =
    {
        Interpreter: IInterpreter
        /// In a sentence: what its numbers are, and why it was taken.
        Why: string
        /// The exact laws that were asked before it and could not.
        Refusals: Refusal list
    }

/// Interpreters in order of preference.
module Laws =
    /// The exact laws, the sharpest first, each with what it gives.
    let exact: (IInterpreter * string) list =
        [
            GaussianInterpreter(), "exact in closed form: the score is affine in x, so the state stays normal"
            GridInterpreter(),
            "exact by quadrature: the state is one-dimensional, and its density is carried on adaptive panels"
            ProductInterpreter(),
            "exact by quadrature: blocks of one or two coordinates are independent, and each distinct one is carried by itself"
            PlaneInterpreter(),
            "exact by quadrature: the state is in the plane, and its density is carried on even lattices"
        ]

    let private finite: (IInterpreter * string) list =
        [ FiniteInterpreter(), "exact: all states, or one coordinate of each kind where they are independent" ]

    /// The exact laws of the plan's kind of state.
    let ofState (plan: Plan) = if isNull plan.Finite then exact else finite

    /// The exact laws that cannot run the plan, and why.
    let refusals plan =
        ofState plan
        |> List.choose (fun (law, _) ->
            match law.WhyNot plan with
            | null -> None
            | reason -> Some { Backend = law.Backend; Reason = reason })

    /// The exact laws that can.
    let applicable plan = ofState plan |> List.filter (fun (law, _) -> isNull (law.WhyNot plan))

    let private exactly plan =
        match applicable plan with
        | (law, gives) :: _ -> Some { Interpreter = law; Why = gives; Refusals = [] }
        | [] -> None

    let private byParticles why refusals (plan: Plan) : Result<Choice, Refusal list> =
        let ensemble = Ensemble()

        match ensemble.WhyNot plan with
        | null -> Ok { Interpreter = ensemble; Why = why; Refusals = refusals }
        | reason -> Error(refusals @ [ { Backend = ensemble.Backend; Reason = reason } ])

    /// The interpreter to use, or why there is none.
    let choose by plan =
        match by with
        | By.Particles -> byParticles "Monte Carlo, as asked" [] plan
        | By.Exact ->
            match exactly plan with
            | Some choice -> Ok choice
            | None -> Error(refusals plan)
        | By.Auto ->
            match exactly plan with
            | Some choice -> Ok choice
            | None -> byParticles "Monte Carlo: no exact law applies" (refusals plan) plan

    /// Particles in place of an exact law that had to give up on the way, for the reason that it gave.
    let instead (choice: Choice) reason plan =
        let refusals = choice.Refusals @ [ { Backend = choice.Interpreter.Backend; Reason = reason } ]
        byParticles "Monte Carlo: the exact law could not finish" refusals plan

    /// All reasons in one line.
    let reasons refusals = String.Join("; ", refusals |> List.map (fun r -> $"{r.Backend}: {r.Reason}"))

    /// Runs a plan by the first exact law that applies; `Unsupported` with every reason when there is none.
    let run plan options =
        match choose By.Exact plan with
        | Ok choice -> choice.Interpreter.Run(plan, options)
        | Error refusals -> Outcome(RunStatus.Unsupported(reasons refusals), ImmutableArray.Empty)
