namespace Sgm.Verification

open Sgm.Engine

/// What is begun at all: where the work grows with the law, a hypothesis beyond this is refused at once, with the reason.
module internal Limits =
    /// Most components of a law on the line that is walked over: a second.
    let mostComponents = 2000

    /// Most different laws of a product that are walked over one by one.
    let mostLaws = 200

    /// That there are so few, or that it is not computed.
    let within most count what =
        if count <= most then
            Ok()
        else
            Error $"not computed: {count} {what} (at most {most} are)"

    /// That a target has so few components.
    let components (target: Target) =
        let count = target.Factors |> Seq.filter (fun f -> f.Law.Count > 1) |> Seq.sumBy (fun f -> f.Law.Count)
        within mostComponents count "components of mixtures"

    /// Most blocks of a product that are walked over one by one.
    let mostBlocks = 2000

    /// That a target has so few blocks and components.
    let blocks (target: Target) =
        within mostBlocks target.Factors.Length "blocks" |> Result.bind (fun () -> components target)
