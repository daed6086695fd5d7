/// The path rule on symbols: R = KL(p_T‖q_T) + Σ κ_k, κ_k = E KL(reverse step ‖ the sampler's step). Statements and proofs:
/// README.md of Papers/Zhang2024. Sums of terms ≥ 0 are right to relative errors, which the ends take in.
module Sgm.Verification.Certificates.FinitePath

open System
open System.Runtime.CompilerServices
open System.Threading
open Sgm.Engine
open Sgm.Verification

/// 2⁻⁵³.
let private unit' = 1.1102230246251565e-16

/// A number and how far it may be from the true one.
[<Struct>]
type Near =
    {
        Value: float
        Off: float
    }

    member this.High = this.Value + this.Off * 1.01 + abs this.Value * 4.0 * unit'
    static member Zero = { Value = 0.0; Off = 0.0 }

    static member (+)(a: Near, b: Near) =
        let sum = a.Value + b.Value
        { Value = sum; Off = a.Off + b.Off + unit' * abs sum }

    static member (-)(a: Near, b: Near) = a + { b with Value = -b.Value }
    static member (*)(c: float, a: Near) = { Value = c * a.Value; Off = abs c * a.Off + unit' * abs (c * a.Value) }

/// A running sum with what its additions lost.
type private Total() =
    let mutable sum, lost, size = 0.0, 0.0, 0.0

    member _.Add term =
        let next = sum + term

        lost <- lost + (if abs sum >= abs term then (sum - next) + term else (term - next) + sum)

        sum <- next
        size <- size + abs term

    member _.Size = size
    member _.Sum = sum + lost

/// The part's masses in the order of the states, right to a share.
type internal Masses = { Symbols: int; Dimension: int; Of: float[]; Share: float }

/// Coordinates from `first` to before `last` refreshed for time t.
let private refreshed first last t (masses: Masses) =
    let found = Array.copy masses.Of
    let kept, fresh = exp -t, -(RealFunctions.ExpM1 -t) / float masses.Symbols

    for i in first .. last - 1 do
        let stride = pown masses.Symbols i
        let width = stride * masses.Symbols

        for block in 0..width .. found.Length - 1 do
            for x in block .. block + stride - 1 do
                let mutable sum = 0.0

                for a in 0 .. masses.Symbols - 1 do
                    sum <- sum + found[x + a * stride]

                for a in 0 .. masses.Symbols - 1 do
                    let y = x + a * stride
                    found[y] <- kept * found[y] + fresh * sum

    let share = masses.Share + float ((last - first) * (masses.Symbols + 10)) * unit'
    { masses with Of = found; Share = share }

let internal noised t (table: FiniteTable) =
    refreshed
        0
        table.Dimension
        t
        {
            Symbols = table.Symbols
            Dimension = table.Dimension
            Of = table.Masses
            Share = table.Relative
        }

/// (1 + r)·ln(1 + r) − r.
let internal excess r = r * RealFunctions.LogOnePlus r - RealFunctions.LogExcess r

/// Σ [a ln(a/b) − a + b] ≥ 0, KL(a‖b) of laws.
let internal divergence (a: Masses) (b: int -> float) shareOfB =
    let total, logs, gaps = Total(), Total(), Total()

    for x in 0 .. a.Of.Length - 1 do
        let p, q = a.Of[x], b x

        if p = 0.0 then
            total.Add q
        else
            let log = log (p / q)
            total.Add(if abs (p - q) < 0.3 * q then q * excess ((p - q) / q) else p * log - p + q)
            logs.Add(p * abs log)
            gaps.Add(abs (p - q))

    let both = a.Share + shareOfB

    {
        Value = total.Sum
        Off = a.Share * logs.Sum + shareOfB * gaps.Sum + 4.0 * both * both * (1.0 + logs.Sum) + 64.0 * unit' * total.Sum
    }

let internal fromUniform (a: Masses) = divergence a (fun _ -> 1.0 / float a.Of.Length) unit'

/// Σ p ln p.
let private negentropy (p: Masses) =
    let total = Total()

    for mass in p.Of do
        if mass > 0.0 then
            total.Add(mass * log mass)

    { Value = total.Sum; Off = (p.Share + 4.0 * unit') * (total.Size + 1.0) }

/// The sampler's step and the same with the exact rates, which costs nothing where it is the same.
type private Step = { Whole: Near; Exact: Near }

/// κ = H(p_t) − H(p_t′) − d·h(c) − Σ_i E ln K̂_i: what the reverse step says of all coordinates together, c the forward
/// channel of one, less what the sampler's law of each coordinate says. With v_i = p_t′ refreshed in all coordinates but i, the
/// law of (x at t, x_i + c at t′) is v_i(x + c·e_i)·channel(c).
let private kappa (cancellation: CancellationToken) (process': FiniteProcess) (part: FinitePart) t next : Step =
    let h = t - next
    let before, after = noised t part.Target, noised next part.Target
    let symbols, dimension = before.Symbols, before.Dimension
    let fresh = -(RealFunctions.ExpM1 -h) / float symbols
    let stay = exp -h + fresh

    let channel = float (symbols - 1) * fresh * log fresh + stay * log stay

    let kernel factors (held: FiniteVector) = JumpKernel(process'.Sampler, held, factors, h)
    let own = kernel part.Factors (part.RatesAt t)
    let isExact = process'.IsExact
    let ones = Collections.Immutable.ImmutableArray.CreateRange(Seq.replicate dimension 1.0)
    let exact = kernel ones (part.TargetAt t)
    let sums = Total(), Total()
    let row = Array.zeroCreate symbols

    let add (total: Total) (kernel: JumpKernel) i stride (seen: Masses) x =
        kernel.Row(i, stride, x, Span row)
        let symbol = x / stride % symbols

        for c in 0 .. symbols - 1 do
            let y = x + ((symbol + c) % symbols - symbol) * stride
            let joint = seen.Of[y] * (if c = 0 then stay else fresh)

            if joint > 0.0 then
                total.Add(-joint * log row[c])

    let rec visit first last (seen: Masses) =
        cancellation.ThrowIfCancellationRequested()

        if last - first = 1 then
            let stride = pown symbols first

            for x in 0 .. seen.Of.Length - 1 do
                add (fst sums) own first stride seen x

                if not isExact then
                    add (snd sums) exact first stride seen x
        else
            let middle = (first + last) / 2
            visit first middle (refreshed middle last h seen)
            visit middle last (refreshed first middle h seen)

    visit 0 dimension after
    let share = after.Share + float (dimension * (symbols + 10)) * unit'

    let found (total: Total) (kernel: JumpKernel) =
        let cross =
            {
                Value = total.Sum
                Off = (share + 16.0 * unit') * total.Size + float dimension * kernel.Relative * 1.01
            }

        let ofChannel = { Value = channel; Off = 16.0 * unit' * abs channel }
        let value = negentropy after - negentropy before + float dimension * ofChannel + cross

        if Double.IsFinite(value.Value + value.Off) then
            { value with Value = max 0.0 value.Value }
        else
            { Value = infinity; Off = 0.0 }

    let whole = found (fst sums) own
    { Whole = whole; Exact = (if isExact then whole else found (snd sums) exact) }

/// The whole path of the reverse process against that of one with the rates that run: where these are e^b times the exact ones,
/// (T − δ)·(1 − 1/S)·Σ (e^(b_i) − 1 − b_i); where they are those of π, KL(p_δ‖π_δ) − KL(p_T‖π_T).
let private ofRates (process': FiniteProcess) (part: FinitePart) =
    let first, last = process'.Times[0], process'.Times[process'.Times.Length - 1]

    if obj.ReferenceEquals(part.Target, part.Rates) then
        let share = 1.0 - 1.0 / float part.Target.Symbols
        let each = part.Factors |> Seq.sumBy (fun factor -> factor - 1.0 - log factor)

        Ok
            {
                Value = (first - last) * share * each
                Off = 64.0 * unit' * (first - last) * Seq.sum part.Factors
            }
    elif process'.Bias <> 0.0 then
        Error
            "of uniformisation with rates that are another law's and skewed nothing is known; leave one of the two out, or take tauLeaping"
    else
        let at t =
            let other = noised t part.Rates
            divergence (noised t part.Target) (fun x -> other.Of[x]) other.Share

        Ok(at last - at first)

let private rule = Rules.finitePath

/// What a step adds to R, all independent parts together.
type private Added = { From: float; To: float; Added: Step }

let private steps cancellation (process': FiniteProcess) (parts: FinitePart seq) : Result<Added list, string> =
    let times = process'.Times
    let times' = List.ofSeq times

    let together (cost: FinitePart -> Result<Step, string>) =
        (Ok { Whole = Near.Zero; Exact = Near.Zero }, parts)
        ||> Seq.fold (fun found part ->
            match found, cost part with
            | Ok sum, Ok own ->
                let count = float part.Count
                Ok { Whole = sum.Whole + count * own.Whole; Exact = sum.Exact + count * own.Exact }
            | Error reason, _
            | _, Error reason -> Error reason)

    let pairs, cost =
        if process'.Sampler = FiniteSampler.Uniformisation then
            [ times[0], times[times.Length - 1] ],
            fun _ part -> ofRates process' part |> Result.map (fun whole -> { Whole = whole; Exact = Near.Zero })
        else
            List.pairwise times', fun (t, next) part -> Ok(kappa cancellation process' part t next)

    (Ok [], pairs)
    ||> List.fold (fun found (t, next) ->
        match found, together (cost (t, next)) with
        | Ok earlier, Ok added -> Ok({ From = t; To = next; Added = added } :: earlier)
        | Error reason, _
        | _, Error reason -> Error reason)
    |> Result.map List.rev

/// KL(p_T‖q_T).
let internal start (process': FiniteProcess) (parts: FinitePart seq) =
    if process'.IsWarm then
        Near.Zero
    else
        (Near.Zero, parts)
        ||> Seq.fold (fun sum part -> sum + float part.Count * fromUniform (noised process'.Times[0] part.Target))

/// I(t) = −d/dt KL(p_t‖u) = Σ_{i,c} E λ ln(Sλ), which does not grow with t; and, with rates that are not λ but λ̂, also the loss
/// Σ_{i,c} E [λ ln(λ/λ̂) − λ + λ̂] at t.
let internal production (part: FinitePart) t : struct (Near * Near) =
    let own, other = noised t part.Target, noised t part.Rates
    let symbols = own.Symbols
    let isExact = obj.ReferenceEquals(part.Target, part.Rates) && Seq.forall ((=) 1.0) part.Factors

    let along (against: int -> int -> float -> float) share =
        (Near.Zero, Seq.allPairs [ 0 .. own.Dimension - 1 ] [ 1 .. symbols - 1 ])
        ||> Seq.fold (fun sum (i, c) ->
            let stride = pown symbols i

            let shifted x =
                let symbol = x / stride % symbols
                x + ((symbol + c) % symbols - symbol) * stride

            let moved = { own with Of = Array.init own.Of.Length (fun x -> own.Of[shifted x]) }
            sum + (1.0 / float symbols) * divergence moved (fun x -> against x (shifted x) part.Factors[i]) share)

    let loss =
        if isExact then
            Near.Zero
        else
            along (fun x y factor -> own.Of[x] * factor * other.Of[y] / other.Of[x]) (own.Share + 2.0 * other.Share)

    struct (along (fun x _ _ -> own.Of[x]) own.Share, loss)

/// Work of a certificate in units of 5 µs: masses times coordinates, several times a step.
let work (process': FiniteProcess) =
    let struct (parts, _) = process'.Independent()

    let each =
        parts
        |> Seq.sumBy (fun part ->
            float part.Target.Masses.Length * float part.Target.Dimension * float (part.Target.Symbols + 3))

    int64 (min 1e15 (float process'.Steps * each * 0.01))

/// The certificate at the end.
let ofProcess cancellation (process': FiniteProcess) : Result<Certificate list, string> =
    let struct (parts, _) = process'.Independent()

    steps cancellation process' parts
    |> Result.map (fun added ->
        let start = start process' parts
        let whole = (start, added) ||> List.fold (fun sum step -> sum + step.Added.Whole)
        let r = if Double.IsFinite whole.High then max 0.0 whole.High else infinity

        let bound =
            if Double.IsFinite r then
                Bound.certain rule r
            else
                Bound.unknown "a step of Euler's leaves no probability to stay, which the reverse process does"

        let contributions =
            added
            |> List.mapi (fun i step ->
                let whole = max 0.0 step.Added.Whole.High
                let steps = min whole (max 0.0 step.Added.Exact.High)

                {
                    Index = int64 i + 1L
                    Rounds = 1L
                    Method = string process'.Sampler
                    From = FiniteProcess.Level step.From
                    To = FiniteProcess.Level step.To
                    Steps = steps
                    Score = (if steps = whole then 0.0 else whole - steps)
                }
                : Contribution)

        let derived rule of' inputs value parts =
            { Rule = rule; Of = of'; Inputs = inputs; Value = value; Parts = parts }

        let total = contributions |> List.sumBy (fun c -> c.Steps), contributions |> List.sumBy (fun c -> c.Score)

        let path =
            derived
                rule
                $"{process'.Steps} steps of {process'.Dimension} symbols"
                [ "steps", fst total; "score", snd total ]
                r
                [ derived Rules.start "uniform symbols at T, or the law there" [] (max 0.0 start.High) [] ]

        let tv = PathRule.totalVariation r

        [
            {
                Name = "end"
                Level = FiniteProcess.Level process'.Times[process'.Times.Length - 1]
                Tv =
                    (if tv < 1.0 then
                         Bound.certain Rules.pinsker tv
                     else
                         { Bound.unknown "R says nothing of TV" with Value = 1.0 })
                KlReverse = bound
                Kl = Bound.unknown Shared.noReverse
                W2 = Bound.unknown "symbols have no distance from each other"
                Start = Some(max 0.0 start.High)
                Contributions = contributions
                Derivation = [ derived Rules.pinsker "the end" [ "R", r ] tv [ path ] ]
            }
        ])
