namespace Sgm.Verification.Certificates

open System
open System.Runtime.CompilerServices

/// Taylor coefficients f⁽ʲ⁾/j!, j = 0 … n, as brackets: at a point, or over an interval (then each holds the coefficient at every point of it).
type internal Series = Bracket[]

/// The arithmetic of Taylor series with brackets (Moore 1966): f·g, e^f and ln f by the recurrences that differentiation gives.
module internal LineSeries =
    let private zero = Bracket.Exactly 0.0

    let add (f: Series) (g: Series) : Series = Array.map2 (+) f g

    /// Σ_(first ≤ i ≤ last) f_(j−i)·g_i, rounded once: a product is right to half a unit in the last place and a sum of n
    /// terms to n − 1 of the sum of their sizes. The whole line where a term is not finite.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization ||| MethodImplOptions.NoInlining)>]
    let private dot (f: Series) (g: Series) first last j =
        let mutable low, high, sizes, finite = 0.0, 0.0, 0.0, 0.0

        for i in first..last do
            let a, b = f[j - i], g[i]
            let p, q, r, s = a.Low * b.Low, a.Low * b.High, a.High * b.Low, a.High * b.High
            let least = Double.MinNative(Double.MinNative(p, q), Double.MinNative(r, s))
            let most = Double.MaxNative(Double.MaxNative(p, q), Double.MaxNative(r, s))
            low <- low + least
            high <- high + most
            sizes <- sizes + Double.MaxNative(abs least, abs most)
            // Zeros, or what is no number.
            finite <- finite + 0.0 * (p + q + r + s)

        if finite = 0.0 then
            let rounding = sizes * 2.3e-16 * float (last - first + 2) + float (last - first + 1) * Double.Epsilon
            Bracket.Outward(low - rounding, high + rounding)
        else
            Bracket.Whole

    /// Coefficient j of f·g.
    let private product f g j = dot f g 0 j j

    let multiply (f: Series) (g: Series) : Series = Array.init f.Length (product f g)

    /// f², whose first coefficient is a square.
    let square (f: Series) : Series =
        let found = multiply f f
        found[0] <- Bracket.Both(found[0], Bracket.Square f[0])
        found

    /// e^(c₀ + c₁t + c₂t²) to order n: j·E_j = c₁·E_(j−1) + 2c₂·E_(j−2).
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let expQuadratic n (c0: Bracket) (c1: Bracket) (c2: Bracket) : Series =
        let found = Array.create (n + 1) zero
        found[0] <- Bracket.Exp c0
        let twice = 2.0 * c2

        for j in 1..n do
            let first = c1 * found[j - 1]
            let sum = if j = 1 then first else first + twice * found[j - 2]
            found[j] <- sum * Bracket.Outward(1.0 / float j, 1.0 / float j)

        found

    /// ln f: j·f₀·L_j = j·f_j − Σ_(0 < i < j) i·L_i·f_(j−i).
    let log (f: Series) : Series =
        let found, times = Array.create f.Length zero, Array.create f.Length zero
        found[0] <- Bracket.Log f[0]
        let reciprocal = Bracket.Exactly 1.0 / f[0]

        for j in 1 .. f.Length - 1 do
            times[j] <- (f[j] * float j - dot f times 1 (j - 1) j) * reciprocal
            found[j] <- times[j] / float j

        found

    /// f′: one order less.
    let derivative (f: Series) : Series = Array.init (f.Length - 1) (fun j -> f[j + 1] * float (j + 1))

    /// ∫ f·g over [c − h, c + h] from the coefficients at c and those over the interval, n the last (even) order:
    /// Σ_(even j < n) 2·(fg)_j·h^(j+1)/(j + 1) + 2·(fg)_n(interval)·h^(n+1)/(n + 1), the odd ones being 0.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let integral n (h: float) (f: Series, g: Series) (overF: Series, overG: Series) =
        let width = Bracket.Exactly h
        let mutable power = 2.0 * width
        let mutable sum = zero

        for j in 0..2..n do
            let coefficient = if j < n then product f g j else product overF overG n
            sum <- sum + coefficient * power / float (j + 1)
            power <- power * width * width

        sum
