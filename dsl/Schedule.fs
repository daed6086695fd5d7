namespace Sgm

/// A strictly decreasing list of level parameters τ₀ > τ₁ > … > τ_n ≥ 0.
type Schedule =
    /// a + (b − a)·i/n.
    | Uniform of a: float * b: float * n: int
    /// a·(b/a)^(i/n).
    | Geometric of a: float * b: float * n: int
    /// (a^(1/ρ) + (i/n)(b^(1/ρ) − a^(1/ρ)))^ρ.
    | Karras of rho: float * a: float * b: float * n: int
    /// b·(a/b)^((1 − i/n)^ρ).
    | Polyexponential of rho: float * a: float * b: float * n: int
    /// The parameters themselves.
    | Levels of float list
    /// n levels of training, β from one number to another in equal steps.
    | Linear of first: float * last: float * n: int
    /// The same with equal steps in √β.
    | ScaledLinear of first: float * last: float * n: int
    /// The same along the logistic function from −6 to 6.
    | Sigmoid of first: float * last: float * n: int
    /// n levels of training, ᾱ a squared cosine.
    | Cosine of n: int
    /// Levels of training, rescaled so that the last has m = 0.
    | ZeroSnr of Schedule
    /// Of the levels of training every (N div k)-th, from this index up.
    | Leading of offset: int * k: int * Schedule
    /// Of the levels of training k down from the last.
    | Trailing of k: int * Schedule
    /// Of the levels of training k from the last to the first.
    | Linspace of k: int * Schedule
    /// The parameters of the schedule are ρ = σ/m.
    | InRatio of Schedule
    /// The parameters of the schedule are times u of the SDE with β(u) = first + (last − first)·u.
    | InBetaTime of first: float * last: float * Schedule
    /// ρ = σ/m of every level times s.
    | Shift of s: float * Schedule
    /// The schedule, and then the data.
    | ToZero of Schedule

/// The words for schedules.
[<AutoOpen>]
module ScheduleSyntax =
    /// n + 1 levels, equally spaced.
    let uniform a b n = Uniform(a, b, n)
    /// n + 1 levels with equal ratios (k-diffusion's "exponential").
    let geometric a b n = Geometric(a, b, n)
    /// Karras et al. 2022, equation 5.
    let karras rho a b n = Karras(rho, a, b, n)
    /// k-diffusion's "polyexponential": ln τ along a power.
    let polyexponential rho a b n = Polyexponential(rho, a, b, n)
    /// The level parameters, listed.
    let levels parameters = Levels parameters
    /// DDPM's levels of training (Ho et al. 2020; diffusers "linear").
    let linear first last n = Linear(first, last, n)
    /// Stable Diffusion's levels of training (diffusers "scaled_linear").
    let scaledLinear first last n = ScaledLinear(first, last, n)
    /// diffusers "sigmoid" (GeoDiff).
    let sigmoid first last n = Sigmoid(first, last, n)
    /// Nichol & Dhariwal 2021, equation 17 (diffusers "squaredcos_cap_v2").
    let cosine n = Cosine n
    /// Lin et al. 2024, algorithm 1.
    let zeroSnr training = ZeroSnr training
    /// Every (N div k)-th level of training, from the index `offset` up.
    let leading offset k training = Leading(offset, k, training)
    /// k levels of training, down from the last.
    let trailing k training = Trailing(k, training)
    /// k levels of training, evenly from the last to the first.
    let linspace k training = Linspace(k, training)
    /// A schedule whose numbers are ρ = σ/m, under any forward process.
    let inRatio schedule = InRatio schedule
    /// A schedule whose numbers are times of the SDE with β linear in time (Song et al. 2021, equation 32).
    let inBetaTime first last schedule = InBetaTime(first, last, schedule)
    /// The VP SDE of score_sde in n equal steps of its time, from 1 to 0.
    let linearBeta first last n = InBetaTime(first, last, Uniform(1.0, 0.0, n))
    /// ρ = σ/m of every level times s: the time shift of flow matching (Esser et al. 2024, equation 23).
    let shift s schedule = Shift(s, schedule)
    /// One more level, the data: k-diffusion's `append_zero`.
    let toZero schedule = ToZero schedule

