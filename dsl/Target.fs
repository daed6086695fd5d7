namespace Sgm

/// The data distribution p on R^d, as the user wrote it. `Lower` turns it into the engine's mixture factors.
type Target =
    /// N(mean, variance·I).
    | Normal of mean: float list * variance: float
    /// N(mean, diag(variances)).
    | NormalDiag of mean: float list * variances: float list
    /// N(mean, rows), rows symmetric positive definite.
    | NormalCov of mean: float list * rows: float list list
    /// N(0, I) in dimension d.
    | Standard of dimension: int
    /// Σ weight·T over normal laws T of one dimension; the weights sum to 1 within 1e-9.
    | Mixture of (float * Target) list
    /// Independent blocks of coordinates, `count` copies of each law.
    | Product of (int * Target) list
    /// The rows of a CSV file, each convolved with N(0, bandwidth²·I).
    | Samples of file: string * bandwidth: float
    /// `Samples` after every column was brought to mean 0 and variance 1.
    | Standardized of Target

/// The words for targets, in code and in `.sgm` text.
[<AutoOpen>]
module TargetSyntax =
    /// N(mean, variance·I).
    let normal mean variance = Normal(mean, variance)
    /// N(mean, diag(variances)).
    let normalDiag mean variances = NormalDiag(mean, variances)
    /// N(mean, rows).
    let normalCov mean rows = NormalCov(mean, rows)
    /// N(0, I) in dimension d.
    let standard dimension = Standard dimension
    /// Σ weight·T.
    let mixture components = Mixture components
    /// Independent blocks: n copies of each T.
    let product factors = Product factors
    /// A data set with a Gaussian kernel of standard deviation `bandwidth` on every row.
    let samples file bandwidth = Samples(file, bandwidth)
    /// Columns of `samples` brought to mean 0 and variance 1.
    let standardized target = Standardized target
    /// The vector (v, …, v) of length d.
    let fill (dimension: int) (value: float) = List.replicate dimension value

/// Questions about a target that checking and printing share.
module Target =
    /// The targets directly inside this one.
    let children target =
        match target with
        | Mixture components -> List.map snd components
        | Product factors -> List.map snd factors
        | Standardized inner -> [ inner ]
        | Normal _
        | NormalDiag _
        | NormalCov _
        | Standard _
        | Samples _ -> []

    /// Levels of nesting.
    let depth target = Nesting.depth children target

    /// The same target with its data files named from the root, found from this directory.
    let rec inDirectory (directory: string) target =
        match target with
        | Samples(file, bandwidth) -> Samples(System.IO.Path.GetFullPath(file, directory), bandwidth)
        | Standardized inner -> Standardized(inDirectory directory inner)
        | Mixture components -> Mixture(components |> List.map (fun (weight, law) -> weight, inDirectory directory law))
        | Product factors -> Product(factors |> List.map (fun (count, law) -> count, inDirectory directory law))
        | Normal _
        | NormalDiag _
        | NormalCov _
        | Standard _ -> target
