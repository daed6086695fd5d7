namespace Sgm.Verification.Certificates

open System.Threading
open Sgm.Engine
open Sgm.Verification

/// Certificates from draws of the target: the path rule alone, at a confidence.
module internal DrawnCertificate =
    /// Where a course of a drawn plan stands: kernels, newest first, or why the path rule says nothing.
    type private Drawn = { At: NoiseLevel; Kernels: (int64 * int64 * Tableau) list; Broken: string option }

    let private drawnAt (plan: Plan) atoms v risk first (state: Drawn) (probe: Instruction.Probe) =
        let broken =
            if probe.Level = state.At then
                state.Broken
            else
                Some
                    $"the level changes without the state, from {Shared.spelled state.At} to {Shared.spelled probe.Level}"

        let found =
            match broken with
            | Some reason -> Error reason
            | None -> DrawnPath.bound plan atoms v risk first (List.rev state.Kernels)

        let noW2 = Bound.unknown "W2 is not bounded here for mixtures whose coordinates are not independent"

        let certificate tv reverse start contributions derivation =
            {
                Name = probe.Name
                Level = probe.Level
                Tv = tv
                KlReverse = reverse
                Kl = Bound.unknown Shared.noReverse
                W2 = noW2
                Start = start
                Contributions = contributions
                Derivation = derivation
            }

        match found with
        | Error reason -> certificate { Bound.unknown reason with Value = 1.0 } (Bound.unknown reason) None [] []
        | Ok(found: DrawnPath.Found) ->
            let sure bound = { bound with Confidence = 1.0 - risk }
            let tv = PathRule.totalVariation found.Upper

            let contributions =
                [
                    for index, rounds, step, exact, whole in found.Steps ->
                        {
                            Index = index
                            Rounds = rounds
                            Method = step.Method
                            From = step.From
                            To = step.To
                            Steps = exact
                            Score = whole - exact
                        }
                ]

            let estimate = found.Start + (contributions |> List.sumBy (fun c -> c.Steps + c.Score))

            let tree =
                {
                    Rule = Rules.draws
                    Of = $"all steps, to {Shared.spelled probe.Level}"
                    Inputs = [ "estimate", estimate; "start", found.Start; "confidence", 1.0 - risk ]
                    Value = found.Upper
                    Parts = []
                }

            let final =
                {
                    Rule = Rules.pinsker
                    Of = Shared.spelled probe.Level
                    Inputs = [ "R", found.Upper ]
                    Value = tv
                    Parts = [ tree ]
                }

            let tvBound =
                if tv < 1.0 then
                    sure (Bound.certain Rules.pinsker tv)
                else
                    { Bound.unknown $"the rules give 1, which says nothing: R = {found.Upper:g4}" with
                        Value = 1.0
                    }

            certificate
                tvBound
                (sure (Bound.certain Rules.draws found.Upper))
                (Some found.Start)
                contributions
                [ final ]

    let ofCourse (cancellation: CancellationToken) (plan: Plan) (atoms, v) (course: Course list) =
        let probes =
            course
            |> List.sumBy (function
                | Mark _ -> 1
                | Kernel _
                | Rounds _ -> 0)

        let risk = PosteriorDraws.risk / float probes
        let first = Shared.firstLevel plan course

        let advance (state: Drawn, found) one =
            cancellation.ThrowIfCancellationRequested()

            match one with
            | Mark probe -> state, drawnAt plan atoms v risk first state probe :: found
            | other ->
                (state, Course.kernels 1L other)
                ||> List.fold (fun state (index, rounds, step) ->
                    let broken =
                        if step.From = state.At || state.Broken.IsSome then
                            state.Broken
                        else
                            Some
                                $"the level changes without the state, from {Shared.spelled state.At} to {Shared.spelled step.From}"

                    { At = step.To; Kernels = (index, rounds, step) :: state.Kernels; Broken = broken }),
                found

        (({ At = first; Kernels = []; Broken = None }, []), course) ||> List.fold advance |> snd |> List.rev
