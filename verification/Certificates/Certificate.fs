namespace Sgm.Verification.Certificates

open System
open Sgm.Engine
open Sgm.Verification

/// What the steps at one place of a plan add to R, all their rounds together.
type Contribution =
    {
        /// Number of the first step, from 1.
        Index: int64
        Rounds: int64
        Method: string
        From: NoiseLevel
        To: NoiseLevel
        Steps: float
        Score: float
    }

/// Upper bounds at a probe, with where they come from.
type Certificate =
    {
        Name: string
        Level: NoiseLevel
        Tv: Bound
        /// KL(p‖q).
        KlReverse: Bound
        /// KL(q‖p).
        Kl: Bound
        W2: Bound
        /// Nats of KL(p‖q); None where the path rule says nothing, or did not begin at the start.
        Start: float option
        Contributions: Contribution list
        Derivation: Derivation list
    }

    member this.Steps = this.Contributions |> List.sumBy (fun c -> c.Steps)
    member this.Score = this.Contributions |> List.sumBy (fun c -> c.Score)

/// What certificates of all kinds share.
module internal Shared =
    let spelled = LevelPath.spelled

    let noReverse = "KL(q‖p) has no triangle inequality, and paths compare the other way round: see KL(p‖q)"

    /// The level of the first step or probe: a start has none of its own.
    let firstLevel (plan: Plan) (course: Course list) =
        course
        |> List.tryPick (fun one ->
            match one with
            | Mark probe -> Some probe.Level
            | other -> other |> Course.kernels 1L |> List.tryHead |> Option.map (fun (_, _, step) -> step.From))
        |> Option.defaultValue plan.InitialLevel
