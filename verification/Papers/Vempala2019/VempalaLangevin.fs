/// Vempala and Wibisono 2019: Langevin Monte Carlo in relative entropy under a log-Sobolev inequality.
module Sgm.Verification.Theorems.VempalaLangevin

open Sgm
open Sgm.Engine
open Sgm.Verification
open Sgm.Verification.Certificates
open Sgm.Verification.Scenarios
open Sgm.Verification.Theorems.LangevinNormals

type private Constants = { D: float; L: float; C: float; ScoreError: float; Run: LangevinRun }

let private constants: Subject -> Result<Constants, string> =
    Once.per (fun subject ->
        attempt {
            let! run = Subject.langevin subject
            let! l = Constants.smoothness subject.Plan.Target run.Level
            let! c = Constants.logSobolev subject.Plan.Target run.Level
            let! error = ScoreError.sup subject.Plan
            let d = float subject.Plan.Dimension
            return { D = d; L = l.Value; C = c.Value; ScoreError = error; Run = run }
        })

/// The largest step that the statement allows.
let largestStep l c = 1.0 / (4.0 * c * l * l)

let private assume statement evaluate =
    Assumption.ofResult statement (fun subject -> constants subject |> Result.bind evaluate)

let private assumptions =
    [
        assume "the sampler is N equal steps of Langevin at one level" (fun k -> Ok $"h = {k.Run.H:g6}, N = {k.Run.N}")
        assume "∇ln p is L-Lipschitz and p satisfies a log-Sobolev inequality with constant C" (fun k ->
            Ok $"L = {k.L:g6}, C = {k.C:g6}")
        assume "sup‖s − ∇ln p‖ ≤ ε₁" (fun k -> Ok $"ε₁ = {k.ScoreError:g6}")
        assume "h ≤ 1/(4·C·L²)" (fun k ->
            let largest = largestStep k.L k.C
            let words = $"h = {k.Run.H:g6}, 1/(4·C·L²) = {largest:g6}"
            require (k.Run.H <= largest * (1.0 + 1e-12)) words $"{words}: the step is too long")
    ]

let private c, d, e, h, l, n = Name "C", Name "d", Name "ε₁", Name "h", Name "L", Name "N"

let private kept, added = exp (-1.25 * h / c), 5.14 * e ** 2.0 * h + 1.52 * d * l ** 2.0 * h ** 2.0

/// The bound of KL_{k+1}.
let internal oneStep = kept * Name "KL_k" + added

/// The bound of KL_N: what is left of the start, the error of the score, the step.
let internal manySteps = exp (-1.25 * n * h / c) * Name "KL₀" + 4.9 * e ** 2.0 * c + 1.45 * d * l ** 2.0 * h * c

let private numbers k = [ "C", k.C; "d", k.D; "ε₁", k.ScoreError; "h", k.Run.H; "L", k.L; "N", float k.Run.N ]

let private evidence: Evidence =
    fun runner trial ->
        attempt {
            let! k = constants trial.Subject
            let! start = Measure.atStart Metric.Kl runner trial.Subject.Plan |> Result.bind Measure.resolved
            let! steps = Measure.everyStep Metric.Kl runner trial.Subject.Plan
            let! known = steps |> List.map Measure.resolved |> every
            let share, more = Formula.bracket (numbers k) kept, Formula.bracket (numbers k) added

            return
                [
                    for i, (before, after) in
                        List.indexed (List.zip (List.truncate steps.Length (start :: known)) steps) do
                        {
                            What = $"KL after step {i + 1} from KL after the one before"
                            Measured = after
                            Bound = (share * Bracket.Exactly before + more).High
                        }
                    {
                        What = $"KL after N = {k.Run.N} steps"
                        Measured = List.last steps
                        Bound = Formula.value (("KL₀", start) :: numbers k) manySteps
                    }
                ]
        }

/// h in units of the largest step.
let private onNormals (s: Setting) (_refinement: int) =
    let c = if whole "d" s = 1 then 1.0 else max 1.0 (value "κ" s)
    normals kl (value "x" s * largestStep 1.0 c) s

