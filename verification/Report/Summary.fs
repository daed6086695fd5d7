namespace Sgm.Verification.Report

open System
open Sgm.Verification

/// What a claim says.
[<RequireQualifiedAccess>]
type ClaimKind =
    /// A measured quantity is at most the theorem's bound.
    | Bound
    /// A measured quantity behaves like a power of, or exponentially in, an axis.
    | Rate
    /// The bound is at most so many times the truth, or of this order.
    | Tightness
    /// Without a hypothesis the sampler fails.
    | Negative

/// One theorem of the run: its checks, and those of how tight its bound is.
type TheoremLine =
    {
        /// The statement; that of its tightness where nothing else of it was verified.
        Theorem: Theorem
        /// Unique in the report; names its place in the page.
        Anchor: string
        Own: ReportedCheck list
        Tightness: ReportedCheck list
    }

    member this.Checks = this.Own @ this.Tightness

/// What a run is made of. A statement about this program is no theorem, and its claims are none of a theorem.
type Counts =
    {
        Theorems: int
        SelfChecks: int
        Claims: Map<ClaimKind, int>
        /// Distinct experiments, by the fingerprint of their canonical text; two cells may share one.
        Experiments: int
        Checks: int
        /// Cells of bounds and points of rates.
        Cells: int
        /// Cells that a partial store lacks.
        Missing: int
    }

    member this.ClaimsOf kind = this.Claims |> Map.tryFind kind |> Option.defaultValue 0

/// Checks by theorem, and how many of what there are.
module Summary =
    /// The statement that a theorem is, or whose bound it holds from the other side.
    let private statementId (theorem: Theorem) =
        match theorem.Stance with
        | TightnessOf statement -> statement
        | Guarantee
        | Necessity
        | SelfCheck -> theorem.Id

    let private isTightness (reported: ReportedCheck) =
        match reported.Check.Theorem.Stance with
        | TightnessOf _ -> true
        | _ -> false

    /// One line a theorem, in the order of the result.
    let lines (document: Document) =
        let unique = Document.unique ()

        document.Checks
        |> List.groupBy (fun reported -> statementId reported.Check.Theorem)
        |> List.map (fun (id, checks) ->
            let tightness, own = List.partition isTightness checks

            {
                Theorem = (own @ tightness).Head.Check.Theorem
                Anchor = unique $"theorem-{Wording.slug id}"
                Own = own
                Tightness = tightness
            })

    /// Lines by paper.
    let byPaper (lines: TheoremLine list) =
        lines |> List.groupBy (fun line -> line.Theorem.Source.Paper, line.Theorem.Source.Reference)

    let private rank verdict =
        match verdict with
        | Violated -> 3
        | Inconclusive -> 2
        | NotApplicable -> 1
        | Holds -> 0

    /// The worst verdict of a theorem's checks.
    let verdict (line: TheoremLine) =
        line.Checks |> List.map (fun reported -> reported.Check.Verdict) |> List.maxBy rank

    /// The checks that do not hold.
    let unsettled (line: TheoremLine) = line.Checks |> List.filter (fun reported -> reported.Check.Verdict <> Holds)

    /// measured/bound over all cells that count, vacuous ones too: the smallest and the largest.
    let ratios (line: TheoremLine) =
        line.Own
        |> List.collect (fun reported -> reported.Check.Cells)
        |> List.filter (fun cell -> cell.Verdict <> NotApplicable)
        |> List.choose (fun cell -> cell.Ratio)
        |> function
            | [] -> None
            | ratios -> Some(List.min ratios, List.max ratios)

    /// What a check claims, so that two checks of one claim count once: a bound is one claim on however many scenarios and axes
    /// it is tried; how tight it is, is claimed of every scenario by itself.
    let private claimOf (reported: ReportedCheck) =
        let check = reported.Check
        let rate = check.Claim |> Option.map (fun claim -> claim.Axis, claim.Of, claim.Exponent, check.Scenario.Name)

        let kind, scenario =
            match check.Theorem.Stance, check.Kind with
            | TightnessOf _, _ -> ClaimKind.Tightness, check.Scenario.Name
            | _, BoundCheck -> ClaimKind.Bound, ""
            | _, RateCheck -> ClaimKind.Rate, ""
            | _, NegativeCheck -> ClaimKind.Negative, ""

        check.Theorem.Id, kind, scenario, rate

    let counts (document: Document) =
        let selfChecks, theorems = lines document |> List.partition (fun line -> line.Theorem.Stance = SelfCheck)

        {
            Theorems = theorems.Length
            SelfChecks = selfChecks.Length
            Claims =
                theorems
                |> List.collect (fun line -> line.Checks)
                |> List.map claimOf
                |> List.distinct
                |> List.countBy (fun (_, kind, _, _) -> kind)
                |> Map.ofList
            Experiments =
                Document.replaysOf document |> List.distinctBy (fun replay -> replay.Fingerprint) |> List.length
            Checks = document.Checks.Length
            Cells = document.Checks |> List.sumBy (fun reported -> reported.Size)
            Missing = document.Result.Missing
        }

    /// "38 theorems".
    let theorems counts =
        [
            if counts.Theorems > 0 || counts.SelfChecks = 0 then
                Wording.count counts.Theorems "theorem"

            if counts.SelfChecks > 0 then
                Wording.count counts.SelfChecks "self-check"
        ]
        |> String.concat " and "

    /// "70 claims (33 bounds, 21 rates, 12 of tightness, 4 negative)".
    let claims (counts: Counts) =
        let kinds =
            [
                for kind, name in
                    [
                        ClaimKind.Bound, (fun n -> Wording.count n "bound")
                        ClaimKind.Rate, (fun n -> Wording.count n "rate")
                        ClaimKind.Tightness, sprintf "%d of tightness"
                        ClaimKind.Negative, sprintf "%d negative"
                    ] do
                    match counts.ClaimsOf kind with
                    | 0 -> ()
                    | n -> name n
            ]

        let total = counts.Claims |> Map.toSeq |> Seq.sumBy snd
        let detail = if kinds.IsEmpty then "" else $""" ({String.concat ", " kinds})"""
        Wording.count total "claim" + detail

    /// One sentence on what the run is made of.
    let sentence (counts: Counts) =
        $"""{theorems counts}: {claims counts}, {Wording.count counts.Checks "check"} """
        + $"""on {Wording.count counts.Experiments "independent experiment"} ({Wording.count counts.Cells "cell"})"""
        + (if counts.Missing = 0 then
               ""
           else
               $"""; {Wording.count counts.Missing "cell"} missing""")

    /// "all hold" or "30 hold, 1 violated, …" of the lines.
    let verdicts (lines: TheoremLine list) =
        let count value = lines |> List.filter (fun line -> verdict line = value) |> List.length

        if not lines.IsEmpty && count Holds = lines.Length then
            "all hold"
        else
            $"{count Holds} hold, {count Violated} violated, {count Inconclusive} inconclusive, {count NotApplicable} not applicable"
