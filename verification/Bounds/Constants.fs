namespace Sgm.Verification

open System
open System.Collections.Concurrent
open System.Runtime.CompilerServices
open Sgm.Engine

/// A constant of a target at a noise level, with where it comes from. No constant without a source.
type Constant =
    {
        Symbol: string
        Value: float
        /// Whether the value is the constant itself, or an upper (for concavity: lower) bound for it.
        IsExact: bool
        Provenance: string
    }

/// A law as q∗N(0, v·I): q has its atoms in a ball of radius R around a centre.
type KernelForm = { Radius: float; Variance: float }

/// Proven constants of noised targets, the laws of m·X + σ·Z; for products the worst factor decides. Found once for
/// every target and level, whoever asks.
module Constants =
    /// A factor's constant; where it comes from is put into words for the factor that decides only.
    type private Found = { Value: float; IsExact: bool; Words: unit -> string }

    let private constant value isExact words : Result<Found, string> =
        Ok { Value = value; IsExact = isExact; Words = words }

    /// The largest distance of a component's mean from the middle of their bounding box, `along` being coordinate i of mean k.
    let private radiusOf (law: Mixture) (along: int -> int -> float) =
        let d = law.Dimension

        let centre =
            Array.init d (fun i ->
                let mutable low, high = infinity, -infinity

                for k in 0 .. law.Count - 1 do
                    low <- min low (along k i)
                    high <- max high (along k i)

                0.5 * low + 0.5 * high)

        let mutable largest = 0.0

        for k in 0 .. law.Count - 1 do
            let mutable square = 0.0

            for i in 0 .. d - 1 do
                square <- square + (along k i - centre[i]) ** 2.0

            largest <- max largest square

        sqrt largest

    let private radius: Mixture -> float =
        Once.per (fun law -> radiusOf law (fun k i -> law.Means[k * law.Dimension + i]))

    /// The law at a level as q∗N(0, v·I), when all components have one covariance v·I.
    let kernelForm (level: NoiseLevel) (law: Mixture) =
        if law.SharesCovariance && law.Covariances[0].Shape = CovarianceShape.Isotropic then
            Some
                {
                    Radius = level.Mean * radius law
                    Variance = level.VarianceOf law.Covariances[0].Smallest
                }
        else
            None

    /// R² of the means in the coordinates Σ^(−½)x, for components of one covariance Σ with these eigenvalues.
    let private relativeRadiusSquare (level: NoiseLevel) (law: Mixture) =
        let d, covariance = law.Dimension, law.Covariances[0]
        let deviation i = sqrt (level.VarianceOf(covariance.Eigenvalue i))

        let rotated =
            lazy
                match covariance.Eigenvectors with
                | null -> law.Means
                | vectors ->
                    Array.init (law.Count * d) (fun at ->
                        let k, j = at / d, at % d
                        let mutable sum = 0.0

                        for i in 0 .. d - 1 do
                            sum <- sum + vectors[i * d + j] * law.Means[k * d + i]

                        sum)

        let r =
            if covariance.Shape = CovarianceShape.Isotropic then
                level.Mean * radius law / deviation 0
            else
                radiusOf law (fun k j -> level.Mean * rotated.Value[k * d + j] / deviation j)

        r * r * (1.0 + 1e-14 * float d)

    /// A factor's law at a level, as far as a constant depends on it.
    type private Shape =
        /// N(μ, Σ): the smallest and the largest eigenvalue.
        | Normal of smallest: float * largest: float
        /// One covariance with these extreme eigenvalues; R² in its own coordinates.
        | Shared of smallest: float * largest: float * radiusSquare: float
        | Other

    let private extremes = ConditionalWeakTable<Covariance, (float * float)>()

    /// Most dimensions in which the smallest eigenvalue is found to its own last digits; beyond, it is taken smaller by
    /// what its solver may err.
    let private mostRefined = 128

    /// The extreme eigenvalues: of a full matrix the smallest is not what doubles make of it, whose error is that of the largest.
    let internal extremesOf (own: Covariance) =
        let refined = if own.Dimension <= mostRefined then own.Refined() else null

        if own.Shape <> CovarianceShape.Full then
            own.Smallest, own.Largest
        elif isNull refined then
            let error = 16.0 * float own.Dimension * 2.3e-16 * own.Largest
            max Double.Epsilon (own.Smallest - error), own.Largest + error
        else
            refined.Smallest, refined.Largest

    let private shape (level: NoiseLevel) (law: Mixture) =
        let found = extremes.GetValue(law.Covariances[0], extremesOf)
        let smallest, largest = level.VarianceOf(fst found), level.VarianceOf(snd found)

        if law.Count = 1 then
            Normal(smallest, largest)
        elif law.SharesCovariance then
            Shared(smallest, largest, relativeRadiusSquare level law)
        else
            Other

    /// What a law is but for its place: constants do not change when it is moved.
    let private form (law: Mixture) =
        let d = law.Dimension
        let vectors = law.Covariances |> Array.map (fun c -> c.Eigenvectors)

        law.Weights,
        law.Means |> Array.mapi (fun i x -> x - law.Means[i % d]),
        law.Covariances |> Array.map (fun c -> c.Eigenvalues),
        vectors

    /// The factors' laws on which a constant can depend: of those that are others moved one; of normal laws the one
    /// with the smallest eigenvalue and the one with the largest, which stay that at every level and in which every
    /// constant here is monotone.
    let private laws (target: Target) =
        if target.Factors.Length = 1 then
            [ target.Factors[0].Law ]
        else
            let normal, mixed =
                target.Factors
                |> Seq.map (fun factor -> factor.Law)
                |> List.ofSeq
                |> List.partition (fun l -> l.Count = 1)

            let ends =
                if normal.IsEmpty then
                    []
                else
                    [
                        normal |> List.minBy (fun l -> l.Covariances[0].Smallest)
                        normal |> List.maxBy (fun l -> l.Covariances[0].Largest)
                    ]

            ends @ mixed |> List.distinctBy form

    let private distinct = ConditionalWeakTable<Target, Mixture list>()

    let private cache =
        ConditionalWeakTable<Target, ConcurrentDictionary<struct (string * NoiseLevel), Result<Constant, string>>>()

    /// The constant of a product from those of its factors: the largest (or smallest) one.
    let private ofFactors
        symbol
        choose
        (target: Target)
        (level: NoiseLevel)
        (ofFactor: Mixture -> Result<Found, string>)
        =
        let find _ =
            let folder found law =
                match found with
                | Error reason -> Error reason
                | Ok constants -> ofFactor law |> Result.map (fun one -> one :: constants)

            attempt {
                let all = distinct.GetValue(target, laws)
                do! Limits.within Limits.mostLaws all.Length "different factors that are mixtures"
                let! constants = (Ok [], all) ||> List.fold folder
                let decides: Found = constants |> choose (fun (c: Found) -> c.Value)

                return
                    {
                        Symbol = symbol
                        Value = decides.Value
                        IsExact = decides.IsExact
                        Provenance = decides.Words()
                    }
            }

        let found = cache.GetValue(target, (fun _ -> ConcurrentDictionary()))
        found.GetOrAdd(struct (symbol, level), find)

    let private curvatures =
        ConditionalWeakTable<Mixture, ConcurrentDictionary<NoiseLevel, Result<(float * float), string>>>()

    let private outOfRange = "its numbers leave the range of a double"

    let private hasFew (law: Mixture) = Limits.within Limits.mostComponents law.Count "components"

    /// Bounds of −(ln p)″ of a law on the line.
    let private curvature level (law: Mixture) =
        let find level =
            match Curvature.bounds (LineLaw.at level law) with
            | Some found -> Ok found
            | None -> Error outOfRange

        let found = curvatures.GetValue(law, (fun _ -> ConcurrentDictionary()))
        hasFew law |> Result.bind (fun () -> found.GetOrAdd(level, find))

    /// L: ∇ln p is L-Lipschitz. Exact for normal targets; for components of one covariance Σ the Hessian of −ln p lies
    /// between (1 − R²)·Σ^(−1) and Σ^(−1), R the radius of the means in the coordinates Σ^(−½)x; other laws on the line
    /// by branch and bound over the line.
    let smoothness (target: Target) level =
        ofFactors "L" List.maxBy target level (fun law ->
            match shape level law with
            | Normal(smallest, _) ->
                constant (1.0 / smallest) true (fun () -> "normal law: 1/(smallest eigenvalue of the covariance)")
            | Shared(smallest, _, square) ->
                constant (max 1.0 (square - 1.0) / smallest) false (fun () ->
                    $"q∗N(0, Σ), λ = {smallest:g4} the smallest eigenvalue of Σ, R² = {square:g4} in the coordinates Σ^(−½)x: (1 − R²)·Σ^(−1) ⪯ −∇²ln p ⪯ Σ^(−1)")
            | Other when law.Dimension = 1 ->
                match curvature level law with
                | Ok(least, most) ->
                    constant (max most -least) false (fun () ->
                        $"{least:g4} ≤ −(ln p)″ ≤ {most:g4} on the whole line, by branch and bound over intervals")
                | Error reason -> Error $"no bound is found for the Lipschitz constant of the score: {reason}"
            | Other ->
                Error
                    "no bound is known here for the Lipschitz constant of mixtures with different covariances beyond one dimension")

    /// M: ∇²ln p is M-Lipschitz in the operator norm. For q∗N(0, v·I) the third derivatives are κ₃/v³ of the posterior
    /// of an atom in a ball of radius R, and |κ₃| ≤ (2R)³/(6√3) along every direction.
    let hessianSmoothness (target: Target) level =
        ofFactors "M" List.maxBy target level (fun law ->
            match kernelForm level law with
            | _ when law.Count = 1 -> constant 0.0 true (fun () -> "normal law")
            | Some form ->
                let ratio = 2.0 * form.Radius / form.Variance

                constant (ratio ** 3.0 / (6.0 * sqrt 3.0) * (1.0 + 1e-14)) false (fun () ->
                    $"q∗N(0, v), v = {form.Variance:g4}, R = {form.Radius:g4}: (2R)³/(6√3·v³)")
            | None -> Error "the third derivatives of ln p are bounded here for components of one variance only")

    /// m > 0 with −∇²ln p ⪰ m·I, so that ⟨∇ln p(x) − ∇ln p(y), x − y⟩ ≤ −m·‖x − y‖².
    let strongConcavity (target: Target) level =
        ofFactors "m" List.minBy target level (fun law ->
            match shape level law with
            | Normal(_, largest) ->
                constant (1.0 / largest) true (fun () -> "normal law: 1/(largest eigenvalue of the covariance)")
            | Shared(_, largest, square) when square < 1.0 ->
                constant ((1.0 - square) / largest) false (fun () ->
                    $"q∗N(0, Σ), λ = {largest:g4} the largest eigenvalue of Σ, R² = {square:g4} < 1 in the coordinates Σ^(−½)x: (1 − R²)/λ")
            | _ when law.Dimension = 1 ->
                match curvature level law with
                | Ok(least, _) when least > 0.0 ->
                    constant least false (fun () ->
                        "−(ln p)″ ≥ m on the whole line, by branch and bound over intervals")
                | Ok(least, _) ->
                    Error
                        $"the target is not known to be log-concave at this level: −(ln p)″ ≥ {least:g4} is what is certain"
                | Error reason -> Error $"strong log-concavity is not known: {reason}"
            | _ -> Error "the target is not known to be strongly log-concave at this level")

    /// C: the log-Sobolev constant, KL(q‖p) ≤ (C/2)·E_q‖∇ln(q/p)‖².
    let logSobolev (target: Target) level =
        ofFactors "C" List.maxBy target level (fun law ->
            match shape level law with
            | Normal(_, largest) ->
                constant largest true (fun () -> "normal law: largest eigenvalue of the covariance (Gross 1975)")
            | Shared(_, largest, square) when square < 1.0 ->
                constant (largest / (1.0 - square)) false (fun () ->
                    $"strongly log-concave, q∗N(0, Σ), λ = {largest:g4}, R² = {square:g4} < 1 in the coordinates Σ^(−½)x: λ/(1 − R²) (Bakry and Émery 1985)")
            | _ when law.Dimension = 1 && law.Count <= Limits.mostComponents ->
                let concave =
                    curvature level law
                    |> Result.toOption
                    |> Option.filter (fun (least, _) -> least > 0.0)
                    |> Option.map (fun (least, _) -> 1.0 / least, "strongly log-concave (Bakry and Émery 1985)")

                match LogSobolevLine.bound (LineLaw.at level law), concave with
                | Ok found, Some other ->
                    let value, source = min found other
                    constant value false (fun () -> $"upper bound: {source}")
                | Ok(value, source), None
                | Error _, Some(value, source) -> constant value false (fun () -> $"upper bound: {source}")
                | Error reason, None -> Error reason
            | Shared(_, largest, square) ->
                let value = largest * 6.0 * (4.0 * square + 1.0) * exp (4.0 * square)

                if Double.IsFinite value then
                    constant value false (fun () ->
                        $"q∗N(0, Σ), λ = {largest:g4}, R² = {square:g4} in the coordinates Σ^(−½)x: λ·6(4R² + 1)·e^(4R²) (Chen, Chewi and Niles-Weed 2021)")
                else
                    Error
                        $"no log-Sobolev constant is proved here: 6(4R² + 1)·e^(4R²) with R² = {square:g4} leaves the range of a double; the modes are too far apart"
            | _ when law.Dimension = 1 ->
                Error $"not computed: {law.Count} components (at most {Limits.mostComponents} are)"
            | _ ->
                Error
                    "no log-Sobolev constant is known here for mixtures with different covariances beyond one dimension")

    /// C_P: the Poincaré constant, Var_p f ≤ C_P·E_p‖∇f‖². At most C; for q∗N(0, Σ), λ the largest eigenvalue and R
    /// the radius of the means in the coordinates Σ^(−½)x, ½λ(1 + e^(4R²)) by pairs of components; on the line
    /// Muckenhoupt's criterion (1972).
    let poincare (target: Target) level =
        ofFactors "C_P" List.maxBy target level (fun law ->
            let own = if target.Factors.Length = 1 then target else Target law

            let bySobolev =
                match logSobolev own level with
                | Ok found -> found.Value, found.Provenance
                | Error reason -> infinity, reason

            let byPairs =
                match shape level law with
                | Shared(_, largest, square) when square < 150.0 ->
                    largest * (0.5 + 0.5 * exp (4.0 * square)) * (1.0 + 1e-13),
                    $"q∗N(0, Σ), λ = {largest:g4}, R² = {square:g4} in the coordinates Σ^(−½)x: ½λ(1 + e^(4R²))"
                | _ -> infinity, ""

            let byLine =
                if law.Dimension = 1 && law.Count > 1 && law.Count <= Limits.mostComponents then
                    LogSobolevLine.poincare (LineLaw.at level law), "Muckenhoupt's criterion on the line (1972)"
                else
                    infinity, ""

            match List.minBy fst [ bySobolev; byPairs; byLine ] with
            | value, words when Double.IsFinite value -> constant value (law.Count = 1) (fun () -> words)
            | _ -> Error $"no Poincaré constant is known here: {snd bySobolev}")

    let private moments = ConditionalWeakTable<Target, (float * float)>()

    /// ‖E X‖² and tr Cov of the data; Σ w_k·(μ_k − E X)² and not a difference of squares.
    let private dataMoments (target: Target) =
        let mutable square, trace = 0.0, 0.0

        for factor in target.Factors do
            let law, d, copies = factor.Law, factor.Law.Dimension, float factor.Count

            for i in 0 .. d - 1 do
                let mutable mean = 0.0

                for k in 0 .. law.Count - 1 do
                    mean <- mean + law.Weights[k] * law.Means[k * d + i]

                let mutable spread = 0.0

                for k in 0 .. law.Count - 1 do
                    let apart = law.Means[k * d + i] - mean
                    spread <- spread + law.Weights[k] * (law.Covariance(k).Variance i + apart * apart)

                square <- square + copies * mean * mean
                trace <- trace + copies * spread

        square, trace

    /// ‖E X‖² at level (m, σ).
    let meanSquared (target: Target) (level: NoiseLevel) =
        level.Mean ** 2.0 * fst (moments.GetValue(target, dataMoments))

    /// tr Cov at level (m, σ).
    let covarianceTrace (target: Target) (level: NoiseLevel) =
        level.Mean ** 2.0 * snd (moments.GetValue(target, dataMoments)) + float target.Dimension * level.NoiseVariance

    /// E‖X‖² at level (m, σ).
    let secondMoment target level = meanSquared target level + covarianceTrace target level

    /// ς: ln E e^⟨u, X − E X⟩ ≤ ς²·‖u‖²/2 for every u. Exact for normal laws; for a mixture Σ w_k·N(μ_k, Σ_k) the
    /// largest eigenvalue of the Σ_k plus R², the means lying in a ball of radius R (Hoeffding's lemma: ⟨e, μ_k⟩ lies
    /// in an interval of length 2R).
    let subgaussian (target: Target) (level: NoiseLevel) =
        ofFactors "ς" List.maxBy target level (fun law ->
            let widest = law.Covariances |> Seq.map (fun c -> level.VarianceOf c.Largest) |> Seq.max

            if law.Count = 1 then
                constant (sqrt widest) true (fun () ->
                    "normal law: the square root of the largest eigenvalue of the covariance")
            else
                let r = level.Mean * radius law

                constant (sqrt (widest + r * r)) false (fun () ->
                    $"√(λ + R²), λ = {widest:g4} the largest eigenvalue of a component's covariance, R = {r:g4} (Hoeffding's lemma)"))