/// The parameters of a schedule by index; the end points are exact, whatever the rounding between them.
module Schedule =
    /// n: the number of transitions.
    let rec transitions schedule =
        match schedule with
        | Uniform(_, _, n)
        | Geometric(_, _, n)
        | Karras(_, _, _, n)
        | Polyexponential(_, _, _, n) -> n
        | Levels parameters -> List.length parameters - 1
        | Linear(_, _, n)
        | ScaledLinear(_, _, n)
        | Sigmoid(_, _, n)
        | Cosine n -> n - 1
        | Leading(_, k, _)
        | Trailing(k, _)
        | Linspace(k, _) -> k - 1
        | ZeroSnr inner
        | InRatio inner
        | InBetaTime(_, _, inner)
        | Shift(_, inner) -> transitions inner
        | ToZero inner -> transitions inner + 1

    /// The schedule inside this one.
    let inner schedule =
        match schedule with
        | ZeroSnr inner
        | Leading(_, _, inner)
        | Trailing(_, inner)
        | Linspace(_, inner)
        | InRatio inner
        | InBetaTime(_, _, inner)
        | Shift(_, inner)
        | ToZero inner -> Some inner
        | Uniform _
        | Geometric _
        | Karras _
        | Polyexponential _
        | Levels _
        | Linear _
        | ScaledLinear _
        | Sigmoid _
        | Cosine _ -> None

    /// Levels of nesting.
    let rec depth schedule =
        match inner schedule with
        | Some inner -> 1 + depth inner
        | None -> 1

    /// Whether its levels are ρ = σ/m of training, whatever the forward process.
    let rec isTraining schedule =
        match schedule with
        | Linear _
        | ScaledLinear _
        | Sigmoid _
        | Cosine _ -> true
        | ZeroSnr inner -> isTraining inner
        | _ -> false

    /// A function from i in 0..n to τ_i, under a forward process.
    let rec parameter forward schedule : int -> float =
        let between a b n interpolate i =
            if i = 0 then a
            elif i = n then b
            else interpolate (float i / float n)

        /// The levels of training, by their index of training.
        let picked training index =
            let all = parameter forward training
            let last = transitions training
            fun i -> all (last - index i)

        match schedule with
        | Uniform(a, b, n) -> between a b n (fun u -> a + (b - a) * u)
        | Geometric(a, b, n) -> between a b n (fun u -> a * (b / a) ** u)
        | Karras(rho, a, b, n) ->
            between a b n (fun u -> (a ** (1.0 / rho) + u * (b ** (1.0 / rho) - a ** (1.0 / rho))) ** rho)
        | Polyexponential(rho, a, b, n) -> between a b n (fun u -> b * (a / b) ** ((1.0 - u) ** rho))
        | Levels parameters ->
            let parameters = Array.ofList parameters
            fun i -> parameters[i]
        | Linear(first, last, n) -> trained forward schedule (fun () -> Training.linear first last n)
        | ScaledLinear(first, last, n) -> trained forward schedule (fun () -> Training.scaledLinear first last n)
        | Sigmoid(first, last, n) -> trained forward schedule (fun () -> Training.sigmoid first last n)
        | Cosine n -> trained forward schedule (fun () -> Training.cosine n)
        | ZeroSnr inner ->
            let times () =
                let time, last = parameter Vp inner, transitions inner
                Training.zeroSnr (Array.init (last + 1) (fun i -> time (last - i)))

            trained forward schedule times
        | Leading(offset, k, training) ->
            let every = (transitions training + 1) / k
            picked training (fun i -> (k - 1 - i) * every + offset)
        | Trailing(k, training) -> picked training (Training.trailing (transitions training + 1) k)
        | Linspace(k, training) -> picked training (Training.linspace (transitions training + 1) k)
        | InRatio inner -> parameter Ve inner >> Forward.ofRatio forward
        | InBetaTime(first, last, inner) ->
            let time u = 0.25 * (last - first) * u * u + 0.5 * first * u

            match forward with
            | Vp
            | SubVp -> parameter forward inner >> time
            | Ve
            | Rectified
            | LevelsOf _ -> parameter forward inner >> time >> Forward.ofTime forward
        | Shift(s, inner) ->
            let at = parameter forward inner
            fun i -> Forward.ofRatio forward (s * Forward.ratio forward (at i))
        | ToZero inner ->
            let at, n = parameter forward inner, transitions inner + 1
            fun i -> if i = n then 0.0 else at i

    /// Levels of training from the last to the first, their times of vp kept with the schedule.
    and private trained forward schedule times =
        let times = Training.kept (box schedule) times
        fun i -> Forward.ofTime forward times[times.Length - 1 - i]

    /// τ₀.
    let first forward schedule = parameter forward schedule 0

    /// τ_n.
    let last forward schedule = parameter forward schedule (transitions schedule)