/// Two modes that are no more log-concave, from N(0, 1); their C is that of the line, and h the largest step for it.
let private modes (s: Setting) (_refinement: int) =
    let law = mixture [ 0.5, normal [ -(value "r" s) ] 1.0; 0.5, normal [ value "r" s ] 1.0 ]
    let target' = Lower.target (fun file -> invalidOp $"a scenario names the file {file}") law

    let largest =
        match Constants.smoothness target' NoiseLevel.Data, Constants.logSobolev target' NoiseLevel.Data with
        | Ok l, Ok c -> largestStep l.Value c.Value
        | Error reason, _
        | _, Error reason -> invalidOp reason

    experiment {
        target law
        forward ve
        score (rippledBy (value "ε" s))
        start (from (normal [ 0.0 ] 1.0))
        sampler (repeat (whole "N" s) (corrector (langevin largest)))
        measure [ kl ]
    }

let private base' = setting [ "d", 4.0; "κ", 1.0; "x", 0.01; "ε", 0.0; "w", 1.2; "b", 0.0; "N", 20.0 ]

let private scenarios =
    [
        scenario
            "normal laws"
            "Variances 1 and κ in turn, from laws wider by w; h = x/(4·C·L²)."
            onNormals
            [ base' ]
            [
                axis "x" "step over the largest one" (fun _ -> [ 1.0; 0.1; 0.001 ]) |> quickly [ 1.0; 0.001 ]
                axis "d" "dimension" (fun _ -> [ 1.0; 16.0; 256.0 ]) |> quickly [ 32.0 ]
                axis "κ" "condition number" (fun _ -> [ 4.0; 64.0 ]) |> later
                axis "ε" "error of the score" (fun _ -> [ 0.1; 0.05 ]) |> quickly [ 0.05 ]
            ]
        scenario
            "two modes"
            "½·N(−r, 1) + ½·N(r, 1) from N(0, 1), C by the criteria on the line, the largest step for it."
            modes
            [ setting [ "r", 2.0; "ε", 0.0; "N", 40.0 ] ]
            [
                axis "r" "distance of the modes from 0" (fun _ -> [ 0.5; 1.5 ]) |> quickly [ 1.5 ]
                axis "ε" "sup norm of the ripple" (fun _ -> [ 0.3 ]) |> later
            ]
    ]

let private rates =
    let rate words symbol exponent =
        atRest Metric.Kl onNormals (fun s -> 120.0 / value "x" s) base' words symbol (AtMost exponent)

    [
        rate "exact score" "x" 1.0 [] [ 0.8; 0.4; 0.2; 0.1 ]
        rate "exact score" "d" 1.0 [] [ 1.0; 4.0; 16.0; 64.0 ]
        rate "constant score error" "ε" 2.0 [ "x", 0.001 ] [ 1.0; 0.5; 0.25; 0.125 ]
    ]

/// The companion.
let relativeEntropy =
    {
        Id = "vempala-2019-kl"
        Title = "Langevin Monte Carlo in relative entropy"
        Statement =
            "∇ln p is L-Lipschitz, p satisfies a log-Sobolev inequality with constant C, sup‖s − ∇ln p‖ ≤ ε₁, h ≤ "
            + $"1/(4·C·L²). Then one step gives KL_{{k+1}} ≤ {Expression.text oneStep}, hence KL_N ≤ "
            + $"{Expression.text manySteps}, KL = KL(q‖p)."
        Source =
            Papers.companion
                "Vempala and Wibisono 2019"
                "arXiv 1903.08568"
                "rapid convergence of the unadjusted Langevin algorithm: isoperimetry suffices"
        Stance = Guarantee
        Assumptions = assumptions
        Metric = Metric.Kl
        Evidence = evidence
        Scenarios = scenarios
        Rates = rates
        Reading =
            "No log-concavity, and steps 68·d times those of χ² (lee-2022-4.2). Where the start decides, the exponent is "
            + "5/8 of that of normal laws; at rest KL is of order h² there, the bound of order h."
    }
