namespace Sgm.Verification.Certificates

open System.Collections.Immutable
open Sgm
open Sgm.Engine

/// A plan as certificates read it: steps in their order with the number of the first one, rounds that are all alike kept together, however many.
type Course =
    | Kernel of first: int64 * Tableau
    /// `count` rounds of steps that stay at one level, without probes.
    | Rounds of count: int64 * Course list
    | Mark of Instruction.Probe

module Course =
    /// Most steps that are looked at one by one.
    let mostSteps = 200_000L

    /// All kernels at a place of the plan with how often each runs.
    let rec kernels times (course: Course) : (int64 * int64 * Tableau) list =
        match course with
        | Kernel(first, step) -> [ first, times, step ]
        | Rounds(count, body) -> body |> List.collect (kernels (times * count))
        | Mark _ -> []

    let rec private length body =
        body |> List.sumBy (fun course -> course |> kernels 1L |> List.sumBy (fun (_, n, _) -> n))

    /// Rounds that move the level, or that are probed, are written out.
    let rec private read (first: int64) (instruction: Instruction) : Course list =
        match instruction with
        | TableauStep step -> [ Kernel(first, step) ]
        | GeneralStep step -> raise (NoTableauException step)
        | MetropolisStep step -> raise (NoTableauException step)
        | Probed probe -> [ Mark probe ]
        | Repeated repeat when repeat.Count = 0L -> []
        | Repeated repeat ->
            let body = readAll first repeat.Body
            let steps = body |> List.collect (kernels 1L) |> List.map (fun (_, _, step) -> step)

            let isStill =
                steps |> List.forall (fun step -> step.StaysAtLevel && step.From = (List.head steps).From)
                && not (
                    body
                    |> List.exists (function
                        | Mark _ -> true
                        | Kernel _
                        | Rounds _ -> false)
                )

            if List.isEmpty body then
                []
            elif isStill then
                [ Rounds(repeat.Count, body) ]
            else
                let one = length body

                [
                    for i in 0L .. repeat.Count - 1L do
                        yield! readAll (first + i * one) repeat.Body
                ]
        | Annealed all ->
            let mutable at = first

            [
                for i in 0 .. all.Count - 1 do
                    let body = readAll at (all.Body.Invoke i)
                    at <- at + length body
                    yield! body
            ]

    and private readAll (first: int64) (body: ImmutableArray<Instruction>) : Course list =
        let mutable at = first

        [
            for instruction in body do
                let found = read at instruction
                at <- at + length found
                yield! found
        ]

    let rec private isStill (body: ImmutableArray<Instruction>) =
        body
        |> Seq.forall (fun instruction ->
            match instruction with
            | TableauStep step -> step.StaysAtLevel
            | GeneralStep step -> step.StaysAtLevel
            | MetropolisStep step -> step.StaysAtLevel
            | Repeated repeat -> isStill repeat.Body
            | Annealed _
            | Probed _ -> false)

    /// Steps and probes that must be looked at one by one, on demand: those in `Repeat`s that only stay at a level come once.
    let rec private places (body: ImmutableArray<Instruction>) : Instruction seq =
        seq {
            for instruction in body do
                match instruction with
                | Repeated repeat ->
                    let rounds = if isStill repeat.Body then min 1L repeat.Count else repeat.Count

                    if not (Seq.isEmpty (places repeat.Body)) then
                        for _ in 1L .. rounds do
                            yield! places repeat.Body
                | Annealed all ->
                    for i in 0 .. all.Count - 1 do
                        yield! places (all.Body.Invoke i)
                | TableauStep _
                | GeneralStep _
                | MetropolisStep _
                | Probed _ -> instruction
        }

    /// The steps and probes that must be looked at one by one, up to `most` and one more.
    let placesWithin (most: int64) (plan: Plan) = places plan.Instructions |> Seq.truncate (int most + 1) |> Array.ofSeq

    /// The plan's course, or why it is too long to be looked at.
    let ofPlan (plan: Plan) =
        if not (isNull plan.GeneralMethod) then
            Error $"no certificate: {NoTableauException.Reason plan.GeneralMethod}"
        elif (placesWithin mostSteps plan).LongLength > mostSteps then
            Error
                $"the plan has more than {mostSteps} different steps and probes, which is the most that certificates look at (repeats at one level count once)"
        else
            Ok(readAll 1L plan.Instructions)
